#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/outbox.h"
#include "base/auto.h"
#include "base/json.h"
#include "base/log.h"
#include "base/wire.h"
#include "base/zone.h"
#include "model/format.h"
#include "module/module.h"
#include "net/receivers.h"

/*
 * Events of modules, sent by this agent itself to the syslog receivers that its policy names. The
 * spool keeps them until we say that the receiver has them; we keep nothing. It waits for slow
 * receivers so that nobody else has to.
 */

enum { POLICY_MAX = 64 << 20, BATCH_MAX = 64 << 20 };

struct forward {
	struct self *me;
	struct outbox outbox;
	struct receivers receivers;
	json_t *part;     /* owned: "forwarding" of the policy; NULL: none */
	int64_t computer; /* as the manager numbers and calls this host */
	char *computer_name, host[256];
	json_t *failing; /* owned: {"ID":why} */
};

static const char *id_text(int64_t id, char out[static 24])
{
	snprintf(out, 24, "%" PRId64, id);
	return out;
}

static const json_t *configuration(const struct forward *f, int64_t id)
{
	char key[24];
	return json_object_at(json_object_at(f->part, "receivers"), id_text(id, key));
}

/* ---- how it stands ---- */

static void tell_status(struct forward *f)
{
	AUTO(buf_done) struct buf b = { 0 };
	AUTO(json_decrefp) json_t *messages = json_array();
	const char *id;
	json_t *v;
	json_object_foreach (f->failing, id, v) {
		const json_t *o = json_object_at(json_object_at(f->part, "receivers"), id);
		json_array_append_new(messages,
		                      json_sprintf("Events cannot be forwarded to %s: %s",
		                                   json_text(o, "name", id), json_string_value(v)));
	}
	AUTO(json_decrefp) json_t *o = json_pack("{s:{},s:O}", "modules", "messages", messages);
	json_write(&b, o);
	self_send(f->me, P_COMMS, 0, M_STATUS, 0, buf_view(&b));
}

static void say(struct forward *f, const char *kind, const json_t *o, const char *description)
{
	struct event ev;
	event_init(&ev, &event_class_system, kind);
	event_text(&ev, "TargetType", "syslog configuration");
	event_text(&ev, "TargetName", json_text(o, "name", ""));
	event_text(&ev, "Description", description);
	outbox_put(&f->outbox, &ev);
	event_done(&ev);
}

static void went(struct forward *f, int64_t id, const json_t *o, int rc, const char *why)
{
	char key[24];
	bool failed = json_object_get(f->failing, id_text(id, key)) != NULL;
	if (rc < 0 && !failed) {
		log_warning("forward events to %s: %s", log_quote(str_of(json_text(o, "name", ""))),
		            why);
		say(f, "forwarding-failed", o, why);
	} else if (rc == 0 && failed) {
		say(f, "forwarding-resumed", o, NULL);
	}
	if (rc < 0)
		json_set_bytes(f->failing, key, str_of(why));
	else
		json_object_del(f->failing, key);
	if (rc < 0 || failed)
		tell_status(f);
}

/* ---- sending ---- */

static struct format_source source_of(const struct forward *f, const json_t *o)
{
	struct format_source s = format_source_of(o, f->host);
	s.version = YAGURA_VERSION;
	s.tenant = json_text(f->part, "tenant", "");
	s.tenant_id = json_text(f->part, "tenantID", "");
	return s;
}

/* An event that we do not understand (the spool is older than we are) is passed over. */
static json_t *messages_of(const struct forward *f, const json_t *o, const json_t *events)
{
	AUTO(zone_freep) struct zone *zone = NULL;
	json_t *list = json_array();
	struct format_source s = source_of(f, o);
	if (zone_open(json_text(o, "timeZone", "UTC"), &zone, NULL) < 0)
		zone_open("UTC", &zone, NULL); /* this host may know none */
	for (size_t i = 0; i < json_array_size(events); i++) {
		AUTO(buf_done) struct buf b = { 0 };
		struct event ev = { 0 };
		if (event_from_json(json_array_get(events, i), event_classes, &ev, NULL) == 0) {
			const struct format_event e = { .event = &ev,
				                        .computer = f->computer,
				                        .host = f->computer_name };
			s.utc_offset_s = zone_offset(zone, (int64_t)(ev.time_ms / 1000));
			format_event(&b, &s, &e);
			json_array_append_new(list, json_stringn(b.p ? b.p : "", b.n));
		}
		event_done(&ev);
	}
	return list;
}

static int stop_fd(const struct forward *f)
{
	const struct peer *guard = self_peer(f->me, P_GUARD, 0);
	return guard && peer_is_up(guard) ? guard->watch.fd : -1;
}

static int send_batch(struct forward *f, int64_t id, const json_t *batch)
{
	struct err why = { { 0 } };
	const json_t *o = configuration(f, id);
	if (!o) /* the policy is still to come, or has changed */
		return -EAGAIN;
	AUTO(json_decrefp) json_t *messages = messages_of(f, o, json_array_at(batch, "events"));
	AUTO(json_decrefp) json_t *target = receivers_target(o);
	int rc = receivers_send(&f->receivers, id, target, messages, stop_fd(f), &why);
	if (rc != -EINTR)
		went(f, id, o, rc, why.text);
	return rc;
}

static int on_forward(struct self *me, struct peer *p, struct imsg *m)
{
	struct forward *f = me->state;
	AUTO(imsg_body_done) struct imsg_body body = { 0 };
	uint8_t answer[8];
	int rc = imsg_body(m, BATCH_MAX, &body);
	if (rc < 0)
		return rc;
	AUTO(json_decrefp) json_t *batch = json_parse(body.s, NULL);
	size_t n = json_array_size(json_array_at(batch, "events"));
	uint64_t first = (uint64_t)json_int(batch, "first", 0);
	if (n == 0 || first == 0)
		return -EBADMSG;
	rc = send_batch(f, m->id, batch);
	struct wr w = wr_init(answer, sizeof(answer));
	wr_u64(&w, rc < 0 ? 0 : first + n - 1);
	rc = self_send(me, p->who, p->instance, M_FORWARDED, m->id,
	               (struct str){ (const char *)answer, wr_len(&w) });
	return rc == -ENOTCONN ? 0 : rc;
}

/* ---- policy ---- */

static int on_policy(struct self *me, struct peer *p, struct imsg *m)
{
	struct forward *f = me->state;
	AUTO(imsg_body_done) struct imsg_body body = { 0 };
	(void)p;
	int rc = imsg_body(m, POLICY_MAX, &body);
	if (rc < 0)
		return rc;
	AUTO(json_decrefp) json_t *policy = body.s.n ? json_parse(body.s, NULL) : NULL;
	const json_t *part = json_object_at(policy, "forwarding");
	json_decref(f->part);
	free(f->computer_name);
	f->part = part ? json_deep_copy(part) : NULL;
	f->computer = json_int(policy, "computerID", 0);
	f->computer_name = xstrdup(json_text(policy, "hostName", ""));
	const char *id;
	json_t *v;
	void *next;
	json_object_foreach_safe(f->failing, next, id,
	                         v) if (!json_object_get(json_object_at(f->part, "receivers"), id))
		json_object_del(f->failing, id);
	tell_status(f);
	return 0;
}

static int on_kept(struct self *me, struct peer *p, struct imsg *m)
{
	struct forward *f = me->state;
	(void)p;
	outbox_kept(&f->outbox, m->id);
	return 0;
}

int (*const forward_on[M_COUNT])(struct self *, struct peer *, struct imsg *) = {
	[M_POLICY] = on_policy,
	[M_EVENT_KEPT] = on_kept,
	[M_FORWARD] = on_forward,
};

/* ---- life ---- */

int forward_start(struct self *me)
{
	struct forward *f = xcalloc(1, sizeof(*f));
	f->me = me;
	f->failing = json_object();
	f->computer_name = xstrdup("");
	gethostname(f->host, sizeof(f->host) - 1);
	outbox_init(&f->outbox, me);
	me->state = f;
	return 0;
}

void forward_up(struct self *me, struct peer *p)
{
	struct forward *f = me->state;
	if (p->who == P_SPOOL)
		outbox_up(&f->outbox);
	if (p->who == P_COMMS)
		tell_status(f);
}

void forward_down(struct self *me, struct peer *p)
{
	struct forward *f = me->state;
	if (p->who == P_SPOOL)
		outbox_down(&f->outbox);
}

void forward_stop(struct self *me)
{
	struct forward *f = me->state;
	outbox_flush(&f->outbox, 1000);
	outbox_done(&f->outbox);
	receivers_done(&f->receivers);
	json_decref(f->part);
	json_decref(f->failing);
	free(f->computer_name);
	free(f);
	me->state = NULL;
}
