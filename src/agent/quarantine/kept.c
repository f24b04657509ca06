#include "agent/quarantine/kept.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/base64.h"
#include "base/json.h"

/* clang-format off */
static const char *const states[KEPT_STATES] = {
	[KEPT_TAKING]      = "taking",
	[KEPT_QUARANTINED] = "quarantined",
	[KEPT_RESTORING]   = "restoring",
	[KEPT_RESTORED]    = "restored",
	[KEPT_DELETED]     = "deleted",
};
/* clang-format on */

bool kept_id_fits(const char *id)
{
	size_t n = strspn(id, "0123456789ABCDEF-");
	return n > 8 && n < KEPT_ID && id[n] == '\0';
}

void kept_done(struct kept *r)
{
	for (unsigned i = 0; i < r->nnames; i++)
		buf_done(&r->names[i]);
	for (unsigned i = 0; i < r->nattributes; i++) {
		free(r->attributes[i].name);
		buf_done(&r->attributes[i].value);
	}
	free(r->names);
	free(r->attributes);
	buf_done(&r->path);
	buf_done(&r->to);
	buf_done(&r->to_temporary);
	char *const texts[] = { r->malware, r->user, r->unique, r->sha256, r->action, r->event };
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		free(texts[i]);
	*r = (struct kept){ 0 };
}

void kept_add_name(struct kept *r, struct str name)
{
	if (!r->names)
		r->names = xcalloc(KEPT_NAMES, sizeof(*r->names));
	if (r->nnames < KEPT_NAMES)
		buf_str(&r->names[r->nnames++], name);
}

/* ---- writing ---- */

static void set_raw(json_t *o, const char *key, struct str raw)
{
	AUTO(buf_done) struct buf b = { 0 };
	base64_encode(&b, raw);
	json_set_text(o, key, b.p ? b.p : "");
}

static json_t *write_identity(const struct identity *f)
{
	json_t *o = json_object();
	json_set_int(o, "dev", (int64_t)f->dev);
	json_set_int(o, "ino", (int64_t)f->ino);
	json_set_int(o, "size", (int64_t)f->size);
	json_set_int(o, "ctimeNs", f->ctime_ns);
	json_set_int(o, "mtimeNs", f->mtime_ns);
	json_set_int(o, "btimeNs", f->btime_ns);
	json_set_text(o, "handle", f->handle);
	return o;
}

static void write_lists(const struct kept *r, json_t *o)
{
	json_t *names = json_array(), *attributes = json_array();
	for (unsigned i = 0; i < r->nnames; i++) {
		AUTO(json_decrefp) json_t *n = json_object();
		set_raw(n, "name", buf_view(&r->names[i]));
		json_array_append(names, json_object_get(n, "name"));
	}
	for (unsigned i = 0; i < r->nattributes; i++) {
		json_t *a = json_object();
		set_raw(a, "name", str_of(r->attributes[i].name));
		set_raw(a, "value", buf_view(&r->attributes[i].value));
		json_array_append_new(attributes, a);
	}
	json_set(o, "names", names);
	json_set(o, "attributes", attributes);
}

static void write_shown(const struct kept *r, json_t *o)
{
	json_set_text(o, "recordID", r->id);
	json_set_bytes(o, "path", buf_view(&r->path));
	json_set_int(o, "size", (int64_t)r->size);
	json_set_text(o, "malware", r->malware ? r->malware : "");
	json_set_int(o, "time", r->time_ms);
	json_set_int(o, "scanType", r->scan_type);
	json_set_text(o, "action", r->action ? r->action : "");
	json_set_text(o, "user", r->user ? r->user : "");
	json_set_text(o, "sha256", r->sha256 ? r->sha256 : "");
	json_set_text(o, "state", states[r->state]);
}

void kept_write(const struct kept *r, struct buf *out)
{
	AUTO(json_decrefp) json_t *o = json_object();
	write_shown(r, o);
	set_raw(o, "rawPath", buf_view(&r->path));
	json_set_int(o, "mount", (int64_t)r->mount);
	json_set(o, "file", write_identity(&r->file));
	json_set_int(o, "stored", (int64_t)r->stored);
	json_set_int(o, "mode", r->mode);
	json_set_int(o, "uid", r->uid);
	json_set_int(o, "gid", r->gid);
	json_set_int(o, "atimeNs", r->atime_ns);
	json_set_int(o, "flags", r->flags);
	json_set_int(o, "otherNames", (int64_t)r->other_names);
	json_set_int(o, "lostAttributes", r->lost_attributes);
	json_set_text(o, "unique", r->unique ? r->unique : "");
	json_set_text(o, "event", r->event ? r->event : "");
	write_lists(r, o);
	if (r->state == KEPT_RESTORING) {
		set_raw(o, "to", buf_view(&r->to));
		json_set_int(o, "toMount", (int64_t)r->to_mount);
		set_raw(o, "toTemporary", buf_view(&r->to_temporary));
		json_set(o, "toFile", write_identity(&r->to_file));
	}
	json_write(out, o);
}

json_t *kept_entry(const struct kept *r)
{
	json_t *o = json_object();
	write_shown(r, o);
	/* The manager knows three states; one that is on its way back is still ours. */
	if (r->state == KEPT_RESTORING || r->state == KEPT_TAKING)
		json_set_text(o, "state", states[KEPT_QUARANTINED]);
	return o;
}

/* ---- reading ---- */

/* A path or name without NUL; false: it is none. */
static bool get_raw(const json_t *o, const char *key, struct buf *out)
{
	const char *text = json_text(o, key, "");
	return base64_decode(out, str_of(text)) == 0 && buf_end(out) == 0 &&
	       !(out->n && memchr(out->p, '\0', out->n));
}

static bool get_number(const json_t *o, const char *key, int64_t max, int64_t *out)
{
	*out = json_int(o, key, 0);
	return *out >= 0 && *out <= max;
}

static bool get_u32(const json_t *o, const char *key, uint32_t *out)
{
	int64_t v = 0;
	bool good = get_number(o, key, UINT32_MAX, &v);
	*out = (uint32_t)v;
	return good;
}

static bool get_identity(const json_t *o, struct identity *out)
{
	int64_t size = 0;
	const char *handle = json_text(o, "handle", "");
	out->dev = (uint64_t)json_int(o, "dev", 0);
	out->ino = (uint64_t)json_int(o, "ino", 0);
	out->ctime_ns = json_int(o, "ctimeNs", 0);
	out->mtime_ns = json_int(o, "mtimeNs", 0);
	out->btime_ns = json_int(o, "btimeNs", 0);
	bool good = get_number(o, "size", INT64_MAX, &size) && strlen(handle) < sizeof(out->handle);
	out->size = (uint64_t)size;
	if (good)
		memcpy(out->handle, handle, strlen(handle) + 1);
	return good;
}

/* A name is one part of a path: nothing in a record may lead out of its folder. */
static bool is_name(struct str s)
{
	return s.n > 0 && s.n < 256 && !memchr(s.p, '/', s.n) && !str_is(s, ".") &&
	       !str_is(s, "..");
}

static bool get_names(const json_t *list, struct kept *r)
{
	if (json_array_size(list) > KEPT_NAMES)
		return false;
	for (size_t i = 0; i < json_array_size(list); i++) {
		AUTO(buf_done) struct buf b = { 0 };
		const char *text = json_string_value(json_array_get(list, i));
		if (!text || base64_decode(&b, str_of(text)) < 0 || !is_name(buf_view(&b)) ||
		    memchr(b.p, '\0', b.n))
			return false;
		kept_add_name(r, buf_view(&b));
	}
	return true;
}

static bool get_attributes(const json_t *list, struct kept *r)
{
	size_t n = json_array_size(list);
	if (n > KEPT_XATTRS)
		return false;
	if (n)
		r->attributes = xcalloc(n, sizeof(*r->attributes));
	for (size_t i = 0; i < n; i++) {
		struct attribute *a = &r->attributes[i];
		AUTO(buf_done) struct buf name = { 0 };
		const json_t *in = json_array_get(list, i);
		const char *value = json_text(in, "value", "");
		if (!get_raw(in, "name", &name) || name.n == 0 || name.n > 255)
			return false;
		a->name = str_dup(buf_view(&name));
		r->nattributes++;
		if (base64_decode(&a->value, str_of(value)) < 0 || buf_end(&a->value) < 0)
			return false;
	}
	return true;
}

static bool get_state(const char *word, enum kept_state *out)
{
	for (int i = 0; i < KEPT_STATES; i++) {
		if (strcmp(states[i], word) == 0) {
			*out = (enum kept_state)i;
			return true;
		}
	}
	return false;
}

static bool get_texts(const json_t *o, struct kept *r)
{
	const struct {
		const char *key;
		char **to;
	} texts[] = { { "malware", &r->malware }, { "user", &r->user },
		      { "unique", &r->unique },   { "sha256", &r->sha256 },
		      { "action", &r->action },   { "event", &r->event } };
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		*texts[i].to = xstrdup(json_text(o, texts[i].key, ""));
	const char *id = json_text(o, "recordID", "");
	if (!kept_id_fits(id))
		return false;
	memcpy(r->id, id, strlen(id) + 1);
	return get_state(json_text(o, "state", ""), &r->state);
}

static bool get_all(const json_t *o, struct kept *r)
{
	int64_t size = 0, stored = 0, others = 0;
	r->mount = (uint64_t)json_int(o, "mount", 0);
	r->to_mount = (uint64_t)json_int(o, "toMount", 0);
	r->time_ms = json_int(o, "time", 0);
	r->scan_type = json_int(o, "scanType", 0);
	r->atime_ns = json_int(o, "atimeNs", 0);
	if (!get_texts(o, r) || !get_raw(o, "rawPath", &r->path) || r->path.n == 0 ||
	    r->path.p[0] != '/' || !get_identity(json_object_at(o, "file"), &r->file) ||
	    !get_number(o, "size", INT64_MAX, &size) ||
	    !get_number(o, "stored", INT64_MAX, &stored) ||
	    !get_number(o, "otherNames", UINT32_MAX, &others) || !get_u32(o, "mode", &r->mode) ||
	    !get_u32(o, "uid", &r->uid) || !get_u32(o, "gid", &r->gid) ||
	    !get_u32(o, "flags", &r->flags) || !get_u32(o, "lostAttributes", &r->lost_attributes) ||
	    !get_names(json_array_at(o, "names"), r) ||
	    !get_attributes(json_array_at(o, "attributes"), r))
		return false;
	r->size = (uint64_t)size;
	r->stored = (uint64_t)stored;
	r->other_names = (uint64_t)others;
	if (r->state != KEPT_RESTORING)
		return true;
	return get_raw(o, "to", &r->to) && r->to.n && r->to.p[0] == '/' &&
	       get_raw(o, "toTemporary", &r->to_temporary) && is_name(buf_view(&r->to_temporary)) &&
	       get_identity(json_object_at(o, "toFile"), &r->to_file);
}

int kept_parse(struct str text, struct kept *out, struct err *why)
{
	struct kept r = { 0 };
	AUTO(json_decrefp) json_t *o = json_parse(text, why);
	if (!json_is_object(o))
		return err_add(why, -EBADMSG, "record");
	if (!get_all(o, &r)) {
		kept_done(&r);
		return err_set(why, -EBADMSG, "the record is damaged");
	}
	*out = r;
	return 0;
}
