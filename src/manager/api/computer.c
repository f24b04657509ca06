#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "base/json.h"
#include "manager/api/policy.h"

/* The collection of computers. */

/* clang-format off */
const struct field computer_fields[] = {
	{ "hostName",              T_TEXT, F_REQUIRED, .max = 254, .doc = "the name it reports or was given" },
	{ "displayName",           T_TEXT, 0, .otherwise = "\"\"", .max = 254, .doc = "shown instead" },
	{ "description",           T_TEXT, 0, .otherwise = "\"\"", .max = 2000, .doc = "in own words" },
	{ "lastIPUsed",            T_TEXT, F_READ_ONLY, .otherwise = "\"\"", .doc = "where its agent called from" },
	{ "platform",              T_TEXT, F_READ_ONLY, .otherwise = "\"Unknown\"", .doc = "its operating system" },
	{ "groupID",               T_INT,  0, .otherwise = "0", .doc = "0: the root group" },
	{ "policyID",              T_INT,  F_OMIT_EMPTY, .doc = "the policy it obeys" },
	{ "assetImportanceID",     T_INT,  F_OMIT_EMPTY, .doc = "accepted" },
	{ "relayListID",           T_INT,  0, .otherwise = "0", .doc = "accepted" },
	{ "agentFingerPrint",      T_TEXT, F_READ_ONLY | F_OMIT_EMPTY, .doc = "SHA-256 of its certificate" },
	{ "lastAgentCommunication",T_TIME, F_READ_ONLY | F_OMIT_EMPTY, .doc = "its last call" },
	{ "lastSendPolicyRequest", T_TIME, F_READ_ONLY | F_OMIT_EMPTY, .doc = "" },
	{ "lastSendPolicySuccess", T_TIME, F_READ_ONLY | F_OMIT_EMPTY, .doc = "" },
	{ "agentVersion",          T_TEXT, F_READ_ONLY, .otherwise = "\"0.0.0.0\"", .doc = "0.0.0.0: none" },
	{ "hostGUID",              T_TEXT, F_READ_ONLY | F_OMIT_EMPTY, .doc = "its identity" },
	{ "ID",                    T_INT,  F_READ_ONLY, .doc = "given by the manager" },
	{ 0 },
};

/* clang-format on */

/* ---- expand ---- */

static bool is_module(const char *key)
{
	for (const struct policy_module *m = policy_modules; m->key; m++)
		if (strcmp(m->key, key) == 0)
			return true;
	return false;
}

/* "expand=a&expand=b" or "expand=a,b"; all without one. */
static bool expands(const struct request *rq, const char *what)
{
	const json_t *all = json_array_at(rq->query, "expand");
	size_t i;
	json_t *v;
	if (json_array_size(all) == 0)
		return true;
	json_array_foreach ((json_t *)(uintptr_t)all, i, v) {
		for (struct str rest = str_of(json_string_value(v)); rest.p;) {
			struct str word = str_trim(str_cut(&rest, ','));
			if (str_is(word, "all") || str_is(word, what) ||
			    (str_is(word, "allSecurityModules") && is_module(what)))
				return true;
		}
	}
	return false;
}

/* What is computed from the policies above, and what an agent's status is needed for. */
static bool expands_policy(const struct request *rq)
{
	for (const struct policy_module *m = policy_modules; m->key; m++)
		if (expands(rq, m->key))
			return true;
	return expands(rq, "computerSettings");
}

static bool expands_status(const struct request *rq)
{
	return expands(rq, "computerStatus") || expands(rq, "securityUpdates") ||
	       expands(rq, "interfaces");
}

bool computer_is_plain(const struct request *rq)
{
	return !query_true(rq, "overrides") && !expands_policy(rq) && !expands_status(rq) &&
	       !expands(rq, "tasks");
}

/* ---- changing ---- */

int computer_check(struct call *c, int64_t id, const json_t *old, json_t *o)
{
	static const struct {
		const char *field, *kind;
	} needs[] = { { "policyID", "policies" }, { "groupID", "computergroups" } };
	const json_t *set = json_object_at(c->body, "computerSettings");
	(void)old;
	for (size_t i = 0; i < ARRAY_LEN(needs); i++) {
		int64_t ref = json_int(o, needs[i].field, 0);
		AUTO(json_decrefp)
		json_t *there = ref ? object_get(c->app->store, needs[i].kind, ref) : NULL;
		if (ref && !there)
			return err_set(&c->why, -EINVAL, "%s %lld does not exist.", needs[i].field,
			               (long long)ref);
	}
	int rc = modules_take(c, "computers", o);
	if (rc == 0 && set)
		rc = settings_take(c, SCOPE_POLICY, set, member_of(o, "settings"));
	drop_empty(o);
	if (rc == 0)
		rc = malware_right(c, "computers", id, o);
	return rc < 0 ? rc : firewall_right(c, "computers", id, o);
}

void computer_changed(struct call *c, int64_t id, const json_t *old, const json_t *o)
{
	if (!o)
		agent_forget(c->app, id);
	else if (old)
		policies_due(c->app, id);
	/* Its name is part of what its agent is told. */
	if (o && old && strcmp(computer_shown(old), computer_shown(o)) != 0)
		policy_afresh(c->app, id);
	stream_say(c->app, "computers", "computer",
	           json_pack("{s:s,s:{s:I}}", "op",
	                     !old ? "create"
	                     : !o ? "delete"
	                          : "update",
	                     "object", "ID", (json_int_t)id));
}

int computer_may_delete(struct call *c, int64_t id)
{
	(void)c, (void)id;
	return 0;
}

/* ---- showing ---- */

struct agent_row {
	bool there, online;
	int64_t seen, sent;
	char fingerprint[65];
	json_t *status; /* owned */
};

static void agent_row_done(struct agent_row *row)
{
	json_decref(row->status);
}

static void agent_row(struct app *a, int64_t computer, bool status, struct agent_row *out)
{
	struct rows r;
	*out = (struct agent_row){ 0 };
	int rc = store_query(a->store, STMT_AGENT_GET, ARGS(VAL_INT(computer)), &r);
	if (rc == 0 && rows_next(&r) == 1) {
		out->there = true;
		snprintf(out->fingerprint, sizeof(out->fingerprint), "%.*s",
		         STR_ARG(col_str(&r, 1)));
		out->seen = r.col[2].i;
		out->online = r.col[3].i;
		if (status)
			out->status = json_parse(col_str(&r, 4), NULL);
		out->sent = r.col[6].i;
	}
	rows_done(&r);
}

/* What an agent does not say of a module: it has none. */
static void absent_words(const struct chain *ch, const struct policy_module *m, struct err *out)
{
	struct err words;
	module_words(ch, m, &words);
	const char *rules = m->rules ? strrchr(words.text, ',') : NULL;
	err_set(out, 0, "Off, not installed%s", rules ? rules : "");
}

static json_t *module_status(const struct chain *ch, const struct policy_module *m,
                             const struct agent_row *row)
{
	const json_t *told = json_object_at(json_object_at(row->status, "modules"), m->path);
	bool built = strcmp(m->path, "antimalware") == 0 || told;
	char state[16];
	struct err words = { { 0 } };
	module_state(ch, m, state);
	bool on = strcmp(state, "off") != 0;
	const char *message = json_text(told, "message", NULL), *word = "inactive";
	if (!row->there)
		message = "Not Activated";
	else if (!built)
		absent_words(ch, m, &words);
	else if (!row->online)
		message = on ? "On, agent offline" : "Off";
	else if (!message)
		message = on ? "On, waiting for the agent" : "Off";
	if (row->there && on)
		word = !row->online || !told             ? "warning"
		       : json_bool(told, "error", false) ? "error"
		                                         : "active";
	return json_pack("{s:s,s:s}", "agentStatus", word, "agentStatusMessage",
	                 words.text[0] ? words.text : message);
}

static json_t *computer_status(const struct agent_row *row)
{
	if (!row->there)
		return json_pack("{s:s,s:[s]}", "agentStatus", "inactive", "agentStatusMessages",
		                 "Unmanaged (Unknown)");
	json_t *o = json_pack("{s:s,s:[s]}", "agentStatus", row->online ? "active" : "warning",
	                      "agentStatusMessages",
	                      row->online ? "Managed (Online)" : "Managed (Offline)");
	const json_t *more = json_array_at(row->status, "messages");
	if (row->online && json_array_size(more)) {
		json_set_text(o, "agentStatus", "warning");
		json_array_extend(json_object_get(o, "agentStatusMessages"),
		                  (json_t *)(uintptr_t)more);
	}
	return o;
}

/* What its agent has to find malware with. */
static json_t *security_updates(const struct agent_row *row)
{
	const json_t *am = json_object_at(json_object_at(row->status, "modules"), "antimalware");
	const json_t *told = json_object_at(am, "signatures");
	const char *epoch = json_text(told, "epoch", "");
	bool has = *epoch != '\0';
	json_t *o = json_object();
	json_set(o, "updateStatus",
	         json_pack("{s:s,s:s}", "status", has ? "active" : "inactive", "statusMessage",
	                   has ? "Signatures are loaded" : "No signatures are known"));
	json_set(o, "rules", json_array());
	json_set(o, "antiMalware",
	         has ? json_pack("[{s:s,s:s,s:s,s:s}]", "name", "Signatures", "forUseBy", "Agent",
	                         "platform", "Linux", "version", epoch)
	             : json_array());
	json_set(o, "webReputationService", json_array());
	json_set(o, "manifests", json_array());
	json_set(o, "other", json_array());
	return o;
}

static void agent_facts(json_t *o, const struct agent_row *row)
{
	if (!row->there)
		return;
	json_set_text(o, "agentFingerPrint", row->fingerprint);
	json_set_int(o, "lastAgentCommunication", row->seen);
	if (row->sent)
		json_set_int(o, "lastSendPolicySuccess", row->sent);
}

/* What stands between the scalars and the ID on the wire. */
static void show_parts(const struct request *rq, const struct agent_row *row, json_t *o)
{
	if (expands(rq, "computerStatus"))
		json_set(o, "computerStatus", computer_status(row));
	if (expands(rq, "tasks"))
		json_set(o, "tasks", json_pack("{s:[],s:[]}", "agentTasks", "applianceTasks"));
	if (expands(rq, "securityUpdates"))
		json_set(o, "securityUpdates", security_updates(row));
	if (expands(rq, "interfaces")) {
		json_t *list = json_object_get(row->status, "interfaces");
		json_set(o, "interfaces",
		         json_pack("{s:o}", "interfaces", list ? json_incref(list) : json_array()));
	}
}

void computer_show(struct call *c, int64_t id, const json_t *full, json_t *o)
{
	AUTO(chain_done) struct chain ch = { .n = 0 };
	AUTO(agent_row_done) struct agent_row row = { 0 };
	bool own = query_true(c->rq, "overrides");
	/* A list of thousands pays only for what it shows. */
	bool parts = own || expands_policy(c->rq);
	if (parts)
		chain_of(c->app, &ch, "computers", id, full);
	agent_row(c->app, id, parts || expands_status(c->rq), &row);
	agent_facts(o, &row);
	AUTO(json_decrefp) json_t *guid = json_incref(json_object_get(o, "hostGUID"));
	json_object_del(o, "hostGUID");
	json_object_del(o, "ID");
	if (!own)
		show_parts(c->rq, &row, o);
	if (expands(c->rq, "computerSettings"))
		json_set(o, "computerSettings", settings_shown(&ch, own));
	if (guid)
		json_set(o, "hostGUID", json_incref(guid));
	json_set_int(o, "ID", id);
	for (const struct policy_module *m = policy_modules; m->key; m++) {
		if (!expands(c->rq, m->key))
			continue;
		json_t *shown = module_shown(&ch, m, own, own ? NULL : module_status(&ch, m, &row));
		if (shown)
			json_set(o, m->key, shown);
	}
	if (own)
		only_own(o, "computerSettings");
}
