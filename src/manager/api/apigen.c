#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "base/json.h"
#include "manager/api/access.h"
#include "manager/api/resources.h"

/*
 * Prints what the API is, from the tables that it is made of: `apigen openapi`
 * (docs/api/openapi.json), `apigen types` (console/src/api.gen.ts), `apigen page` (docs/api.md).
 * tools/apigen writes and checks the copies.
 */

/* "firewallRules" -> "FirewallRule", "policies" -> "Policy" */
static void type_name(const struct resource *r, char out[static 80])
{
	size_t n = strlen(r->list);
	bool ies = n > 3 && strcmp(r->list + n - 3, "ies") == 0;
	snprintf(out, 80, "%.*s%s", (int)(ies ? n - 3 : n - 1), r->list, ies ? "y" : "");
	out[0] = (char)(out[0] >= 'a' && out[0] <= 'z' ? out[0] - 32 : out[0]);
}

static void for_each(void (*look)(const struct resource *r, void *to), void *to)
{
	for (const struct resource *const *f = resource_families; *f; f++)
		for (const struct resource *r = *f; r->path; r++)
			look(r, to);
}

/* ---- schemas ---- */

static json_t *object_schema(const struct field *fields);

static json_t *choices_schema(const char *choices)
{
	json_t *list = json_array();
	for (struct str rest = str_of(choices); rest.p;) {
		struct str one = str_cut(&rest, '|');
		json_array_append_new(list, json_stringn(one.p, one.n));
	}
	json_t *o = json_object();
	json_set_text(o, "type", "string");
	json_set(o, "enum", list);
	return o;
}

static json_t *array_of(json_t *items)
{
	json_t *o = json_object();
	json_set_text(o, "type", "array");
	json_set(o, "items", items);
	return o;
}

static json_t *plain(const char *type, const char *format)
{
	json_t *o = json_object();
	json_set_text(o, "type", type);
	if (format)
		json_set_text(o, "format", format);
	return o;
}

static json_t *type_schema(const struct field *f)
{
	switch (f->type) {
	case T_INT:
	case T_TIME:
		return plain("integer", "int64");
	case T_BOOL:
		return plain("boolean", NULL);
	case T_TEXT:
		return plain("string", NULL);
	case T_CHOICE:
		return choices_schema(f->choices);
	case T_TEXTS:
		return array_of(plain("string", NULL));
	case T_IDS:
		return array_of(plain("integer", "int64"));
	case T_CHOICES:
		return array_of(choices_schema(f->choices));
	case T_BOOLS:
		return array_of(plain("boolean", NULL));
	case T_OBJECT:
		return object_schema(f->members);
	case T_OBJECTS:
		return array_of(object_schema(f->members));
	}
	return NULL;
}

static json_t *field_schema(const struct field *f)
{
	json_t *o = type_schema(f);
	if (f->doc && *f->doc)
		json_set_text(o, "description", f->doc);
	if (f->flags & F_READ_ONLY)
		json_set_bool(o, "readOnly", true);
	if (f->flags & F_SECRET)
		json_set_bool(o, "writeOnly", true);
	if (f->otherwise)
		json_set(o, "default", json_loads(f->otherwise, JSON_DECODE_ANY, NULL));
	if (f->type == T_INT && f->max) {
		json_set_int(o, "minimum", f->min);
		json_set_int(o, "maximum", f->max);
	}
	if (f->type == T_TEXT && f->max)
		json_set_int(o, "maxLength", f->max);
	json_set_bool(o, "x-searchable", !(f->flags & (F_NOT_SEARCHED | F_SECRET)));
	return o;
}

static json_t *object_schema(const struct field *fields)
{
	json_t *o = plain("object", NULL), *properties = json_object();
	for (const struct field *f = fields; f->name; f++)
		json_set(properties, f->name, field_schema(f));
	json_set(o, "properties", properties);
	return o;
}

static void add_schema(const struct resource *r, void *to)
{
	char name[80];
	type_name(r, name);
	if (!json_object_get(to, name))
		json_set(to, name, object_schema(r->fields));
}

/* ---- operations ---- */

static json_t *reference(const char *kind, const char *name)
{
	json_t *o = json_object();
	json_set(o, "$ref", json_sprintf("#/components/%s/%s", kind, name));
	return o;
}

static json_t *content(json_t *schema)
{
	return json_pack("{s:{s:{s:o}}}", "content", "application/json", "schema", schema);
}

static json_t *answers(json_t *schema, bool empty)
{
	static const char *const errors[] = { "400", "401", "403", "404", "429" };
	json_t *o = json_object();
	if (empty) {
		json_set(o, "204", json_pack("{s:s}", "description", "done"));
		json_decref(schema);
	} else {
		json_t *good = schema ? content(schema) : json_object();
		json_set_text(good, "description", "done");
		json_set(o, "200", good);
	}
	for (size_t i = 0; i < ARRAY_LEN(errors); i++)
		json_set(o, errors[i], reference("responses", "Error"));
	return o;
}

/* The numbers and words in a path. */
static json_t *parameters(const char *path)
{
	json_t *list = json_array();
	for (const char *p = path; (p = strchr(p, '{')); p++) {
		size_t n = strcspn(p + 1, "}");
		bool word = n == 4 && strncmp(p + 1, "name", 4) == 0;
		json_array_append_new(
			list, json_pack("{s:o,s:s,s:b,s:o}", "name", json_stringn(p + 1, n), "in",
		                        "path", "required", 1, "schema",
		                        word ? plain("string", NULL) : plain("integer", "int64")));
	}
	return list;
}

static void add_operation(json_t *paths, const char *path, const char *method, const char *summary,
                          json_t *body, json_t *responses)
{
	char lower[10] = "";
	json_t *at = json_object_get(paths, path);
	for (size_t i = 0; method[i] && i < sizeof(lower) - 1; i++)
		lower[i] = (char)(method[i] + 32);
	if (!at) {
		at = json_object();
		json_set(paths, path, at);
	}
	json_t *o = json_object();
	json_set_text(o, "summary", summary);
	if (strchr(path, '{'))
		json_set(o, "parameters", parameters(path));
	if (body)
		json_set(o, "requestBody", content(body));
	json_set(o, "responses", responses);
	json_set(at, lower, o);
}

static json_t *list_schema(const struct resource *r, const char *type)
{
	json_t *o = plain("object", NULL), *properties = json_object();
	if (r->count)
		json_set(properties, r->count, plain("integer", "int64"));
	json_set(properties, r->list, array_of(reference("schemas", type)));
	json_set(o, "properties", properties);
	json_set(o, "required", json_pack("[s]", r->list));
	return o;
}

static void base_path(const struct resource *r, char out[static 160])
{
	struct str inner = str_of(r->path);
	struct str outer = str_cut(&inner, '/');
	if (inner.p)
		snprintf(out, 160, "/api/%.*s/{ownerID}/%.*s", STR_ARG(outer), STR_ARG(inner));
	else
		snprintf(out, 160, "/api/%s", r->path);
}

static void add_collection(const struct resource *r, void *to)
{
	char type[80], path[160], one[170], search[170], text[200];
	type_name(r, type);
	base_path(r, path);
	snprintf(one, sizeof(one), "%s/{id}", path);
	snprintf(search, sizeof(search), "%s/search", path);
	const struct {
		enum verb verb;
		const char *path, *method, *word;
		bool body, list;
	} rows[] = { { V_LIST, path, "GET", "List", false, true },
		     { V_CREATE, path, "POST", "Create a", true, false },
		     { V_GET, one, "GET", "Describe a", false, false },
		     { V_MODIFY, one, "POST", "Modify a", true, false },
		     { V_DELETE, one, "DELETE", "Delete a", false, false },
		     { V_SEARCH, search, "POST", "Search", true, true } };
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (!(r->verbs & rows[i].verb))
			continue;
		json_t *body = rows[i].body
		                       ? reference("schemas",
		                                   rows[i].verb == V_SEARCH ? "SearchFilter" : type)
		                       : NULL;
		json_t *good = rows[i].list ? list_schema(r, type) : reference("schemas", type);
		snprintf(text, sizeof(text), "%s %s%s", rows[i].word, r->noun,
		         rows[i].list ? "s" : "");
		add_operation(to, rows[i].path, rows[i].method, text, body,
		              answers(good, rows[i].verb == V_DELETE));
	}
}

static void add_deeds(json_t *paths)
{
	for (const struct route *const *f = console_routes; *f; f++) {
		for (const struct route *r = *f; r->path; r++) {
			bool body = strcmp(r->method, "POST") == 0 || strcmp(r->method, "PUT") == 0;
			json_t *o = answers(plain("object", NULL), false);
			json_set(o, "204",
			         json_pack("{s:s}", "description", "done, nothing to say"));
			add_operation(paths, r->path, r->method, r->doc,
			              body ? plain("object", NULL) : NULL, o);
		}
	}
}

static json_t *search_schema(void)
{
	static const char *const texts[] = { "fieldName",   "stringValue",  "stringTest",
		                             "numericTest", "idTest",       "choiceValue",
		                             "choiceTest",  "versionValue", "versionTest" };
	static const char *const numbers[] = { "numericValue", "idValue", "firstDateValue",
		                               "lastDateValue" };
	static const char *const truths[] = { "stringWildcards", "booleanTest", "nullTest",
		                              "firstDateInclusive", "lastDateInclusive" };
	json_t *criterion = json_object();
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		json_set(criterion, texts[i], plain("string", NULL));
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		json_set(criterion, numbers[i], plain("integer", "int64"));
	for (size_t i = 0; i < ARRAY_LEN(truths); i++)
		json_set(criterion, truths[i], plain("boolean", NULL));
	return json_pack(
		"{s:s,s:{s:o,s:o,s:o}}", "type", "object", "properties", "maxItems",
		plain("integer", NULL), "searchCriteria",
		array_of(json_pack("{s:s,s:o}", "type", "object", "properties", criterion)),
		"sortByObjectID", plain("boolean", NULL));
}

static json_t *openapi(void)
{
	json_t *paths = json_object(), *schemas = json_object();
	json_set(schemas, "SearchFilter", search_schema());
	for_each(add_schema, schemas);
	for_each(add_collection, paths);
	add_deeds(paths);
	json_t *error = json_pack("{s:s,s:{s:{s:{s:s,s:{s:{s:s}}}}}}", "description",
	                          "what is wrong", "content", "application/json", "schema", "type",
	                          "object", "properties", "message", "type", "string");
	return json_pack(
		"{s:s,s:{s:s,s:s,s:{s:s}},s:[{s:s}],s:[{s:[]}],s:o,s:{s:o,s:{s:o},s:{s:{s:s,s:s,s:s}}}}",
		"openapi", "3.0.3", "info", "title", "Yagura", "version", "v1", "license", "name",
		"GPL-2.0-or-later", "servers", "url", "https://localhost:4119", "security",
		"api-secret-key", "paths", paths, "components", "schemas", schemas, "responses",
		"Error", error, "securitySchemes", "api-secret-key", "type", "apiKey", "in",
		"header", "name", "api-secret-key");
}

/* ---- TypeScript ---- */

static void print_type(const struct field *f, int depth);

static void print_members(const struct field *fields, int depth)
{
	for (const struct field *f = fields; f->name; f++) {
		bool there =
			(f->flags & F_REQUIRED || f->otherwise || strcmp(f->name, "ID") == 0) &&
			!(f->flags & (F_OMIT_EMPTY | F_SECRET));
		printf("%.*s%s%s: ", depth, "\t\t\t\t\t", f->name, there ? "" : "?");
		print_type(f, depth);
		printf(";\n");
	}
}

static void print_choices(const char *choices)
{
	for (struct str rest = str_of(choices); rest.p;) {
		struct str one = str_cut(&rest, '|');
		printf("\"%.*s\"%s", STR_ARG(one), rest.p ? " | " : "");
	}
}

static void print_type(const struct field *f, int depth)
{
	static const char *const words[] = {
		[T_INT] = "number",     [T_TIME] = "number",    [T_BOOL] = "boolean",
		[T_TEXT] = "string",    [T_TEXTS] = "string[]", [T_IDS] = "number[]",
		[T_BOOLS] = "boolean[]"
	};
	bool list = f->type == T_CHOICES || f->type == T_OBJECTS;
	if (f->type == T_CHOICE || f->type == T_CHOICES) {
		printf("%s", list ? "(" : "");
		print_choices(f->choices);
		printf("%s", list ? ")[]" : "");
	} else if (f->type == T_OBJECT || list) {
		printf("{\n");
		print_members(f->members, depth + 1);
		printf("%.*s}%s", depth, "\t\t\t\t\t", list ? "[]" : "");
	} else {
		printf("%s", words[f->type]);
	}
}

static void print_interface(const struct resource *r, void *to)
{
	char name[80];
	(void)to;
	type_name(r, name);
	printf("\n/** %s: /api/%s */\nexport interface %s {\n", r->noun, r->path, name);
	print_members(r->fields, 1);
	printf("}\n");
}

static void types(void)
{
	printf("/** Objects of the REST API, made from the manager's tables by tools/apigen. Do not change here. */\n");
	for_each(print_interface, NULL);
	printf("\n/** The rights of roles: Role.rights[area][group][right]. */\nexport const rights = {\n");
	for (const struct rights_group *g = rights_groups, *last = NULL; g->name; last = g++) {
		if (!last || strcmp(last->area, g->area) != 0)
			printf("%s\t%s: {\n", last ? "\t},\n" : "", g->area);
		printf("\t\t%s: [", g->name);
		for (struct str rest = str_of(g->rights); rest.p;) {
			struct str one = str_cut(&rest, ' ');
			printf("\"%.*s\"%s", STR_ARG(one), rest.p ? ", " : "");
		}
		printf("],\n");
	}
	printf("\t},\n} as const;\n");
}

/* ---- the page ---- */

static void print_collection(const struct resource *r, void *to)
{
	static const char letters[] = "LGCMDS";
	char path[160], verbs[8] = "";
	size_t n = 0;
	(void)to;
	base_path(r, path);
	for (unsigned i = 0; i < 6; i++)
		if (r->verbs >> i & 1)
			verbs[n++] = letters[i];
	printf("| `%s` | %s | `%s` | %s |\n", path, verbs, r->list, r->noun);
}

static void page(void)
{
	printf("# The REST API\n\n"
	       "Made from the manager's tables by `tools/apigen`; change those, not this page. `docs/api/openapi.json` says it in full.\n\n"
	       "It is the wire that clients of Deep Security's API v1 speak: `https://HOST:4119/api`, header `api-secret-key`, JSON both ways.\n"
	       "Input is lenient (`\"true\"`, `\"12\"`, a lone object for a list, unknown keys), output is compact and in a fixed order. Errors are\n"
	       "`{\"message\":\"sentence\"}`; with the header `Prefer: codes` also `code` and `params`. A key gets 500 requests in 60 seconds, then\n"
	       "429 `Too many API requests.`; sessions of the console are not limited. What the agent and the console use besides stands in\n"
	       "[protocol.md](protocol.md), settings in [settings.md](settings.md).\n\n"
	       "Every operation needs the right that the role's tree has for it (`Role.rights`), and a computer or policy within the role's\n"
	       "reach; otherwise 403 `Not authorized to ACTION OBJECT.`. Lists and searches show what is within reach. Work over many computers\n"
	       "(job batches, tasks) is for roles that reach all.\n\n"
	       "Collections of cloud accounts, vCenters, data-centre gateways, tenants, registry scanners and moves between managers are not\n"
	       "here: 404 with a sentence that says so. So is `GET /api/certificates/target`: the core opens no connections.\n\n"
	       "## Collections\n\nL list, G describe, C create, M modify, D delete, S search.\n\n"
	       "| path | verbs | key of the list | object |\n|---|---|---|---|\n");
	for_each(print_collection, NULL);
	printf("\n## Deeds\n\n| method | path | |\n|---|---|---|\n");
	for (const struct route *const *f = console_routes; *f; f++)
		for (const struct route *r = *f; r->path; r++)
			printf("| %s | `%s` | %s |\n", r->method, r->path, r->doc);
}

int main(int argc, char **argv)
{
	const char *what = argc == 2 ? argv[1] : "";
	if (strcmp(what, "openapi") == 0) {
		AUTO(json_decrefp) json_t *o = openapi();
		char *text = json_dumps(o, JSON_INDENT(1) | JSON_ENSURE_ASCII);
		puts(text);
		free(text);
	} else if (strcmp(what, "types") == 0) {
		types();
	} else if (strcmp(what, "page") == 0) {
		page();
	} else {
		fprintf(stderr, "usage: apigen openapi|types|page\n");
		return 2;
	}
	return 0;
}
