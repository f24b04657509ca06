#include "net/receivers.h"

#include <string.h>

#include "base/auto.h"
#include "base/json.h"

static void clear(struct receiver *r)
{
	syslog_close(r->syslog);
	json_decref(r->target);
	*r = (struct receiver){ 0 };
}

void receivers_done(struct receivers *r)
{
	for (size_t i = 0; i < RECEIVERS_MAX; i++)
		clear(&r->place[i]);
}

json_t *receivers_target(const json_t *configuration)
{
	static const char *const names[] = { "server",      "port",       "protocol",
		                             "certificate", "privateKey", "caCertificate" };
	json_t *o = json_object();
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		json_t *v = json_object_get(configuration, names[i]);
		if (v)
			json_set(o, names[i], json_incref(v));
	}
	return o;
}

static int open_it(struct receiver *r, int64_t id, const json_t *target, int stop, struct err *why)
{
	const char *protocol = json_text(target, "protocol", "udp");
	const struct syslog_target t = { .host = json_text(target, "server", ""),
		                         .port = (uint16_t)json_int(target, "port", 514),
		                         .protocol = strcmp(protocol, "tls") == 0   ? SYSLOG_TLS
		                                     : strcmp(protocol, "tcp") == 0 ? SYSLOG_TCP
		                                                                    : SYSLOG_UDP,
		                         .ca = json_text(target, "caCertificate", ""),
		                         .certificate = json_text(target, "certificate", ""),
		                         .key = json_text(target, "privateKey", ""),
		                         .stop = stop };
	clear(r);
	int rc = syslog_open(&r->syslog, &t, why);
	if (rc < 0)
		return rc;
	r->id = id;
	r->target = json_deep_copy(target);
	return 0;
}

static struct receiver *place_of(struct receivers *r, int64_t id)
{
	for (size_t i = 0; i < RECEIVERS_MAX; i++)
		if (r->place[i].syslog && r->place[i].id == id)
			return &r->place[i];
	return &r->place[r->turn++ % RECEIVERS_MAX];
}

static int send_all(struct syslog *s, const json_t *messages, struct err *why)
{
	for (size_t i = 0; i < json_array_size(messages); i++) {
		const json_t *m = json_array_get(messages, i);
		const struct str text = { json_string_value(m), json_string_length(m) };
		int rc = syslog_send(s, text, why);
		if (rc < 0)
			return rc;
	}
	return syslog_flush(s, why);
}

int receivers_send(struct receivers *r, int64_t id, const json_t *target, const json_t *messages,
                   int stop, struct err *why)
{
	struct receiver *p = place_of(r, id);
	int rc = 0;
	if (!p->syslog || p->id != id || !json_equal(p->target, target) || !syslog_alive(p->syslog))
		rc = open_it(p, id, target, stop, why);
	if (rc == 0)
		rc = send_all(p->syslog, messages, why);
	if (rc < 0)
		clear(p);
	return rc;
}
