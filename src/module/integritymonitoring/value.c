#include "module/integritymonitoring/value.h"

#include <assert.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>

#include "base/auto.h"
#include "base/base64.h"
#include "base/json.h"

#define AT(member) offsetof(struct im_file, member), sizeof(((struct im_file *)0)->member)

/* clang-format off */
const struct im_path_value im_path_values[IMP_COUNT] = {
	[IMP_TYPE]        = { VALUE_TYPE,     AT(mode) },
	[IMP_CREATED]     = { VALUE_TIME,     AT(created) },
	[IMP_MODIFIED]    = { VALUE_TIME,     AT(modified) },
	[IMP_ACCESSED]    = { VALUE_TIME,     AT(accessed) },
	[IMP_CHANGED]     = { VALUE_TIME,     AT(changed) },
	[IMP_PERMISSIONS] = { VALUE_MODE,     AT(mode) },
	[IMP_OWNER]       = { VALUE_NUMBER32, AT(uid) },
	[IMP_GROUP]       = { VALUE_NUMBER32, AT(gid) },
	[IMP_SIZE]        = { VALUE_NUMBER,   AT(size) },
	[IMP_MD5]         = { VALUE_HEX,      AT(md5) },
	[IMP_SHA1]        = { VALUE_HEX,      AT(sha1) },
	[IMP_SHA256]      = { VALUE_HEX,      AT(sha256) },
	[IMP_SHA512]      = { VALUE_HEX,      AT(sha512) },
	[IMP_FLAGS]       = { VALUE_FLAGS,    AT(flags) },
	[IMP_LINK]        = { VALUE_TEXT,     AT(target) },
	[IMP_INODE]       = { VALUE_NUMBER,   AT(ino) },
	[IMP_DEVICE]      = { VALUE_DEVICE,   AT(dev) },
	[IMP_BLOCKS]      = { VALUE_NUMBER,   AT(blocks) },
	[IMP_LINKS]       = { VALUE_NUMBER32, AT(nlink) },
	[IMP_ACL]         = { VALUE_DIGEST,   AT(acl) },
	[IMP_XATTRS]      = { VALUE_DIGEST,   AT(xattrs) },
	[IMP_GROWING]     = { VALUE_NUMBER,   AT(size) },
	[IMP_SHRINKING]   = { VALUE_NUMBER,   AT(size) },
};

/* statx(2): what lsattr(1) shows, as far as the kernel tells. */
static const struct { uint64_t bit; const char *name; } flags[] = {
	{ 0x00000004, "compressed" }, { 0x00000010, "immutable" }, { 0x00000020, "append-only" },
	{ 0x00000040, "no-dump" }, { 0x00000800, "encrypted" }, { 0x00100000, "verity" }, { 0x00200000, "dax" },
};
/* clang-format on */

static const char *type_name(uint32_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return "file";
	case S_IFDIR:
		return "directory";
	case S_IFLNK:
		return "symbolic link";
	case S_IFBLK:
		return "block device";
	case S_IFCHR:
		return "character device";
	case S_IFIFO:
		return "pipe";
	case S_IFSOCK:
		return "socket";
	default:
		return "unknown";
	}
}

static void put_time(int64_t ns, struct buf *out)
{
	int64_t s = ns / 1000000000, rest = ns % 1000000000;
	if (rest < 0) {
		s--;
		rest += 1000000000;
	}
	time_t t = (time_t)s;
	struct tm tm;
	char text[32] = "";
	if (gmtime_r(&t, &tm))
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	buf_fmt(out, "%s.%09lldZ", text, (long long)rest);
}

static void put_flags(uint64_t bits, struct buf *out)
{
	size_t before = out->n;
	for (size_t i = 0; i < ARRAY_LEN(flags); i++)
		if (bits & flags[i].bit)
			buf_fmt(out, "%s%s", out->n > before ? "," : "", flags[i].name);
	if (out->n == before)
		buf_z(out, "none");
}

static void put_hex(const void *p, size_t n, struct buf *out)
{
	char text[2 * 64 + 1];
	hex_lower(text, p, n);
	buf_z(out, text);
}

static void put_digest(const uint8_t *p, size_t n, struct buf *out)
{
	static const uint8_t none[IM_DIGEST];
	if (memcmp(p, none, n) == 0)
		buf_z(out, "none");
	else
		put_hex(p, n, out);
}

static void put_path_value(const struct im_file *f, unsigned attribute, struct buf *out)
{
	const struct im_path_value *v = &im_path_values[attribute];
	const char *at = (const char *)f + v->offset;
	uint32_t u32 = 0;
	uint64_t u64 = 0;
	memcpy(&u32, at, sizeof(u32));
	memcpy(&u64, at, sizeof(u64));
	switch (v->type) {
	case VALUE_TYPE:
		buf_z(out, type_name(u32));
		if (S_ISBLK(u32) || S_ISCHR(u32))
			buf_fmt(out, " %u:%u", major(f->rdev), minor(f->rdev));
		break;
	case VALUE_MODE:
		buf_fmt(out, "%04o", u32 & 07777);
		break;
	case VALUE_TIME:
		put_time((int64_t)u64, out);
		break;
	case VALUE_NUMBER32:
		buf_fmt(out, "%u", u32);
		break;
	case VALUE_NUMBER:
		buf_fmt(out, "%llu", (unsigned long long)u64);
		break;
	case VALUE_DEVICE:
		buf_fmt(out, "%u:%u", major(u64), minor(u64));
		break;
	case VALUE_FLAGS:
		put_flags(u64, out);
		break;
	case VALUE_TEXT:
		buf_str(out, f->target);
		break;
	case VALUE_HEX:
		put_hex(at, v->size, out);
		break;
	case VALUE_DIGEST:
		put_digest((const uint8_t *)at, v->size, out);
		break;
	}
}

void im_value(const struct im_entity *e, unsigned attribute, struct buf *out)
{
	if (im_classes[e->class].paths)
		put_path_value(&e->file, attribute, out);
	else
		buf_str(out, e->value[attribute]);
}

/* ---- changes ---- */

static void set_value(json_t *o, const struct im_entity *e, unsigned attribute)
{
	AUTO(buf_done) struct buf name = { 0 }, value = { 0 };
	im_attribute_event_name(e->class, attribute, &name);
	im_value(e, attribute, &value);
	json_set_bytes(o, name.p, buf_view(&value));
}

static json_t *values(const struct im_entity *e, uint32_t which)
{
	json_t *o = json_object();
	for (unsigned i = 0; i < 32; i++)
		if (which & e->has & im_attributes_all(e->class) & IM_BIT(i))
			set_value(o, e, i);
	return o;
}

json_t *im_change_json(const struct im_change *c)
{
	const struct im_entity *e = c->is ? c->is : c->was;
	assert(e);
	uint32_t which = c->was && c->is ? c->changed : UINT32_MAX;
	json_t *o = json_object(), *names = json_array();
	json_set_text(o, "change", im_kinds[c->kind]);
	json_set_text(o, "class", im_classes[e->class].name);
	json_set_bytes(o, "key", e->key);
	if (c->kind == IM_RENAMED && c->was)
		json_set_bytes(o, "from", c->was->key);
	json_set_bytes(o, "rule", c->reason->name);
	if (c->reason->id)
		json_set_int(o, "ruleID", c->reason->id);
	json_set_text(o, "severity", im_severities[c->reason->severity]);
	for (unsigned i = 0; i < 32; i++) {
		AUTO(buf_done) struct buf name = { 0 };
		if (!(c->changed & IM_BIT(i)))
			continue;
		im_attribute_event_name(e->class, i, &name);
		json_array_append_new(names, json_string(name.p));
	}
	json_set(o, "attributes", names);
	if (c->was)
		json_set(o, "before", values(c->was, which));
	if (c->is)
		json_set(o, "after", values(c->is, which));
	return o;
}

void im_change_line(const struct im_change *c, struct buf *out)
{
	const struct im_entity *e = c->is ? c->is : c->was;
	const char *between = ": ";
	assert(e);
	buf_fmt(out, "%s %s ", im_kinds[c->kind], im_classes[e->class].name);
	if (c->kind == IM_RENAMED && c->was) {
		buf_safe(out, c->was->key);
		buf_z(out, " to ");
	}
	buf_safe(out, e->key);
	for (unsigned i = 0; i < 32; i++) {
		AUTO(buf_done) struct buf was = { 0 }, is = { 0 };
		if (!(c->changed & IM_BIT(i)))
			continue;
		buf_z(out, between);
		between = ", ";
		im_attribute_event_name(e->class, i, out);
		if (c->was)
			im_value(c->was, i, &was);
		if (c->is)
			im_value(c->is, i, &is);
		buf_char(out, ' ');
		buf_safe(out, buf_view(&was));
		buf_z(out, " -> ");
		buf_safe(out, buf_view(&is));
	}
	buf_z(out, " (");
	buf_safe(out, c->reason->name);
	buf_fmt(out, ", %s)", im_severities[c->reason->severity]);
}
