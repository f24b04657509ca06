#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "agent/comms/comms.h"
#include "agent/comms/zip.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"

enum { DEPTH_MAX = 64 };

/* What is named like a secret stays here, wherever it is. */
static void redact(json_t *j, int depth)
{
	static const char *const secret[] = { "password", "token", "secret", "key", "credential" };
	const char *name;
	json_t *v;
	void *tmp = NULL;
	for (size_t i = 0; depth > 0 && i < json_array_size(j); i++)
		redact(json_array_get(j, i), depth - 1);
	if (!json_is_object(j) || depth == 0)
		return;
	json_object_foreach_safe(j, tmp, name, v)
	{
		bool hide = false;
		for (size_t i = 0; i < ARRAY_LEN(secret); i++)
			hide = hide || strcasestr(name, secret[i]);
		if (hide)
			json_object_set_new(j, name, json_string("(not shown)"));
		else
			redact(v, depth - 1);
	}
}

static void add_json(struct zip *z, const char *name, json_t *j)
{
	AUTO(buf_done) struct buf b = { 0 };
	redact(j, DEPTH_MAX);
	char *text = json_dumps(j, JSON_INDENT(2) | JSON_ENSURE_ASCII);
	buf_z(&b, text ? text : "");
	buf_char(&b, '\n');
	free(text);
	zip_add(z, name, buf_view(&b));
	json_decref(j);
}

static json_t *identity_json(const struct comms *c)
{
	char url[320] = "";
	json_t *j = json_object();
	json_set_bool(j, "activated", c->id.valid);
	if (c->id.valid)
		address_write(&c->id.manager, "dsm", url, sizeof(url));
	json_set_text(j, "manager", url);
	json_set_text(j, "hostGUID", c->id.host_guid);
	json_set_text(j, "tenantID", c->id.tenant_id);
	json_set_text(j, "managerGUID", c->id.manager_guid);
	json_set_int(j, "computerID", c->id.computer_id);
	json_set_bool(j, "online", c->online);
	json_set_int(j, "lastContact", (int64_t)c->seen_ms);
	return j;
}

static json_t *proxies_json(const struct comms *c)
{
	static const char *const names[PROXY_USES] = { "dsm_proxy", "relay_proxy" };
	json_t *j = json_object();
	for (size_t i = 0; i < PROXY_USES; i++) {
		char text[320] = "";
		if (c->proxies.p[i].set)
			address_write(&c->proxies.p[i].address, names[i], text, sizeof(text));
		json_set_text(j, names[i], text);
	}
	return j;
}

static void add_file(struct zip *z, const char *name, const char *path)
{
	AUTO(buf_done) struct buf b = { 0 };
	if (file_read(AT_FDCWD, path, 1 << 20, &b) == 0)
		zip_add(z, name, buf_view(&b));
}

static void fill(struct comms *c, struct zip *z)
{
	char now[48];
	AUTO(buf_done) struct buf about = { 0 };
	clock_stamp(now);
	buf_fmt(&about, "yagura-agent %s\nmade at %s\n", YAGURA_VERSION, now);
	zip_add(z, "about.txt", buf_view(&about));
	add_json(z, "status.json", status_make(c));
	add_json(z, "identity.json", identity_json(c));
	add_json(z, "proxies.json", proxies_json(c));
	if (c->policy.json)
		add_json(z, "policy.json", json_deep_copy(c->policy.json));
	add_file(z, "os-release", "/etc/os-release");
	add_file(z, "mounts", "/proc/self/mountinfo");
	add_file(z, "meminfo", "/proc/meminfo");
	add_file(z, "kernel", "/proc/version");
	zip_end(z);
}

int diag_make(struct comms *c, struct buf *name, struct err *why)
{
	AUTO(zip_done) struct zip z = { 0 };
	char file[64];
	fill(c, &z);
	snprintf(file, sizeof(file), "%" PRIu64 ".zip", clock_ms());
	buf_fmt(name, "%s/diag/%s", c->me->lib, file);
	int rc = buf_end(&z.out);
	if (rc == 0)
		rc = file_replace(c->diag, file, z.out.p, z.out.n, 0600);
	return rc < 0 ? err_set(why, rc, "write %s: %s", name->p, strerror(-rc)) : 0;
}
