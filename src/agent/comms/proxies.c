#include "agent/comms/proxies.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "base/file.h"
#include "base/json.h"

static const char file_name[] = "proxies.json";

/* clang-format off */
static const struct {
	const char *scheme, *added;
} uses[PROXY_USES] = {
	[PROXY_DSM]   = { "dsm_proxy",   "proxy-address" },
	[PROXY_RELAY] = { "relay_proxy", "relay proxy-address" },
};
/* clang-format on */

static int keep(int dir, const struct proxies *all)
{
	AUTO(buf_done) struct buf b = { 0 };
	AUTO(json_decrefp) json_t *j = json_object();
	for (size_t i = 0; i < PROXY_USES; i++) {
		const struct proxy *p = &all->p[i];
		char address[320] = "";
		json_t *o = json_object();
		if (p->set)
			address_write(&p->address, uses[i].scheme, address, sizeof(address));
		json_set_text(o, "address", address);
		json_set_text(o, "user", p->user);
		json_set_text(o, "password", p->password);
		json_set(j, uses[i].scheme, o);
	}
	json_write(&b, j);
	int rc = buf_end(&b);
	return rc < 0 ? rc : file_replace(dir, file_name, b.p, b.n, 0600);
}

static int load_one(const json_t *o, size_t use, struct proxy *out, struct err *why)
{
	const char *address = json_text(o, "address", "");
	snprintf(out->user, sizeof(out->user), "%s", json_text(o, "user", ""));
	snprintf(out->password, sizeof(out->password), "%s", json_text(o, "password", ""));
	out->set = *address != '\0';
	return out->set ? address_parse(str_of(address), uses[use].scheme, 0, &out->address, why)
	                : 0;
}

int proxies_load(int dir, struct proxies *out, struct err *why)
{
	AUTO(buf_done) struct buf b = { 0 };
	*out = (struct proxies){ 0 };
	int rc = file_read(dir, file_name, 64 << 10, &b);
	if (rc == -ENOENT)
		return 0;
	if (rc < 0)
		return err_set(why, rc, "read %s: %s", file_name, strerror(-rc));
	AUTO(json_decrefp) json_t *j = json_parse(buf_view(&b), why);
	if (!j)
		return err_add(why, -EBADMSG, "%s", file_name);
	struct proxies all = { 0 };
	for (size_t i = 0; i < PROXY_USES && rc == 0; i++) {
		const json_t *o = json_object_at(j, uses[i].scheme);
		rc = o ? load_one(o, i, &all.p[i], why) : 0;
	}
	if (rc < 0)
		return err_add(why, rc, "%s", file_name);
	*out = all;
	return 0;
}

static int keep_or_say(int dir, const struct proxies *all, struct err *why)
{
	int rc = keep(dir, all);
	return rc < 0 ? err_set(why, rc, "keep the proxy: %s", strerror(-rc)) : 0;
}

int proxies_set(int dir, struct proxies *all, enum proxy_use use, const char *value,
                struct buf *answer, struct err *why)
{
	struct proxies next = *all;
	struct proxy *p = &next.p[use];
	char text[320] = "";
	int rc = 0;
	p->set = *value != '\0';
	if (p->set)
		rc = address_parse(str_of(value), uses[use].scheme, 0, &p->address, why);
	if (rc == 0)
		rc = keep_or_say(dir, &next, why);
	if (rc < 0)
		return rc;
	*all = next;
	if (p->set)
		address_write(&p->address, uses[use].scheme, text, sizeof(text));
	buf_fmt(answer, "%s %s:[%s]%s%s%s", p->set ? "Add" : "Remove", uses[use].added,
	        uses[use].scheme, p->set ? " with value:[" : "", text, p->set ? "]" : "");
	return 0;
}

int proxies_set_user(int dir, struct proxies *all, enum proxy_use use, const char *value,
                     struct buf *answer, struct err *why)
{
	struct proxies next = *all;
	struct proxy *p = &next.p[use];
	struct str password = str_of(value);
	struct str user = str_cut(&password, ':');
	if (*value && (!password.p || user.n == 0))
		return err_set(why, -EINVAL, "credentials are USER:PASSWORD");
	if (user.n >= sizeof(p->user) || password.n >= sizeof(p->password))
		return err_set(why, -EINVAL, "the credentials are too long");
	memset(p->user, 0, sizeof(p->user));
	memset(p->password, 0, sizeof(p->password));
	if (user.n)
		memcpy(p->user, user.p, user.n);
	if (password.n)
		memcpy(p->password, password.p, password.n);
	int rc = keep_or_say(dir, &next, why);
	if (rc < 0)
		return rc;
	*all = next;
	buf_fmt(answer, "%s credentials of proxy:[%s]", *value ? "Set" : "Remove",
	        uses[use].scheme);
	return 0;
}
