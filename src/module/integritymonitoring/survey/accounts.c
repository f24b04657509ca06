#include <fcntl.h>

#include "base/auto.h"
#include "base/file.h"
#include "module/integritymonitoring/survey/sources.h"

enum { LIST_MAX = 64 << 20, FIELDS = 9 };

/* The fields of a line between ':'; false: a comment, a line of NIS, or not so many. */
static bool fields_of(struct str line, struct str *out, size_t n)
{
	if (!line.n || line.p[0] == '#' || line.p[0] == '+' || line.p[0] == '-')
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!line.p)
			return false;
		out[i] = str_cut(&line, ':');
	}
	return true;
}

static struct str line_of(struct str list, struct str name, struct str *out, size_t n)
{
	while (list.p) {
		struct str line = str_cut(&list, '\n');
		if (str_starts(line, name) && line.n > name.n && line.p[name.n] == ':' &&
		    fields_of(line, out, n))
			return line;
	}
	return (struct str){ 0 };
}

static bool is_member(struct str members, struct str name)
{
	while (members.p)
		if (str_eq(str_cut(&members, ','), name))
			return true;
	return false;
}

/* The groups that have it as a member, and the one of its number, by name. */
static void groups_of(struct str group, struct str user, struct str gid, struct buf *out)
{
	struct str f[4];
	while (group.p) {
		struct str line = str_cut(&group, '\n');
		if (fields_of(line, f, 4) && (str_eq(f[2], gid) || is_member(f[3], user)))
			buf_fmt(out, "%s%.*s", out->n ? "," : "", STR_ARG(f[0]));
	}
}

static struct str yes(bool b)
{
	return b ? STR("true") : STR("false");
}

/* shadow(5): name, password, last change, minimum, maximum, warning, inactive, expires, reserved.
 */
static void set_password(struct gathered *g, struct im_entity *e, struct str shadow)
{
	struct str f[FIELDS];
	if (!shadow.n || !line_of(shadow, e->key, f, FIELDS).n)
		return;
	bool locked = str_starts(f[1], STR("!"));
	bool never = !f[4].n || str_is(f[4], "99999") || str_is(f[4], "-1");
	gathered_set(g, e, "Locked", yes(locked));
	gathered_set(g, e, "Disabled", yes(locked || str_starts(f[1], STR("*"))));
	gathered_set(g, e, "LastPasswordChange", f[2]);
	gathered_set(g, e, "PasswordNeverExpires", yes(never));
	gathered_set(g, e, "PasswordExpires", never ? STR("never") : f[4]);
}

void parse_users(struct gathered *g, struct str passwd, struct str shadow, struct str group)
{
	struct str f[7];
	while (passwd.p) {
		AUTO(buf_done) struct buf groups = { 0 };
		if (!fields_of(str_cut(&passwd, '\n'), f, 7) || !f[0].n)
			continue;
		struct im_entity *e = gathered_add(g, IM_USER, f[0]);
		groups_of(group, f[0], f[3], &groups);
		gathered_set(g, e, "Uid", f[2]);
		gathered_set(g, e, "Group", f[3]);
		gathered_set(g, e, "FullName", f[4]);
		gathered_set(g, e, "HomeFolder", f[5]);
		gathered_set(g, e, "Shell", f[6]);
		gathered_set(g, e, "Groups", buf_view(&groups));
		set_password(g, e, shadow);
	}
}

void parse_groups(struct gathered *g, struct str group)
{
	struct str f[4];
	while (group.p) {
		AUTO(buf_done) struct buf name = { 0 };
		if (!fields_of(str_cut(&group, '\n'), f, 4) || !f[0].n)
			continue;
		struct im_entity *e = gathered_add(g, IM_GROUP, f[0]);
		buf_fmt(&name, "%.*s (%.*s)", STR_ARG(f[0]), STR_ARG(f[2]));
		gathered_set(g, e, "Group", buf_view(&name));
		gathered_set(g, e, "Members", f[3]);
	}
}

int gather_users(struct gathered *g)
{
	AUTO(buf_done) struct buf passwd = { 0 }, shadow = { 0 }, group = { 0 };
	int rc = file_read(AT_FDCWD, "/etc/passwd", LIST_MAX, &passwd);
	if (rc == 0)
		rc = file_read(AT_FDCWD, "/etc/group", LIST_MAX, &group);
	if (rc < 0)
		return rc;
	/* Only root may read it; without it nothing is said of passwords. */
	if (file_read(AT_FDCWD, "/etc/shadow", LIST_MAX, &shadow) < 0)
		buf_clear(&shadow);
	parse_users(g, buf_view(&passwd), buf_view(&shadow), buf_view(&group));
	return 0;
}

int gather_groups(struct gathered *g)
{
	AUTO(buf_done) struct buf group = { 0 };
	int rc = file_read(AT_FDCWD, "/etc/group", LIST_MAX, &group);
	if (rc == 0)
		parse_groups(g, buf_view(&group));
	return rc;
}
