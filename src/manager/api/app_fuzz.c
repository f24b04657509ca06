#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/json.h"
#include "manager/api/app.h"
#include "manager/store/setup.h"

/*
 * A whole request: "METHOD PATH?NAME=VALUE\nheader: value\n...\n\nBODY". The header "as: admin"
 * stands for a session's cookie and rID. What a request did is rolled back, so that inputs do not
 * depend on each other.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct app *app;
static char cookie[128], rid[64], dir[] = "/tmp/yagura-fuzz-XXXXXX";

static void reply(struct app *a, uint64_t id, int status, const json_t *headers, struct str body,
                  bool stream)
{
	(void)a, (void)id, (void)stream;
	/* What is answered is JSON, and an error has a message. */
	json_t *o = json_parse(body, NULL);
	const char *type = json_text(headers, "Content-Type", "");
	if (body.n && strstr(type, "json") && !o)
		abort();
	if (status >= 400 && status != 405 && !json_text(o, "message", NULL))
		abort();
	if (!cookie[0]) {
		snprintf(rid, sizeof(rid), "%s", json_text(o, "RID", ""));
		const char *c = json_text(headers, "Set-Cookie", "");
		snprintf(cookie, sizeof(cookie), "%.*s", (int)strcspn(c, ";"), c);
	}
	json_decref(o);
}

static void chunk(struct app *a, uint64_t id, struct str piece)
{
	(void)a, (void)id, (void)piece;
}

static void sign_certificate(struct app *a, uint64_t ticket, struct str csr, const char *name)
{
	(void)csr, (void)name;
	app_signed(a, ticket, -EIO, (struct str){ 0 });
}

static void sign_policy(struct app *a, uint64_t ticket, struct str policy)
{
	(void)policy;
	app_signed(a, ticket, 0, STR("signature"));
}

static void remove_all(void)
{
	char path[80];
	static const char *const names[] = { "yagura.db", "yagura.db-wal", "yagura.db-shm" };
	app_free(app);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
	rmdir(dir);
}

static void begin(void)
{
	static const struct app_hooks hooks = { reply, chunk, sign_certificate, sign_policy };
	struct err why;
	static char database[80];
	if (!mkdtemp(dir))
		abort();
	snprintf(database, sizeof(database), "sqlite:%s/yagura.db", dir);
	const struct setup setup = { dir, getuid(), getgid(), "manager.test",
		                     "a Password 4 tests" };
	const struct app_config config = { database,
		                           "-",
		                           "-",
		                           "-",
		                           0,
		                           "manager.test",
		                           4119,
		                           4120,
		                           NULL,
		                           NULL,
		                           STR("a key that is only good in tests") };
	if (setup_database(&setup, &why) < 0 || app_open(&app, &config, &hooks, NULL, &why) < 0)
		abort();
	atexit(remove_all);
	const struct request rq = {
		.method = "POST",
		.path = "/api/sessions",
		.body = STR("{\"userName\":\"admin\",\"password\":\"a Password 4 tests\"}"),
		.address = "192.0.2.1"
	};
	app_request(app, &rq);
	if (!rid[0])
		abort();
}

static json_t *query_of(struct str text)
{
	json_t *query = json_object();
	while (text.p) {
		struct str value = str_cut(&text, '&');
		struct str name = str_cut(&value, '=');
		AUTO(freep) char *key = str_dup(name);
		if (!str_utf8(value) || !str_utf8(name))
			continue;
		json_t *list = json_object_get(query, key);
		if (!list) {
			list = json_array();
			json_set(query, key, list);
		}
		json_array_append_new(list, json_stringn(value.p ? value.p : "", value.n));
	}
	return query;
}

static json_t *headers_of(struct str *rest)
{
	json_t *headers = json_object();
	while (rest->p) {
		struct str value = str_cut(rest, '\n');
		if (value.n == 0)
			break;
		struct str name = str_cut(&value, ':');
		AUTO(freep) char *key = str_dup(name);
		if (str_utf8(name) && str_utf8(value))
			json_set(headers, key,
			         json_stringn(str_trim(value).p ? str_trim(value).p : "",
			                      str_trim(value).n));
	}
	if (strcmp(json_text(headers, "as", ""), "admin") == 0) {
		json_set_text(headers, "cookie", cookie);
		json_set_text(headers, "rid", rid);
	}
	return headers;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!app)
		begin();
	struct str rest = { (const char *)data, size };
	struct str path = str_cut(&rest, '\n');
	struct str method = str_cut(&path, ' ');
	struct str query = path;
	path = str_cut(&query, '?');
	/* Front hands on decoded, normalised paths and known methods only. */
	if (!str_utf8(path) || !str_starts(path, STR("/")) || !str_utf8(method) || method.n == 0)
		return 0;
	AUTO(freep) char *m = str_dup(method);
	AUTO(freep) char *p = str_dup(path);
	AUTO(json_decrefp) json_t *q = query_of(query);
	AUTO(json_decrefp) json_t *h = headers_of(&rest);
	struct request rq = { .id = 1,
		              .listener = str_starts(path, STR("/agent/")) ? LISTENER_AGENT
		                                                           : LISTENER_CONSOLE,
		              .method = m,
		              .path = p,
		              .query = q,
		              .headers = h,
		              .body = rest,
		              .address = "192.0.2.1" };
	store_begin(app->store);
	app_request(app, &rq);
	app_gone(app, 1);
	store_end(app->store, false);
	return 0;
}
