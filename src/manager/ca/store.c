#include "manager/ca/store.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/file.h"

enum { HOSTS_MAX_BYTES = 16 * 1024, NAMES_MAX = 32 };

#define DAY_MS (24ull * 60 * 60 * 1000)

void authority_done(struct authority *a)
{
	struct buf *all[] = { &a->ca,         &a->ca_key,     &a->server,
		              &a->server_key, &a->policy_key, &a->hosts };
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		buf_done(all[i]);
}

static bool there(int dir, const char *name)
{
	struct stat st;
	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static int put(int dir, const char *name, const struct buf *b, struct err *why)
{
	int rc = file_replace(dir, name, b->p, b->n, 0600);
	return rc < 0 ? err_set(why, rc, "write %s: %s", name, strerror(-rc)) : 0;
}

static int get(int dir, const char *name, struct buf *out, struct err *why)
{
	int rc = file_read(dir, name, PEM_MAX, out);
	return rc < 0 ? err_set(why, rc, "read %s: %s", name, strerror(-rc)) : 0;
}

/* The key is written first: a CA without its key would be worth nothing. */
static int make_ca(int dir, struct err *why)
{
	AUTO(buf_done) struct buf key = { 0 };
	AUTO(buf_done) struct buf cert = { 0 };
	int rc = key_new(KEY_TLS, &key, why);
	if (rc == 0)
		rc = cert_new_ca(buf_view(&key), "Yagura Manager CA", CA_DAYS, &cert, why);
	if (rc == 0)
		rc = put(dir, "ca.key", &key, why);
	return rc < 0 ? rc : put(dir, "ca.pem", &cert, why);
}

static int make_policy_key(int dir, struct err *why)
{
	AUTO(buf_done) struct buf key = { 0 };
	int rc = key_new(KEY_SIGNING, &key, why);
	return rc < 0 ? rc : put(dir, "policy.key", &key, why);
}

static int make_hosts(int dir, const char *const *hosts, unsigned n, struct err *why)
{
	AUTO(buf_done) struct buf text = { 0 };
	for (unsigned i = 0; i < n; i++)
		buf_fmt(&text, "%s\n", hosts[i]);
	return put(dir, "hosts", &text, why);
}

int authority_make(int dir, const char *const *hosts, unsigned n, struct err *why)
{
	int rc = 0;
	if (!there(dir, "ca.pem"))
		rc = make_ca(dir, why);
	if (rc == 0 && !there(dir, "policy.key"))
		rc = make_policy_key(dir, why);
	if (rc == 0 && !there(dir, "hosts"))
		rc = make_hosts(dir, hosts, n, why);
	AUTO(authority_done) struct authority a = { 0 };
	if (rc == 0)
		rc = authority_load(dir, &a, why);
	return rc < 0 ? rc : authority_renew(dir, &a, why);
}

static int read_all(int dir, struct authority *a, struct err *why)
{
	int rc = get(dir, "ca.pem", &a->ca, why);
	if (rc == 0)
		rc = get(dir, "ca.key", &a->ca_key, why);
	if (rc == 0)
		rc = get(dir, "policy.key", &a->policy_key, why);
	if (rc == 0)
		rc = get(dir, "hosts", &a->hosts, why);
	if (rc == 0)
		rc = cert_matches(buf_view(&a->ca), buf_view(&a->ca_key), why);
	if (rc < 0 || !there(dir, "server.pem") || !there(dir, "server.key"))
		return rc;
	rc = get(dir, "server.pem", &a->server, why);
	return rc < 0 ? rc : get(dir, "server.key", &a->server_key, why);
}

int authority_load(int dir, struct authority *out, struct err *why)
{
	struct authority a = { 0 };
	int rc = read_all(dir, &a, why);
	if (rc < 0)
		authority_done(&a);
	else
		*out = a;
	return rc;
}

/* Unreadable, not its key's, not ours or near its end. */
static bool server_is_stale(const struct authority *a)
{
	struct cert_facts f;
	return cert_facts(buf_view(&a->server), &f, NULL) < 0 ||
	       f.until_ms < clock_ms() + RENEW_DAYS * DAY_MS ||
	       cert_matches(buf_view(&a->server), buf_view(&a->server_key), NULL) < 0 ||
	       cert_check(buf_view(&a->server), buf_view(&a->ca), NULL) < 0;
}

static unsigned split(char *text, const char **names)
{
	unsigned n = 0;
	char *save = NULL;
	for (char *w = strtok_r(text, " \t\r\n", &save); w && n < NAMES_MAX;
	     w = strtok_r(NULL, " \t\r\n", &save))
		names[n++] = w;
	return n;
}

int authority_renew(int dir, struct authority *a, struct err *why)
{
	if (!server_is_stale(a))
		return 0;
	AUTO(buf_done) struct buf key = { 0 };
	AUTO(buf_done) struct buf cert = { 0 };
	AUTO(freep) char *text = str_dup(buf_view(&a->hosts));
	const char *names[NAMES_MAX];
	unsigned n = split(text, names);
	struct issuer ca = { buf_view(&a->ca), buf_view(&a->ca_key) };
	int rc = key_new(KEY_TLS, &key, why);
	if (rc == 0)
		rc = cert_new_server(&ca, buf_view(&key), names, n, SERVER_DAYS, &cert, why);
	buf_str(&cert, buf_view(&a->ca));
	if (rc == 0)
		rc = put(dir, "server.key", &key, why);
	if (rc == 0)
		rc = put(dir, "server.pem", &cert, why);
	if (rc < 0)
		return rc;
	buf_clear(&a->server);
	buf_clear(&a->server_key);
	buf_str(&a->server, buf_view(&cert));
	buf_str(&a->server_key, buf_view(&key));
	return 1;
}

int authority_certify(const struct authority *a, struct str csr, const char *cn, struct buf *out,
                      struct err *why)
{
	struct issuer ca = { buf_view(&a->ca), buf_view(&a->ca_key) };
	struct cert_facts f;
	int rc = cert_facts(buf_view(&a->ca), &f, why);
	if (rc < 0)
		return rc;
	uint64_t now = clock_ms();
	uint64_t left = f.until_ms > now ? (f.until_ms - now) / DAY_MS : 0;
	if (left == 0)
		return err_set(why, -EPERM, "the CA's certificate has expired");
	return cert_new_client(&ca, csr, cn, left < CLIENT_DAYS ? (int)left : CLIENT_DAYS, out,
	                       why);
}
