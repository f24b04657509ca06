#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/json.h"
#include "base/test.h"
#include "manager/tasks/try.h"

/*
 * A program that knows docs/api/openapi.json and nothing else: it asks every operation there, and
 * every answer must be one that the description has, of the form that it says.
 */

static json_t *description(void)
{
	struct err why;
	AUTO(buf_done) struct buf b = { 0 };
	const char *top = getenv("YAGURA_TOP");
	char path[4200];
	snprintf(path, sizeof(path), "%s/docs/api/openapi.json", top ? top : ".");
	if (file_read(AT_FDCWD, path, 16ull * 1024 * 1024, &b) < 0)
		fail_msg("%s cannot be read", path);
	json_t *o = json_parse(buf_view(&b), &why);
	if (!o)
		fail_msg("%s: %s", path, why.text);
	return o;
}

/* Numbers for {id}, of objects that exist where there are any. */
static void path_of(const char *pattern, char out[static 300])
{
	AUTO(buf_done) struct buf b = { 0 };
	for (const char *p = pattern; *p;) {
		size_t n = strcspn(p, "{");
		buf_add(&b, p, n);
		p += n;
		if (*p != '{')
			continue;
		bool word = strncmp(p, "{name}", 6) == 0;
		buf_z(&b, !word ? "1" : strstr(pattern, "/events/") ? "system" : "firewall");
		p = strchr(p, '}') + 1;
	}
	snprintf(out, 300, "%s", b.p);
}

static const json_t *resolve(const json_t *all, const json_t *schema)
{
	const char *ref = json_text(schema, "$ref", NULL);
	if (!ref)
		return schema;
	const char *name = strrchr(ref, '/') + 1;
	return json_object_get(json_object_at(json_object_at(all, "components"), "schemas"), name);
}

static bool kind_fits(const char *type, const json_t *v)
{
	return strcmp(type, "object") == 0    ? json_is_object(v)
	       : strcmp(type, "array") == 0   ? json_is_array(v)
	       : strcmp(type, "string") == 0  ? json_is_string(v)
	       : strcmp(type, "boolean") == 0 ? json_is_boolean(v)
	                                      : json_is_integer(v);
}

static bool one_of(const json_t *choices, const json_t *v)
{
	for (size_t i = 0; i < json_array_size(choices); i++)
		if (json_equal(json_array_get(choices, i), (json_t *)(uintptr_t)v))
			return true;
	return choices == NULL;
}

/* Members that no schema has are completed by other tables (settings, modules). */
static bool fits(const json_t *all, const json_t *given, const json_t *v, int depth)
{
	const json_t *schema = resolve(all, given);
	const json_t *properties = json_object_at(schema, "properties");
	const char *key;
	json_t *member;
	if (!schema || depth == 0)
		return true;
	if (!kind_fits(json_text(schema, "type", "object"), v) ||
	    !one_of(json_array_at(schema, "enum"), v))
		return false;
	for (size_t i = 0; i < json_array_size(v); i++)
		if (!fits(all, json_object_get(schema, "items"), json_array_get(v, i), depth - 1))
			return false;
	json_object_foreach ((json_t *)(uintptr_t)v, key, member) {
		const json_t *is = json_object_get(properties, key);
		if (is && json_bool(is, "writeOnly", false))
			return false;
		if (is && !fits(all, is, member, depth - 1))
			return false;
	}
	return true;
}

/* A new secret or a deletion would make the key useless for what follows. */
static bool ends_the_key(const char *path, const char *method)
{
	return strcmp(method, "get") != 0 && strstr(path, "/apikeys");
}

/* A session of a person, or an agent's certificate: a key is not enough. */
static bool needs_more(const char *path)
{
	return strstr(path, "/sessions/current") || strstr(path, "/login/") ||
	       strncmp(path, "/agent/", 7) == 0;
}

static void look(struct try *t, const json_t *all, const char *pattern, const char *method,
                 const json_t *operation)
{
	char path[300], upper[10] = "", status[12];
	for (size_t i = 0; method[i] && i < sizeof(upper) - 1; i++)
		upper[i] = (char)(method[i] - 32);
	path_of(pattern, path);
	try_ask(t, upper, path, strcmp(method, "get") == 0 ? NULL : "{}");
	snprintf(status, sizeof(status), "%d", t->status);
	const json_t *answer = json_object_get(json_object_at(operation, "responses"), status);
	if (!answer || strstr(t->text, "The path does not exist"))
		fail_msg("%s %s: %s %s is not described", upper, path, status, t->text);
	bool old = strncmp(path, "/rest/", 6) == 0;
	const json_t *said = old ? json_object_at(t->out, "error") : t->out;
	if (t->status >= 400 && !json_text(said, "message", NULL))
		fail_msg("%s %s: no message in %s", upper, path, t->text);
	const json_t *content =
		json_object_at(json_object_at(answer, "content"), "application/json");
	if (t->status == 200 && content && t->out &&
	    !fits(all, json_object_get(content, "schema"), t->out, 8))
		fail_msg("%s %s: not as described: %s", upper, path, t->text);
}

/* Would end what asks, or leave an answer open. */
static bool is_left_out(const char *path, const char *method)
{
	return strstr(path, "/stream") || strstr(path, "/oidc/") || strstr(path, "/logout") ||
	       (strstr(path, "sessions") && strcmp(method, "get") != 0) ||
	       strstr(path, "/commands");
}

static void walk(struct try *t)
{
	AUTO(json_decrefp) json_t *all = description();
	const char *path, *method;
	json_t *methods, *operation;
	static const char *const order[] = { "get", "post", "put", "delete" };
	size_t n = 0;
	/* Deleting comes last, so that the others find something. */
	for (size_t i = 0; i < ARRAY_LEN(order); i++) {
		json_object_foreach (json_object_get(all, "paths"), path, methods) {
			json_object_foreach (methods, method, operation) {
				if (strcmp(method, order[i]) != 0 || is_left_out(path, method) ||
				    (t->key[0] && ends_the_key(path, method)))
					continue;
				look(t, all, path, method, operation);
				if (t->status == 401 && !needs_more(path))
					fail_msg("%s %s: %s", method, path, t->text);
				n++;
			}
		}
	}
	assert_true(n > 250);
}

static void every_operation_answers_as_described(void **state)
{
	walk(*state);
}

/* Refusals are answers, too, and what is left is shown as described. */
static void it_does_so_for_who_may_little(void **state)
{
	static const char *const made[] = {
		"{'name':'views','allComputers':true,'allPolicies':true,'allowWebService':true}",
		"{'name':'few','allComputers':false,'allPolicies':false,'allowWebService':true}",
	};
	struct try *t = *state;
	char body[100];
	for (size_t i = 0; i < ARRAY_LEN(made); i++) {
		t->key[0] = '\0';
		try_must(t, 200, "POST", "/api/roles", made[i]);
		snprintf(body, sizeof(body), "{'keyName':'key %zu','roleID':%lld}", i,
		         (long long)json_int(t->out, "ID", 0));
		try_must(t, 200, "POST", "/api/apikeys", body);
		snprintf(t->key, sizeof(t->key), "%s", json_text(t->out, "secretKey", ""));
		walk(t);
	}
}

static void it_does_so_for_the_auditor(void **state)
{
	struct try *t = *state;
	try_must(t, 200, "POST", "/api/apikeys", "{'keyName':'auditor','roleID':2}");
	snprintf(t->key, sizeof(t->key), "%s", json_text(t->out, "secretKey", ""));
	walk(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, try_setup, try_teardown)
		T(every_operation_answers_as_described),
		T(it_does_so_for_who_may_little),
		T(it_does_so_for_the_auditor),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
