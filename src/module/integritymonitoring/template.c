#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/base64.h"
#include "base/json.h"
#include "module/integritymonitoring/build.h"

/* Rules as the API has them (rest-api.md 9.3): the templates file, registry and custom. */

static const char *text_at(const json_t *list, size_t i)
{
	const char *text = json_string_value(json_array_get(list, i));
	return text ? text : "";
}

/* A name with no '/' means files of that name, in sub-directories too when those are included. */
static int add_names(struct im_rules *r, struct im_set *s, const json_t *names, bool exclude,
                     bool deep, bool *keep, struct err *why)
{
	for (size_t i = 0; i < json_array_size(names); i++) {
		AUTO(buf_done) struct buf key = { 0 };
		const char *name = text_at(names, i);
		struct im_tag *t = NULL;
		if (!*name)
			continue;
		int rc = build_tag(r, s, exclude, &t, why);
		if (rc < 0)
			return rc;
		if (deep && !strchr(name, '/'))
			buf_z(&key, "**/");
		buf_z(&key, name);
		*keep &= build_key(r, s, t, buf_view(&key), false) == 1;
	}
	return 0;
}

static int add_attributes(struct im_rules *r, struct im_set *s, const json_t *names,
                          struct err *why)
{
	for (size_t i = 0; i < json_array_size(names); i++) {
		const char *name = text_at(names, i);
		if (*name && build_attribute(r, s, str_of(name)) < 0)
			return err_set(why, -EINVAL,
			               "fileAttributes: item %zu: %.100s is no attribute of a file",
			               i + 1, name);
	}
	return 0;
}

static int add_file(struct im_rules *r, const json_t *o, const struct im_rule *as, struct err *why)
{
	struct im_rule *rule = NULL;
	struct im_set *s = NULL;
	const json_t *included = json_array_at(o, "fileIncludedValues");
	bool deep = json_bool(o, "fileIncludeSubDirectories", false);
	const char *base = json_text(o, "fileBaseDirectory", "");
	int rc = build_rule(r, as, &rule, why);
	if (rc == 0)
		rc = build_set(r, rule, IM_FILE, &s, why);
	if (rc < 0)
		return rc;
	assert(s);
	bool keep = build_base(r, s, str_of(base)) == 1;
	rc = add_names(r, s, included, false, deep, &keep, why);
	if (rc == 0 && s->nincludes == 0) {
		AUTO(json_decrefp) json_t *all = json_pack("[s]", deep ? "**" : "*");
		rc = add_names(r, s, all, false, false, &keep, why);
	}
	if (rc == 0)
		rc = add_names(r, s, json_array_at(o, "fileExcludedValues"), true, deep, &keep,
		               why);
	if (rc == 0)
		rc = add_attributes(r, s, json_array_at(o, "fileAttributes"), why);
	if (rc == 0)
		build_set_end(r, s, keep);
	return rc;
}

static int add_registry(struct im_rules *r, const struct im_rule *as, struct err *why)
{
	struct im_rule *rule = NULL;
	int rc = build_rule(r, as, &rule, why);
	if (rc == 0)
		build_note(r, rule, IM_NOTE_ENTITY, STR("RegistryValueSet"));
	return rc;
}

/* customXML is XML, or that in base64, as existing clients of the API send it. */
static int add_custom(struct im_rules *r, const json_t *o, const struct im_rule *as,
                      struct err *why)
{
	AUTO(buf_done) struct buf plain = { 0 };
	struct str text = str_of(json_text(o, "customXML", ""));
	json_t *sources = json_object_get(r->source, "rules");
	size_t before = json_array_size(sources);
	if (!str_starts(str_trim(text), STR("<")) && base64_decode(&plain, text) == 0)
		text = buf_view(&plain);
	int rc = im_rules_add_xml(r, text, as, why);
	while (json_array_size(sources) > before)
		json_array_remove(sources, json_array_size(sources) - 1);
	return rc < 0 ? err_add(why, rc, "customXML") : 0;
}

int im_rules_add_json(struct im_rules *r, const json_t *o, struct err *why)
{
	const char *template = json_text(o, "template", "custom");
	struct im_rule as = {
		.id = json_int(o, "ID", 0),
		.name = str_of(json_text(o, "name", "")),
		.description = str_of(json_text(o, "description", "")),
		.severity = IM_MEDIUM,
		.alert = json_bool(o, "alertEnabled", false),
		.real_time = json_bool(o, "realTimeMonitoringEnabled", true),
	};
	if (build_severity(str_of(json_text(o, "severity", "medium")), &as.severity) < 0)
		return err_set(why, -EINVAL, "severity: expected low, medium, high or critical");
	int rc = 0;
	if (strcmp(template, "file") == 0)
		rc = add_file(r, o, &as, why);
	else if (strcmp(template, "registry") == 0)
		rc = add_registry(r, &as, why);
	else
		rc = add_custom(r, o, &as, why);
	if (rc == 0)
		build_source(r, json_deep_copy(o));
	return rc;
}

int im_rules_add_source(struct im_rules *r, const json_t *source, struct err *why)
{
	const json_t *list = json_array_at(source, "rules");
	r->contents = (uint32_t)json_int(source, "contents", 0) & IM_HASHES;
	r->variables = json_object_at(source, "variables");
	json_set_int(r->source, "contents", r->contents);
	json_set(r->source, "variables",
	         r->variables ? json_deep_copy(r->variables) : json_object());
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *o = json_array_get(list, i);
		struct im_rule as = { .id = json_int(o, "id", 0),
			              .name = str_of(json_text(o, "name", "")) };
		build_severity(str_of(json_text(o, "severity", "medium")), &as.severity);
		const char *xml = json_text(o, "xml", NULL);
		int rc = xml ? im_rules_add_xml(r, str_of(xml), &as, why)
		             : im_rules_add_json(r, o, why);
		if (rc < 0)
			return rc;
	}
	return 0;
}
