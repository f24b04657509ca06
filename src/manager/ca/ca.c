#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/base64.h"
#include "base/json.h"
#include "base/log.h"
#include "base/wire.h"
#include "manager/ca/store.h"
#include "manager/manager.h"

/*
 * The authority's process: the only one that reads the CA's key and the key that signs policies. It
 * certifies what the core asks for, and gives the front the server's certificate.
 */

enum { CHECK_MS = 60 * 60 * 1000, POLICY_MAX = 16 << 20, CN_MAX = 64, ASKED_MAX = 2 * PEM_MAX };

struct ca {
	struct self *me;
	int dir; /* ETC/ca */
	struct authority authority;
	struct watch timer;
};

int ca_early(struct self *me)
{
	AUTO(freep) char *path = NULL;
	struct ca *c = xcalloc(1, sizeof(*c));
	me->state = c;
	c->me = me;
	c->timer.fd = -1;
	if (asprintf(&path, "%s/ca", me->etc) < 0)
		abort();
	/* Opened with root's rights: what stands above may be closed to this process. */
	c->dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (c->dir >= 0)
		return 0;
	int rc = -errno;
	log_error("open %s: %s (was --setup run?)", path, strerror(errno));
	return rc;
}

/* ---- what others are told ---- */

static void set_pem(json_t *j, const char *key, const struct buf *pem)
{
	json_object_set_new(j, key, json_stringn(pem->p, pem->n));
}

static void say(struct ca *c, unsigned who, uint32_t type, const json_t *j)
{
	AUTO(buf_done) struct buf text = { 0 };
	json_write(&text, j);
	int rc = self_send(c->me, who, 0, type, 0, buf_view(&text));
	if (rc < 0 && rc != -ENOTCONN)
		log_error("tell %s: %s", c->me->program->procs[who].name, strerror(-rc));
}

static void tell_front(struct ca *c)
{
	AUTO(json_decrefp) json_t *j = json_object();
	set_pem(j, "ca", &c->authority.ca);
	set_pem(j, "certificate", &c->authority.server);
	set_pem(j, "key", &c->authority.server_key);
	say(c, P_FRONT, M_TLS, j);
}

static void tell_core(struct ca *c)
{
	AUTO(json_decrefp) json_t *j = json_object();
	AUTO(buf_done) struct buf key = { 0 };
	uint8_t public[PUBLIC_KEY_LEN];
	struct cert_facts f;
	struct err why = { { 0 } };
	if (key_public(buf_view(&c->authority.policy_key), public, &why) < 0 ||
	    cert_facts(buf_view(&c->authority.server), &f, &why) < 0) {
		log_error("tell core: %s", why.text);
		return;
	}
	base64_encode(&key, (struct str){ (const char *)public, sizeof(public) });
	struct str rest = buf_view(&c->authority.hosts);
	set_pem(j, "ca", &c->authority.ca);
	json_set_bytes(j, "policyKey", buf_view(&key));
	json_set_bytes(j, "host", str_trim(str_cut(&rest, '\n')));
	json_set_text(j, "sha256", f.fingerprint);
	json_set_int(j, "notAfter", (int64_t)f.until_ms);
	say(c, P_CORE, M_AUTHORITY, j);
}

void ca_up(struct self *me, struct peer *p)
{
	if (p->who == P_FRONT)
		tell_front(me->state);
	else if (p->who == P_CORE)
		tell_core(me->state);
}

/* ---- renewal ---- */

static void check(struct ca *c)
{
	struct err why = { { 0 } };
	int rc = authority_renew(c->dir, &c->authority, &why);
	if (rc < 0)
		log_error("renew the server's certificate: %s", why.text);
	if (rc <= 0)
		return;
	log_info("the server's certificate was renewed");
	tell_front(c);
	tell_core(c);
}

static void due(struct watch *w, uint32_t events)
{
	(void)events;
	loop_tick(w);
	check(CONTAINER_OF(w, struct ca, timer));
}

void ca_hup(struct self *me)
{
	struct ca *c = me->state;
	struct err why = { { 0 } };
	struct authority fresh = { 0 };
	if (authority_load(c->dir, &fresh, &why) < 0) {
		log_error("read the keys again: %s; the old ones stay", why.text);
		return;
	}
	authority_done(&c->authority);
	c->authority = fresh;
	check(c);
	tell_front(c);
	tell_core(c);
}

int ca_start(struct self *me)
{
	struct ca *c = me->state;
	struct err why = { { 0 } };
	int rc = authority_load(c->dir, &c->authority, &why);
	if (rc < 0) {
		log_error("%s", why.text);
		return rc;
	}
	check(c);
	if (c->authority.server.n == 0)
		return -ENOENT;
	c->timer.ready = due;
	return loop_timer(&me->loop, &c->timer, CHECK_MS, CHECK_MS);
}

void ca_stop(struct self *me)
{
	struct ca *c = me->state;
	loop_del(&me->loop, &c->timer);
	authority_done(&c->authority);
	close(c->dir);
	free(c);
	me->state = NULL;
}

/* ---- what the core asks for ---- */

static int answer(struct ca *c, uint32_t id, int rc, struct str result)
{
	size_t n = result.n + 8;
	AUTO(freep) char *room = xcalloc(1, n);
	struct wr w = wr_init(room, n);
	wr_u32(&w, (uint32_t)-rc);
	wr_str(&w, result);
	int sent = self_send(c->me, P_CORE, 0, M_SIGNED, id, (struct str){ room, wr_len(&w) });
	return sent == -ENOTCONN ? 0 : sent;
}

static bool is_guid(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;
		bool hex = (s.p[i] >= '0' && s.p[i] <= '9') || (s.p[i] >= 'A' && s.p[i] <= 'F') ||
		           (s.p[i] >= 'a' && s.p[i] <= 'f');
		if (dash ? s.p[i] != '-' : !hex)
			return false;
	}
	return s.n == 36;
}

static int sign_csr(struct self *me, struct peer *p, struct imsg *m)
{
	(void)p;
	struct ca *c = me->state;
	AUTO(imsg_body_done) struct imsg_body body = { 0 };
	AUTO(buf_done) struct buf cert = { 0 };
	struct err why = { { 0 } };
	int rc = imsg_body(m, ASKED_MAX, &body);
	if (rc < 0)
		return rc;
	struct rd r = rd_init(body.s.p, body.s.n);
	struct str csr = rd_str(&r, PEM_MAX), cn = rd_str(&r, CN_MAX);
	rc = rd_end(&r);
	if (rc < 0)
		return rc;
	AUTO(freep) char *name = str_dup(cn);
	rc = is_guid(cn) ? authority_certify(&c->authority, csr, name, &cert, &why)
	                 : err_set(&why, -EINVAL, "%s is no GUID", log_quote(cn));
	if (rc < 0)
		log_warning("refuse a certificate for %s: %s", log_quote(cn), why.text);
	return answer(c, m->id, rc, buf_view(&cert));
}

static int sign_policy(struct self *me, struct peer *p, struct imsg *m)
{
	(void)p;
	struct ca *c = me->state;
	AUTO(imsg_body_done) struct imsg_body body = { 0 };
	struct err why = { { 0 } };
	uint8_t signature[SIGNATURE_LEN];
	int rc = imsg_body(m, POLICY_MAX, &body);
	if (rc < 0)
		return rc;
	rc = key_sign(buf_view(&c->authority.policy_key), body.s, signature, &why);
	if (rc < 0)
		log_error("sign a policy: %s", why.text);
	struct str result = { (const char *)signature, rc < 0 ? 0 : sizeof(signature) };
	return answer(c, m->id, rc, result);
}

int (*const ca_on[])(struct self *me, struct peer *p, struct imsg *m) = {
	[M_SIGN_CSR] = sign_csr,
	[M_SIGN_POLICY] = sign_policy,
	[M_COUNT] = NULL,
};
