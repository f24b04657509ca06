#include <curl/curl.h>
#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/json.h"
#include "base/wire.h"
#include "manager/forward/mail.h"
#include "manager/forward/scan.h"
#include "manager/forward/sweep.h"
#include "manager/manager.h"
#include "net/receivers.h"

/*
 * Sends what the core gives it: the first instance syslog messages, the second mail and web hooks,
 * the third scans ports, the fourth looks for computers in networks. It waits for slow receivers so
 * that nobody else has to; the core gives it one thing at a time.
 */

enum { ORDER_MAX = 16 << 20 };

struct courier {
	struct self *me;
	struct receivers receivers;
};

static int stop_fd(struct courier *c)
{
	struct peer *guard = self_peer(c->me, P_GUARD, 0);
	return peer_is_up(guard) ? guard->watch.fd : -1;
}

static int syslog_order(struct courier *c, const json_t *order, struct buf *said, struct err *why)
{
	(void)said;
	return receivers_send(&c->receivers, json_int(order, "id", 0),
	                      json_object_at(order, "target"), json_array_at(order, "messages"),
	                      stop_fd(c), why);
}

static int mail_order(struct courier *c, const json_t *order, struct buf *said, struct err *why)
{
	(void)said;
	return mail_send(order, stop_fd(c), why);
}

static int hook_order(struct courier *c, const json_t *order, struct buf *said, struct err *why)
{
	(void)said;
	return hook_send(order, stop_fd(c), why);
}

static int scan_order(struct courier *c, const json_t *order, struct buf *said, struct err *why)
{
	return scan_ports(order, stop_fd(c), said, why);
}

static int fetch_order(struct courier *c, const json_t *order, struct buf *said, struct err *why)
{
	return fetch(order, stop_fd(c), said, why);
}

static int discover_order(struct courier *c, const json_t *order, struct buf *said, struct err *why)
{
	const struct sweep s = { .low = (uint32_t)json_int(order, "low", 0),
		                 .high = (uint32_t)json_int(order, "high", 0),
		                 .names = json_bool(order, "names", false),
		                 .stop = stop_fd(c) };
	return sweep(&s, said, why);
}

/* said: what the answer tells of a success. */
static const struct {
	const char *kind;
	int (*send)(struct courier *c, const json_t *order, struct buf *said, struct err *why);
} kinds[] = {
	{ "syslog", syslog_order },  { "mail", mail_order },   { "hook", hook_order },
	{ "port-scan", scan_order }, { "fetch", fetch_order }, { "discover", discover_order }
};

static int on_send(struct self *me, struct peer *p, struct imsg *m)
{
	(void)p;
	struct courier *c = me->state;
	AUTO(imsg_body_done) struct imsg_body body = { 0 };
	struct err why = { { 0 } };
	AUTO(buf_done) struct buf said = { 0 };
	int rc = imsg_body(m, ORDER_MAX, &body);
	if (rc < 0)
		return rc;
	AUTO(json_decrefp) json_t *order = json_parse(body.s, &why);
	if (!order)
		return -EBADMSG;
	rc = -EINVAL;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (strcmp(kinds[i].kind, json_text(order, "kind", "")) == 0)
			rc = kinds[i].send(c, order, &said, &why);
	struct str text = rc < 0 ? str_of(why.text) : buf_view(&said);
	AUTO(freep) char *answer = xcalloc(1, text.n + 16);
	struct wr w = wr_init(answer, text.n + 16);
	wr_u32(&w, (uint32_t)-rc);
	wr_str(&w, text);
	rc = self_send(me, P_CORE, 0, M_SENT, m->id, (struct str){ answer, wr_len(&w) });
	return rc == -ENOTCONN ? 0 : rc;
}

int courier_start(struct self *me)
{
	struct courier *c = xcalloc(1, sizeof(*c));
	c->me = me;
	me->state = c;
	return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? 0 : -EIO;
}

void courier_stop(struct self *me)
{
	struct courier *c = me->state;
	receivers_done(&c->receivers);
	free(c);
	me->state = NULL;
	curl_global_cleanup();
}

int (*const courier_on[])(struct self *me, struct peer *p, struct imsg *m) = {
	[M_SEND] = on_send,
	[M_COUNT] = NULL,
};
