#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "base/json.h"
#include "base/test.h"
#include "manager/api/resources.h"
#include "manager/tasks/try.h"

/*
 * Every collection, by its row: what is true of all of them is tested of each, so that a new row is
 * tested from its first day. What a row cannot say of valid values stands in examples[].
 */

/* clang-format off */
static const struct {
	const char *path, *field, *value; /* path NULL: of every collection; value NULL: left out */
} examples[] = {
	{ "directorylists",                "items",               "['/srv/']" },
	{ "filelists",                     "items",               "['/srv/a.txt']" },
	{ "fileextensionlists",            "items",               "['doc']" },
	{ "iplists",                       "items",               "['192.0.2.1','2001:db8::/32','192.0.2.1-192.0.2.9','192.0.2.0/255.255.255.0 # a net']" },
	{ "maclists",                      "items",               "['00:11:22:33:44:55']" },
	{ "portlists",                     "items",               "['80','8000-8080']" },
	{ "policies",                      "parentID",            "1" },
	{ "computers",                     "policyID",            "1" },
	{ "computers",                     "groupID",             "1" },
	{ "computers",                     "assetImportanceID",   NULL },
	{ "computers",                     "relayListID",         NULL },
	{ "computergroups",                "parentGroupID",       "1" },
	{ "softwareinventories",           "computerID",          "1" },
	{ "applicationcontrolglobalrules", "sha256",              NULL }, /* unique: made by name_value() */
	{ "firewallrules",                 "action", "'deny'" },
	{ "firewallrules",                 "frameType", "'ip'" },
	{ "firewallrules",                 "frameNot", "false" },
	{ "firewallrules",                 "protocol", "'tcp'" },
	{ "firewallrules",                 "protocolNot", "false" },
	{ "firewallrules",                 "ICMPType", NULL },
	{ "firewallrules",                 "ICMPCode", NULL },
	{ "firewallrules",                 "ICMPNot", NULL },
	{ "firewallrules",                 "frameNumber", NULL },
	{ "firewallrules",                 "protocolNumber", NULL },
	{ "firewallrules",                 "sourceIPNot", "false" },
	{ "firewallrules",                 "sourceMACNot", "false" },
	{ "firewallrules",                 "sourcePortNot", "false" },
	{ "firewallrules",                 "destinationIPNot", "false" },
	{ "firewallrules",                 "destinationMACNot", "false" },
	{ "firewallrules",                 "destinationPortNot", "false" },
	{ "firewallrules",                 "anyFlags", "false" },
	{ "firewallrules",                 "TCPNot", "false" },
	{ "firewallrules",                 "sourceIPValue",       "'192.0.2.1'" },
	{ "firewallrules",                 "sourceIPRangeFrom",   "'192.0.2.1'" },
	{ "firewallrules",                 "sourceIPRangeTo",     "'192.0.2.9'" },
	{ "firewallrules",                 "sourceIPMultiple",    "['192.0.2.1']" },
	{ "firewallrules",                 "sourceMACValue",      "'00-11-22-33-44-55'" },
	{ "firewallrules",                 "sourceMACMultiple",   "['00:11:22:33:44:55']" },
	{ "firewallrules",                 "sourcePortMultiple",  "['1-5']" },
	{ "firewallrules",                 "destinationIPValue",      "'192.0.2.1'" },
	{ "firewallrules",                 "destinationIPRangeFrom",  "'192.0.2.1'" },
	{ "firewallrules",                 "destinationIPRangeTo",    "'192.0.2.9'" },
	{ "firewallrules",                 "destinationIPMultiple",   "['192.0.2.1']" },
	{ "firewallrules",                 "destinationMACValue",     "'00-11-22-33-44-55'" },
	{ "firewallrules",                 "destinationMACMultiple",  "['00:11:22:33:44:55']" },
	{ "firewallrules",                 "destinationPortMultiple", "['1-5']" },
	{ "firewallrules",                 "scheduleID",          "4" },
	{ "intrusionpreventionrules",      "scheduleID",          "4" },
	{ "intrusionpreventionrules",      "customXML",           "'alert tcp any any -> any 80 (sid:1;)'" },
	{ "applicationtypes",              "portMultiple",        "['80']" },
	{ "antimalwareconfigurations",     "cpuUsage",            NULL }, /* on demand only */
	{ "administrators",                "password",            "'a Password 4 tests'" },
	{ "administrators",                "mfaType",             "'none'" },
	{ "administrators",                "timeFormat",          "'12'" },
	{ "administrators",                "unlockTime",          NULL },
	{ "apikeys",                       "unlockTime",          NULL },
	{ NULL,                            "roleID",              "2" },
	{ NULL,                            "dependsOnRuleIDs",    "[]" },
	{ NULL,                            "computerIDs",         "[]" },
	{ NULL,                            "computerGroupIDs",    "[1]" },
	{ "webhooks",                      "url",                 "'https://hook.test/x'" },
	{ "webhooks",                      "caCertificate",       NULL },
	{ "identityproviders",             "issuer",              "'https://idp.test/x'" },
	{ "identityproviders",             "scopes",              "'openid email'" },
	{ "identityproviders",             "caCertificate",       NULL },
	{ "syslogconfigurations",          "timeZone",            "'Asia/Tokyo'" },
	{ "syslogconfigurations",          "certificate",         NULL }, /* PEM; forward/syslog_test.c */
	{ "syslogconfigurations",          "privateKey",          NULL },
	{ "syslogconfigurations",          "caCertificate",       NULL },
	{ NULL,                            "policyIDs",           "[1]" },
	{ NULL,                            "ruleIDs",             "[]" },
};
/* clang-format on */

static unsigned count; /* of names, so that each is another one */

static json_t *quoted(const char *text)
{
	AUTO(freep) char *copy = xstrdup(text);
	for (char *p = copy; *p; p++)
		if (*p == '\'')
			*p = '"';
	return json_loads(copy, JSON_DECODE_ANY, NULL);
}

static json_t *name_value(const struct resource *r)
{
	if (strcmp(r->name_field, "sha256") == 0)
		return json_sprintf("%064x", ++count);
	return json_sprintf("one of many %u", ++count);
}

static json_t *object_value(const struct field *members);

static json_t *typical(const struct field *f)
{
	int64_t most = f->max ? f->max : 9;
	struct str first = str_of(f->choices);
	first = str_cut(&first, '|');
	switch (f->type) {
	case T_INT:
		return json_integer(f->min > 0 ? f->min : most < 3 ? most : 3);
	case T_BOOL:
		return json_true();
	case T_TEXT:
		return json_string(f->max && f->max < 12 ? "x" : "some text");
	case T_TIME:
		return json_integer(4102444800000);
	case T_CHOICE:
		return json_stringn(first.p, first.n);
	case T_TEXTS:
		return json_pack("[s,s]", "one", "two");
	case T_IDS:
		return json_pack("[i]", 1);
	case T_CHOICES:
		return json_pack("[o]", json_stringn(first.p, first.n));
	case T_BOOLS: {
		json_t *all = json_array();
		for (int i = 0; i < 168; i++)
			json_array_append_new(all, json_boolean(i % 2));
		return all;
	}
	case T_OBJECT:
		return object_value(f->members);
	case T_OBJECTS:
		return json_pack("[o]", object_value(f->members));
	}
	return NULL;
}

static json_t *object_value(const struct field *members)
{
	json_t *o = json_object();
	for (const struct field *f = members; f->name; f++)
		if (!(f->flags & F_READ_ONLY))
			json_set(o, f->name, typical(f));
	return o;
}

static bool is_reference(const struct field *f)
{
	struct str name = str_of(f->name);
	return f->type == T_INT && str_ends(name, STR("ID")) && !(f->flags & F_REQUIRED);
}

/* A valid value, or NULL where there is none to be found without other objects. */
static json_t *value_of(const struct resource *r, const struct field *f)
{
	if (r->name_field && strcmp(f->name, r->name_field) == 0)
		return name_value(r);
	for (size_t i = 0; i < ARRAY_LEN(examples); i++)
		if (strcmp(examples[i].field, f->name) == 0 &&
		    (!examples[i].path || strcmp(examples[i].path, r->path) == 0))
			return examples[i].value ? quoted(examples[i].value) : NULL;
	if (strcmp(f->name, "sha256") == 0)
		return json_sprintf("%064x", 7u);
	return is_reference(f) ? NULL : typical(f);
}

static json_t *example(const struct resource *r, bool full)
{
	json_t *o = json_object();
	for (const struct field *f = r->fields; f->name; f++) {
		bool needed = f->flags & F_REQUIRED || strcmp(f->name, "password") == 0;
		if (f->flags & F_READ_ONLY || !(full || needed))
			continue;
		json_t *v = value_of(r, f);
		if (v)
			json_set(o, f->name, v);
	}
	return o;
}

/* "/api/policies/1/interfacetypes" */
static void base_of(const struct resource *r, char out[static 120])
{
	struct str inner = str_of(r->path);
	struct str first = str_cut(&inner, '/');
	if (inner.p)
		snprintf(out, 120, "/api/%.*s/1/%.*s", STR_ARG(first), STR_ARG(inner));
	else
		snprintf(out, 120, "/api/%s", r->path);
}

static json_t *ask(struct try *t, const char *method, const struct resource *r, const char *more,
                   const json_t *body)
{
	char path[200], base[120];
	AUTO(buf_done) struct buf b = { 0 };
	base_of(r, base);
	snprintf(path, sizeof(path), "%s%s", base, more);
	if (body)
		json_write(&b, body);
	json_t *out = try_ask_exactly(t, method, path, b.p);
	return out;
}

static const char *at(int64_t id)
{
	static char text[24];
	snprintf(text, sizeof(text), "/%lld", (long long)id);
	return text;
}

static json_t *made(struct try *t, const struct resource *r, const json_t *body)
{
	json_t *o = ask(t, "POST", r, "", body);
	if (t->status != 200)
		fail_msg("create %s: %d %s", r->path, t->status, t->text);
	return json_incref(o);
}

static bool says(const struct try *t, const char *what)
{
	return strstr(json_text(t->out, "message", ""), what) != NULL;
}

/* Only the message, compact: clients cut it out with string search. */
static void must_refuse(const struct try *t, const struct resource *r, const char *why, int status,
                        const char *message)
{
	if (t->status != status || !says(t, message))
		fail_msg("%s: %s: %d %s, expected %d %s", r->path, why, t->status, t->text, status,
		         message);
	assert_int_equal(json_object_size(t->out), 1);
	assert_true(strncmp(t->text, "{\"message\":\"", 12) == 0);
}

typedef void (*probe)(struct try *t, const struct resource *r);

/* Their members depend on each other in ways that no table says; their own tests make them. */
static bool of_their_own(const struct resource *r)
{
	return choice_has("scheduledtasks|eventbasedtasks|certificates", r->path);
}

static void of_each(void **state, unsigned verbs, probe look)
{
	struct try *t = *state;
	size_t n = 0;
	for (const struct resource *const *f = resource_families; *f; f++) {
		for (const struct resource *r = *f; r->path; r++) {
			if ((r->verbs & verbs) != verbs || (verbs & V_CREATE && of_their_own(r)))
				continue;
			look(t, r);
			n++;
		}
	}
	assert_true(n > 0);
}

/* ---- what is true of each ---- */

static void look_defaults(struct try *t, const struct resource *r)
{
	AUTO(json_decrefp) json_t *body = example(r, false);
	AUTO(json_decrefp) json_t *o = made(t, r, body);
	bool own = strcmp(r->path, "antimalwareconfigurations") == 0 ||
	           strcmp(r->path, "policies") == 0 || strcmp(r->path, "roles") == 0;
	for (const struct field *f = r->fields; f->name && !own; f++) {
		if (!f->otherwise || f->flags & (F_SECRET | F_OMIT_EMPTY | F_READ_ONLY) ||
		    json_object_get(body, f->name))
			continue;
		AUTO(json_decrefp) json_t *want = json_loads(f->otherwise, JSON_DECODE_ANY, NULL);
		if (!json_equal(want, json_object_get(o, f->name)))
			fail_msg("%s: default of %s is not %s in %s", r->path, f->name,
			         f->otherwise, t->text);
	}
}

static void the_smallest_object_gets_the_defaults_of_its_table(void **state)
{
	of_each(state, V_CREATE, look_defaults);
}

static void check_same(const struct resource *r, const json_t *body, const json_t *o,
                       const char *text)
{
	for (const struct field *f = r->fields; f->name; f++) {
		const json_t *given = json_object_get(body, f->name),
			     *have = json_object_get(o, f->name);
		if (f->flags & F_SECRET && have)
			fail_msg("%s: %s is shown", r->path, f->name);
		if (!given || f->flags & (F_SECRET | F_READ_ONLY))
			continue;
		if (f->flags & F_OMIT_EMPTY && !have && json_array_size(given) == 0)
			continue;
		if (!have || !json_equal(given, have))
			fail_msg("%s: %s is another one in %s", r->path, f->name, text);
	}
}

static void look_full(struct try *t, const struct resource *r)
{
	AUTO(json_decrefp) json_t *body = example(r, true);
	json_set_text(body, "somethingUnknown", "is left alone");
	json_set_int(body, "ID", 987654321);
	AUTO(json_decrefp) json_t *o = made(t, r, body);
	json_object_del(body, "ID");
	check_same(r, body, o, t->text);
	assert_null(json_object_get(o, "somethingUnknown"));
	assert_int_not_equal(json_int(o, "ID", 0), 987654321);
	json_t *again = ask(t, "GET", r, at(json_int(o, "ID", 0)), NULL);
	assert_int_equal(t->status, 200);
	check_same(r, body, again, t->text);
}

static void every_member_comes_back_as_it_was_given(void **state)
{
	of_each(state, V_CREATE | V_GET, look_full);
}

static void look_order(struct try *t, const struct resource *r)
{
	AUTO(json_decrefp) json_t *body = example(r, true);
	AUTO(json_decrefp) json_t *o = made(t, r, body);
	const struct field *f = r->fields;
	const char *key;
	json_t *v;
	json_object_foreach (o, key, v) {
		if (!field_find(r->fields, key))
			continue; /* show() completed it */
		while (f->name && strcmp(f->name, key) != 0)
			f++;
		if (!f->name)
			fail_msg("%s: %s stands in the wrong place: %s", r->path, key, t->text);
	}
	assert_null(strstr(t->text, ": "));
}

static void members_stand_in_the_order_of_the_table(void **state)
{
	of_each(state, V_CREATE, look_order);
}

static void look_list(struct try *t, const struct resource *r)
{
	int64_t id = 0;
	if (r->verbs & V_CREATE && !of_their_own(r)) {
		AUTO(json_decrefp) json_t *body = example(r, false);
		AUTO(json_decrefp) json_t *o = made(t, r, body);
		id = json_int(o, "ID", 0);
	}
	json_t *out = ask(t, "GET", r, "", NULL);
	if (t->status != 200 || !json_is_array(json_object_get(out, r->list)))
		fail_msg("list %s: %d %s", r->path, t->status, t->text);
	assert_int_equal(json_object_size(out), r->count ? 2 : 1);
	bool found = id == 0;
	size_t i;
	json_t *v;
	json_array_foreach (json_object_get(out, r->list), i, v)
		found |= json_int(v, "ID", 0) == id;
	assert_true(found);
}

static void a_list_has_its_key_and_its_objects(void **state)
{
	of_each(state, V_LIST, look_list);
}

static json_t *other_value(const struct resource *r, const struct field *f)
{
	if (f->type == T_BOOL)
		return json_false();
	return value_of(r, f);
}

static void look_modify(struct try *t, const struct resource *r)
{
	AUTO(json_decrefp) json_t *body = example(r, true);
	AUTO(json_decrefp) json_t *o = made(t, r, body);
	const char *where = at(json_int(o, "ID", 0));
	for (const struct field *f = r->fields; f->name; f++) {
		json_t *v = f->flags & (F_READ_ONLY | F_SECRET) ? NULL : other_value(r, f);
		if (!v)
			continue;
		AUTO(json_decrefp) json_t *part = json_pack("{s:o}", f->name, v);
		json_t *now = ask(t, "POST", r, where, part);
		if (t->status != 200)
			fail_msg("modify %s of %s: %d %s", f->name, r->path, t->status, t->text);
		json_object_update(body, part);
		check_same(r, body, now, t->text);
	}
}

static void modifying_changes_only_what_is_given(void **state)
{
	of_each(state, V_CREATE | V_MODIFY, look_modify);
}

/* What is wrong for a type; NULL: nothing is. */
static json_t *bad_value(const struct field *f, int which)
{
	switch (which) {
	case 0:
		return f->type == T_OBJECT || f->type == T_OBJECTS ? json_string("no object")
		                                                   : json_object();
	case 1:
		return f->type == T_TEXT || f->type == T_TEXTS ? json_integer(7)
		                                               : json_string("of no kind at all");
	case 2:
		if (f->type == T_INT && f->max)
			return json_integer(f->max + 1);
		if (f->type == T_TEXT && f->max && f->max < 100000) {
			AUTO(buf_done) struct buf b = { 0 };
			for (int64_t i = 0; i <= f->max; i++)
				buf_char(&b, 'x');
			return json_string(b.p);
		}
		return NULL;
	default:
		return f->type == T_INT && f->min >= 0 ? json_integer(f->min - 1) : NULL;
	}
}

static void look_bad(struct try *t, const struct resource *r)
{
	for (const struct field *f = r->fields; f->name; f++) {
		for (int which = 0; which < 4; which++) {
			json_t *bad = f->flags & F_READ_ONLY ? NULL : bad_value(f, which);
			if (!bad)
				continue;
			char message[120];
			AUTO(json_decrefp) json_t *body = example(r, false);
			json_set(body, f->name, bad);
			ask(t, "POST", r, "", body);
			snprintf(message, sizeof(message), "Invalid value for %s.", f->name);
			must_refuse(t, r, f->name, 400, message);
		}
	}
}

static void every_bad_value_is_refused_by_its_name(void **state)
{
	of_each(state, V_CREATE, look_bad);
}

static void look_required(struct try *t, const struct resource *r)
{
	for (const struct field *f = r->fields; f->name; f++) {
		if (!(f->flags & F_REQUIRED) || f->flags & F_READ_ONLY)
			continue;
		char message[120];
		AUTO(json_decrefp) json_t *body = example(r, true);
		json_object_del(body, f->name);
		ask(t, "POST", r, "", body);
		snprintf(message, sizeof(message), "%s is required.", f->name);
		must_refuse(t, r, "missing", 400, message);
	}
	ask(t, "POST", r, "", NULL);
	must_refuse(t, r, "no body", 400, "A JSON object is expected.");
}

static void what_is_required_must_be_there(void **state)
{
	of_each(state, V_CREATE, look_required);
}

static void look_unique(struct try *t, const struct resource *r)
{
	if (!r->name_field)
		return;
	AUTO(json_decrefp) json_t *body = example(r, false);
	AUTO(json_decrefp) json_t *first = made(t, r, body);
	assert_non_null(first);
	ask(t, "POST", r, "", body);
	must_refuse(t, r, "twice", 400, "name already exists");
	must_refuse(t, r, "twice", 400, "Name must be unique");
	if (!(r->verbs & V_MODIFY))
		return;
	AUTO(json_decrefp) json_t *other = example(r, false);
	AUTO(json_decrefp) json_t *second = made(t, r, other);
	AUTO(json_decrefp)
	json_t *rename = json_pack("{s:O}", r->name_field, json_object_get(body, r->name_field));
	ask(t, "POST", r, at(json_int(second, "ID", 0)), rename);
	must_refuse(t, r, "renamed", 400, "name already exists");
}

static void a_name_is_there_once(void **state)
{
	of_each(state, V_CREATE, look_unique);
}

static void look_lenient(struct try *t, const struct resource *r)
{
	AUTO(json_decrefp) json_t *body = example(r, true);
	AUTO(json_decrefp) json_t *loose = json_deep_copy(body);
	for (const struct field *f = r->fields; f->name; f++) {
		json_t *v = json_object_get(body, f->name);
		if (!v)
			continue;
		if (f->type == T_BOOL)
			json_set_text(loose, f->name, json_is_true(v) ? "TRUE" : "False");
		else if (f->type == T_INT)
			json_set(loose, f->name, json_sprintf("%lld", json_integer_value(v)));
		else if (json_is_array(v) && json_array_size(v) == 1)
			json_set(loose, f->name, json_incref(json_array_get(v, 0)));
		else if (f->type == T_TEXTS && strcmp(f->name, "items") != 0 && !json_array_size(v))
			json_set(loose, f->name, json_null());
	}
	if (r->name_field) {
		json_set(loose, r->name_field, name_value(r));
		json_set(body, r->name_field, json_incref(json_object_get(loose, r->name_field)));
	}
	AUTO(json_decrefp) json_t *o = made(t, r, loose);
	check_same(r, body, o, t->text);
}

static void texts_for_numbers_and_truths_and_a_lone_entry_are_taken(void **state)
{
	of_each(state, V_CREATE, look_lenient);
}

static void look_delete(struct try *t, const struct resource *r)
{
	AUTO(json_decrefp) json_t *body = example(r, false);
	AUTO(json_decrefp) json_t *o = made(t, r, body);
	char where[24];
	snprintf(where, sizeof(where), "%s", at(json_int(o, "ID", 0)));
	ask(t, "DELETE", r, where, NULL);
	if (t->status != 204 || t->text[0])
		fail_msg("delete %s: %d %s", r->path, t->status, t->text);
	static const char *const methods[] = { "GET", "POST", "DELETE" };
	for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
		ask(t, methods[i], r, where, body);
		must_refuse(t, r, methods[i], 404, "does not exist");
	}
	AUTO(json_decrefp) json_t *again = made(t, r, body);
	assert_true(json_int(again, "ID", 0) > json_int(o, "ID", 0));
}

static void what_was_deleted_is_gone_and_its_id_is_not_used_again(void **state)
{
	of_each(state, V_CREATE | V_DELETE, look_delete);
}

static void look_verbs(struct try *t, const struct resource *r)
{
	static const struct {
		unsigned verb; /* 0: no collection has it */
		const char *method, *more;
	} rows[] = { { V_CREATE, "POST", "" }, { 0, "DELETE", "" }, { 0, "PUT", "" } };
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		bool many =
			strcmp(r->path, "computers") == 0 && strcmp(rows[i].method, "DELETE") == 0;
		bool deed =
			strcmp(r->path, "agentversioncontrolprofiles/agentversioncontrols") == 0;
		if (r->verbs & rows[i].verb || many || deed)
			continue;
		AUTO(json_decrefp) json_t *body = json_object();
		ask(t, rows[i].method, r, rows[i].more, body);
		must_refuse(t, r, rows[i].method, 405, "not allowed");
	}
	ask(t, "GET", r, "/987654321", NULL);
	must_refuse(t, r, "no such ID", 404, "does not exist");
	ask(t, "GET", r, "/nonsense", NULL);
	must_refuse(t, r, "no number", 404, "does not exist");
}

static void methods_that_a_collection_does_not_have_are_refused(void **state)
{
	of_each(state, 0, look_verbs);
}

/* ---- searches ---- */

static size_t hits(struct try *t, const struct resource *r, json_t *criterion)
{
	AUTO(json_decrefp) json_t *body = json_pack("{s:[o]}", "searchCriteria", criterion);
	json_t *out = ask(t, "POST", r, "/search", body);
	if (t->status != 200) {
		AUTO(buf_done) struct buf b = { 0 };
		json_write(&b, body);
		fail_msg("search %s %s: %d %s", r->path, b.p, t->status, t->text);
	}
	return json_array_size(json_array_at(out, r->list));
}

/* A criterion that fits a value, with its test; NULL: of a kind that has none. */
static json_t *criterion_for(const struct field *f, const json_t *v, bool equal)
{
	const char *test = equal ? "equal" : "not-equal";
	json_t *value = json_is_array(v) ? json_array_get(v, 0) : (json_t *)(uintptr_t)v;
	switch (f->type) {
	case T_INT:
	case T_IDS:
		return value ? json_pack("{s:s,s:O,s:s}", "fieldName", f->name, "numericValue",
		                         value, "numericTest", test)
		             : NULL;
	case T_BOOL:
		return json_pack("{s:s,s:b}", "fieldName", f->name, "booleanTest",
		                 json_is_true(v) == equal);
	case T_TEXT:
	case T_TEXTS:
		return value ? json_pack("{s:s,s:O,s:s,s:b}", "fieldName", f->name, "stringValue",
		                         value, "stringTest", test, "stringWildcards", 0)
		             : NULL;
	case T_CHOICE:
	case T_CHOICES:
		return value ? json_pack("{s:s,s:O,s:s}", "fieldName", f->name, "choiceValue",
		                         value, "choiceTest", test)
		             : NULL;
	case T_TIME:
		return json_pack("{s:s,s:O,s:O}", "fieldName", f->name, "firstDateValue", v,
		                 "lastDateValue", v);
	case T_BOOLS:
	case T_OBJECT:
	case T_OBJECTS:
		break;
	}
	return NULL;
}

static json_t *by_id(int64_t id)
{
	return json_pack("{s:I,s:s}", "idValue", (json_int_t)id, "idTest", "equal");
}

/* How many of {the criterion and this ID}: 1 or 0. */
static size_t fits(struct try *t, const struct resource *r, int64_t id, json_t *criterion)
{
	AUTO(json_decrefp)
	json_t *body = json_pack("{s:[o,o]}", "searchCriteria", criterion, by_id(id));
	json_t *out = ask(t, "POST", r, "/search", body);
	if (t->status != 200) {
		AUTO(buf_done) struct buf b = { 0 };
		json_write(&b, body);
		fail_msg("search %s %s: %d %s", r->path, b.p, t->status, t->text);
	}
	return json_array_size(json_array_at(out, r->list));
}

static void look_search(struct try *t, const struct resource *r)
{
	AUTO(json_decrefp) json_t *body = example(r, true);
	AUTO(json_decrefp) json_t *o = made(t, r, body);
	int64_t id = json_int(o, "ID", 0);
	for (const struct field *f = r->fields; f->name; f++) {
		if (strcmp(f->name, "ID") == 0)
			continue;
		const json_t *v = json_object_get(o, f->name);
		if (f->flags & (F_NOT_SEARCHED | F_SECRET)) {
			AUTO(json_decrefp)
			json_t *hidden = json_pack("{s:[{s:s,s:b}]}", "searchCriteria", "fieldName",
			                           f->name, "nullTest", 1);
			ask(t, "POST", r, "/search", hidden);
			must_refuse(t, r, f->name, 400, "Unknown search field");
			continue;
		}
		json_t *is = v ? criterion_for(f, v, true) : NULL;
		json_t *no = v && f->type != T_TIME ? criterion_for(f, v, false) : NULL;
		bool one = !json_is_array(v) || json_array_size(v) == 1;
		if (is && fits(t, r, id, is) != 1)
			fail_msg("%s: %s is not found", r->path, f->name);
		if (no && !one)
			json_decref(no);
		else if (no && fits(t, r, id, no) != 0)
			fail_msg("%s: %s is found by not-equal", r->path, f->name);
		size_t null =
			fits(t, r, id, json_pack("{s:s,s:b}", "fieldName", f->name, "nullTest", 1));
		assert_int_equal(null, v ? 0 : 1);
		assert_int_equal(
			fits(t, r, id,
		             json_pack("{s:s,s:s}", "fieldName", f->name, "nullTest", "False")),
			v ? 1 : 0);
	}
}

static void every_member_is_found_by_its_kind_of_search(void **state)
{
	of_each(state, V_CREATE | V_SEARCH, look_search);
}

static void look_bad_search(struct try *t, const struct resource *r)
{
	static const struct {
		const char *why, *body, *message;
	} rows[] = {
		{ "no field", "{'searchCriteria':[{'fieldName':'noSuch','stringValue':'x'}]}",
		  "Unknown search field noSuch." },
		{ "case", "{'searchCriteria':[{'fieldName':'NAME','stringValue':'x'}]}",
		  "Unknown search field NAME." },
		{ "nothing", "{'searchCriteria':[{}]}",
		  "A search criterion has no value or test." },
		{ "no object", "{'searchCriteria':['x']}", "A search criterion is no object." },
		{ "test", "{'searchCriteria':[{'idValue':1,'idTest':'like'}]}", "Invalid idTest." },
		{ "value", "{'searchCriteria':[{'idValue':'x'}]}", "Invalid value for idValue." },
		{ "many", "{'maxItems':5001}", "maxItems is 5000 at most." },
		{ "few", "{'maxItems':-1}", "Invalid maxItems." },
		{ "sort", "{'sortByObjectID':'perhaps'}", "Invalid sortByObjectID." },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO(json_decrefp) json_t *body = quoted(rows[i].body);
		ask(t, "POST", r, "/search", body);
		must_refuse(t, r, rows[i].why, 400, rows[i].message);
	}
	for (const struct field *f = r->fields; f->name; f++) {
		if (f->flags & (F_NOT_SEARCHED | F_SECRET) || strcmp(f->name, "ID") == 0)
			continue;
		bool text = f->type == T_TEXT || f->type == T_TEXTS || f->type == T_CHOICES;
		AUTO(json_decrefp)
		json_t *body = text ? json_pack("{s:[{s:s,s:i}]}", "searchCriteria", "fieldName",
		                                f->name, "numericValue", 1)
		                    : json_pack("{s:[{s:s,s:s}]}", "searchCriteria", "fieldName",
		                                f->name, "stringValue", "x");
		ask(t, "POST", r, "/search", body);
		must_refuse(t, r, f->name, 400, "cannot be searched by");
	}
}

static void a_search_that_makes_no_sense_is_refused(void **state)
{
	of_each(state, V_SEARCH, look_bad_search);
}

static void look_pages(struct try *t, const struct resource *r)
{
	for (int i = 0; i < 4; i++) {
		AUTO(json_decrefp) json_t *body = example(r, false);
		json_decref(made(t, r, body));
	}
	json_t *whole = json_incref(ask(t, "POST", r, "/search", NULL));
	size_t all = json_array_size(json_array_at(whole, r->list)), seen = 0;
	int64_t last = 0;
	json_decref(whole);
	for (size_t pages = 0; pages < 1000; pages++) {
		AUTO(json_decrefp)
		json_t *body = json_pack("{s:i,s:{s:I,s:s}}", "maxItems", 3, "searchCriteria",
		                         "idValue", (json_int_t)last, "idTest", "greater-than");
		const json_t *list = json_array_at(ask(t, "POST", r, "/search", body), r->list);
		if (json_array_size(list) == 0)
			break;
		for (size_t i = 0; i < json_array_size(list); i++) {
			int64_t id = json_int(json_array_get(list, i), "ID", 0);
			assert_true(id > last);
			last = id;
			seen++;
		}
	}
	assert_int_equal(seen, all);
	assert_true(all >= 4);
	if (r->name_field && field_find(r->fields, r->name_field)->type == T_TEXT &&
	    !(field_find(r->fields, r->name_field)->flags & F_NOT_SEARCHED))
		assert_true(hits(t, r,
		                 json_pack("{s:s,s:s}", "fieldName", r->name_field, "stringValue",
		                           "%_%")) >= 4);
}

static void paging_by_id_sees_everything_once(void **state)
{
	of_each(state, V_CREATE | V_SEARCH, look_pages);
}

static int with_owners(void **state)
{
	int rc = try_setup(state);
	struct try *t = *state;
	/* Collections inside objects are looked at in number 1. */
	try_must(t, 200, "POST", "/api/computers", "{'hostName':'the first'}");
	try_must(t, 200, "POST", "/api/rulesets", "{'name':'the first'}");
	try_must(t, 200, "POST", "/api/softwareinventories", "{'name':'the first','computerID':1}");
	return rc;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_smallest_object_gets_the_defaults_of_its_table),
		cmocka_unit_test(every_member_comes_back_as_it_was_given),
		cmocka_unit_test(members_stand_in_the_order_of_the_table),
		cmocka_unit_test(a_list_has_its_key_and_its_objects),
		cmocka_unit_test(modifying_changes_only_what_is_given),
		cmocka_unit_test(every_bad_value_is_refused_by_its_name),
		cmocka_unit_test(what_is_required_must_be_there),
		cmocka_unit_test(a_name_is_there_once),
		cmocka_unit_test(texts_for_numbers_and_truths_and_a_lone_entry_are_taken),
		cmocka_unit_test(what_was_deleted_is_gone_and_its_id_is_not_used_again),
		cmocka_unit_test(methods_that_a_collection_does_not_have_are_refused),
		cmocka_unit_test(every_member_is_found_by_its_kind_of_search),
		cmocka_unit_test(a_search_that_makes_no_sense_is_refused),
		cmocka_unit_test(paging_by_id_sees_everything_once),
	};
	return cmocka_run_group_tests(tests, with_owners, try_teardown);
}
