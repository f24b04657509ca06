#include "manager/forward/forward.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/zone.h"
#include "manager/alert/record.h"
#include "manager/api/resources.h"
#include "manager/api/secrets.h"
#include "manager/forward/post.h"
#include "model/format.h"
#include "module/module.h"
#include "net/identity.h"
#include "net/receivers.h"

enum { BATCH_MAX = 200, BATCH_BYTES = 4 << 20, PAUSE_FIRST_MS = 5000, PAUSE_MAX_MS = 60000 };

static const char kind[] = "syslogconfigurations";

/* How a receiver stands; in memory only: after a start all are tried at once. */
struct forward {
	LIST_ENTRY(forward) next;
	int64_t id;
	uint64_t again_ms, pause_ms; /* after a failure; monotonic */
	bool failing;
	int64_t sent, last_sent_ms;
	struct err why; /* it does not work */
	/* What is under way: where the class will be when it was sent. */
	const struct event_class *class;
	int64_t upto, messages;
};

/* ---- the collection ---- */

/* clang-format off */
static const struct field fields[] = {
	NAME_FIELD,
	DESCRIPTION_FIELD,
	{ "server",              T_TEXT,   F_REQUIRED, .max = 254, .doc = "name or address of the receiver" },
	{ "port",                T_INT,    0, .otherwise = "514", .min = 1, .max = 65535, .doc = "" },
	{ "protocol",            T_CHOICE, 0, "udp|tcp|tls", "\"udp\"", .doc = "TCP frames by newlines, TLS by octet counts (RFC 5425)" },
	{ "eventFormat",         T_CHOICE, 0, FORMAT_WORDS, "\"cef\"", .doc = "basic: one sentence, not for every module" },
	{ "facility",            T_CHOICE, 0, FACILITY_WORDS, "\"local0\"", .doc = "" },
	{ "logSourceIdentifier", T_TEXT,   0, .otherwise = "\"\"", .max = 254, .doc = "the host in the header; empty: who sends" },
	{ "timeZone",            T_TEXT,   0, .otherwise = "\"UTC\"", .max = 64, .doc = "of the header's time" },
	{ "agentForwarding",     T_CHOICE, 0, "via-manager|directly", "\"via-manager\"", .doc = "directly: each agent sends its modules' events itself" },
	{ "deviceVendor",        T_TEXT,   0, .otherwise = "\"Yagura\"", .max = 100, .doc = "of CEF and LEEF headers" },
	{ "deviceProduct",       T_TEXT,   0, .otherwise = "\"Yagura\"", .max = 100, .doc = "the same; \" Agent\" or \" Manager\" follows" },
	{ "signatureOffset",     T_INT,    0, .otherwise = "0", .min = 0, .max = 1000000000, .doc = "added to the ids of events" },
	{ "certificate",         T_TEXT,   F_NOT_SEARCHED, .otherwise = "\"\"", .max = 100000, .doc = "TLS: our client certificate, PEM" },
	{ "privateKey",          T_TEXT,   F_NOT_SEARCHED | F_SECRET, .otherwise = "\"\"", .max = 100000, .doc = "its key, PEM; never shown" },
	{ "caCertificate",       T_TEXT,   F_NOT_SEARCHED, .otherwise = "\"\"", .max = 200000, .doc = "TLS: whom to trust, PEM; empty: what the system trusts" },
	ID_FIELD,
	{ 0 },
};

static const struct {
	const char *class, *setting;
} settings[] = {
	{ "antimalware",         "antiMalwareSettingSyslogConfigId" },
	{ "webreputation",       "webReputationSettingSyslogConfigId" },
	{ "firewall",            "firewallSettingSyslogConfigId" },
	{ "intrusionprevention", "firewallSettingSyslogConfigId" },
	{ "integritymonitoring", "integrityMonitoringSettingSyslogConfigId" },
	{ "loginspection",       "logInspectionSettingSyslogConfigId" },
	{ "applicationcontrol",  "applicationControlSettingSyslogConfigId" },
	{ "devicecontrol",       "deviceControlSettingSyslogConfigId" },
};
/* clang-format on */

static int check_pem(struct call *c, const json_t *o, const char *key)
{
	struct cert_facts facts;
	struct err why = { { 0 } };
	const char *pem = json_text(o, key, "");
	if (!*pem || cert_facts(str_of(pem), &facts, &why) == 0)
		return 0;
	return err_set(&c->why, -EINVAL, "Invalid value for %s: %s.", key, why.text);
}

static int check(struct call *c, int64_t id, const json_t *old, json_t *o)
{
	AUTO(zone_freep) struct zone *zone = NULL;
	struct err why = { { 0 } };
	(void)id, (void)old;
	if (zone_open(json_text(o, "timeZone", "UTC"), &zone, &why) < 0)
		return err_set(&c->why, -EINVAL, "Invalid timeZone: %s.", why.text);
	if (!*json_text(o, "certificate", "") != !*json_text(o, "privateKey", ""))
		return err_set(&c->why, -EINVAL, "certificate and privateKey belong together.");
	int rc = check_pem(c, o, "certificate");
	return rc < 0 ? rc : check_pem(c, o, "caCertificate");
}

static struct forward *find(struct app *a, int64_t id)
{
	struct forward *f;
	LIST_FOREACH (f, &a->forwards, next)
		if (f->id == id)
			return f;
	f = xcalloc(1, sizeof(*f));
	f->id = id;
	LIST_INSERT_HEAD(&a->forwards, f, next);
	return f;
}

void forward_free(struct app *a)
{
	while (!LIST_EMPTY(&a->forwards)) {
		struct forward *f = LIST_FIRST(&a->forwards);
		LIST_REMOVE(f, next);
		free(f);
	}
}

/* A new receiver gets what happens from now on. */
static void changed(struct call *c, int64_t id, const json_t *old, const json_t *o)
{
	struct app *a = c->app;
	struct forward *f = find(a, id);
	f->again_ms = f->pause_ms = 0; /* it may work now */
	if (forward_is_direct(old) || forward_is_direct(o))
		policies_due(a, 0);
	if (!o)
		store_exec(a->store, STMT_FORWARDED_DEL, ARGS(VAL_INT(id)));
	for (const struct event_class *const *k = event_classes; o && !old && *k; k++)
		store_exec(a->store, STMT_FORWARDED_SET,
		           ARGS(VAL_INT(id), VAL_TEXT((*k)->name), VAL_INT(event_newest(a, *k))));
}

/* ---- whose events ---- */

const char *forward_setting(const struct event_class *class)
{
	for (size_t i = 0; i < ARRAY_LEN(settings); i++)
		if (strcmp(settings[i].class, class->name) == 0)
			return settings[i].setting;
	return NULL;
}

bool forward_is_direct(const json_t *configuration)
{
	return strcmp(json_text(configuration, "agentForwarding", ""), "directly") == 0;
}

/* The events of a class on their way to one receiver. */
struct gathering {
	struct app *app;
	int64_t configuration, system; /* the system's own configuration */
	const char *setting;
	struct map computers; /* ID to configuration + 1 */
	struct format_source source;
	const struct zone *zone;
	bool basic, direct;
	json_t *messages;
	size_t bytes;
	int64_t upto;
};

static int64_t configuration_of(struct gathering *g, int64_t computer)
{
	const struct str key = { (const char *)&computer, sizeof(computer) };
	AUTO(buf_done) struct buf text = { 0 };
	uint64_t id = 0;
	const void *known = map_get(&g->computers, key);
	if (known)
		return (int64_t)(uintptr_t)known - 1;
	setting_value(g->app, "computers", computer, g->setting, &text);
	str_u64(buf_view(&text), 0, INT32_MAX, &id);
	map_set(&g->computers, key, (void *)(uintptr_t)(id + 1));
	return (int64_t)id;
}

static bool wanted(struct gathering *g, int64_t computer, const struct event *ev)
{
	if (g->source.format == FORMAT_BASIC && !g->basic)
		return false;
	if (g->setting && g->direct) /* its agent has sent it, or will */
		return false;
	/* What is kept here may be less grave than what is sent on (policies say from which level).
	 */
	if (json_is_false(json_object_get(ev->fields, "Forward")))
		return false;
	if (g->setting)
		return configuration_of(g, computer) == g->configuration;
	return g->system == g->configuration && event_forwarded(g->app, ev->kind->number);
}

static bool gather(void *arg, const struct event_row *row)
{
	struct gathering *g = arg;
	AUTO(buf_done) struct buf b = { 0 };
	g->upto = row->id;
	if (!wanted(g, row->computer, &row->event))
		return true;
	const struct format_event e = {
		.event = &row->event, .id = row->id, .computer = row->computer, .host = row->host
	};
	g->source.utc_offset_s = zone_offset(g->zone, (int64_t)(row->event.time_ms / 1000));
	format_event(&b, &g->source, &e);
	json_array_append_new(g->messages, json_stringn(b.p ? b.p : "", b.n));
	g->bytes += b.n;
	return json_array_size(g->messages) < BATCH_MAX && g->bytes < BATCH_BYTES;
}

/* ---- sending ---- */

static void say(struct app *a, const char *event, int64_t id, const char *name, const char *text)
{
	system_event_about(
		a, event,
		&(struct subject){
			.type = "syslog configuration", .id = id, .name = name, .text = text });
}

static void next(struct app *a);

static void has_failed(struct app *a, struct forward *f, const char *name, const char *text)
{
	f->pause_ms = f->pause_ms == 0 ? PAUSE_FIRST_MS : f->pause_ms * 2;
	if (f->pause_ms > PAUSE_MAX_MS)
		f->pause_ms = PAUSE_MAX_MS;
	f->again_ms = clock_mono_ms() + f->pause_ms;
	err_set(&f->why, 0, "%s", text);
	if (!f->failing)
		say(a, "forwarding-failed", f->id, name, text);
	f->failing = true;
}

static void moved(struct app *a, int64_t id, const struct event_class *class, int64_t upto)
{
	store_exec(a->store, STMT_FORWARDED_SET,
	           ARGS(VAL_INT(id), VAL_TEXT(class->name), VAL_INT(upto)));
}

static void sent(struct app *a, int64_t about, int rc, const char *text)
{
	struct forward *f = find(a, about);
	AUTO(json_decrefp) json_t *o = object_get(a->store, kind, about);
	const char *name = json_text(o, "name", "");
	if (!o) /* deleted meanwhile */
		return;
	if (rc < 0) {
		has_failed(a, f, name, text);
		return;
	}
	moved(a, f->id, f->class, f->upto);
	f->sent += f->messages;
	f->last_sent_ms = (int64_t)clock_ms();
	if (f->failing)
		say(a, "forwarding-resumed", f->id, name, NULL);
	f->failing = false;
	f->pause_ms = f->again_ms = 0;
	f->why.text[0] = '\0';
	next(a);
}

static json_t *order_of(int64_t id, const json_t *o, json_t *messages)
{
	json_t *order = json_object();
	json_set_text(order, "kind", "syslog");
	json_set_int(order, "id", id);
	json_set(order, "target", receivers_target(o));
	json_set(order, "messages", messages);
	return order;
}

/* As this manager says it. */
static struct format_source source_of(struct app *a, const json_t *o, const char *host)
{
	struct format_source s = format_source_of(o, host);
	s.version = YAGURA_VERSION;
	s.tenant = TENANT;
	s.tenant_id = a->tenant;
	return s;
}

static int64_t system_configuration(struct app *a)
{
	AUTO(freep) char *text = system_setting(a, "platformSettingSyslogConfigId");
	int64_t id = 0;
	str_i64(str_of(text), 0, INT32_MAX, &id);
	return id;
}

/* The next events of a class for a receiver are sent, or passed over; true when some are under way.
 */
static bool send_class(struct app *a, struct forward *f, const json_t *o,
                       const struct event_class *class)
{
	char host[256] = "";
	AUTO(zone_freep) struct zone *zone = NULL;
	int64_t last = store_int(a->store, STMT_FORWARDED_GET,
	                         ARGS(VAL_INT(f->id), VAL_TEXT(class->name)), 0);
	if (event_newest(a, class) <= last ||
	    zone_open(json_text(o, "timeZone", "UTC"), &zone, NULL) < 0)
		return false;
	gethostname(host, sizeof(host) - 1);
	struct gathering g = { .app = a,
		               .configuration = f->id,
		               .system = system_configuration(a),
		               .setting = forward_setting(class),
		               .source = source_of(a, o, host),
		               .zone = zone,
		               .basic = format_has_basic(class),
		               .direct = forward_is_direct(o),
		               .messages = json_array(),
		               .upto = last };
	event_each(a, class, last, gather, &g);
	map_done(&g.computers);
	if (json_array_size(g.messages) == 0) {
		json_decref(g.messages);
		if (g.upto > last)
			moved(a, f->id, class, g.upto);
		return false;
	}
	f->class = class;
	f->upto = g.upto;
	f->messages = (int64_t)json_array_size(g.messages);
	AUTO(json_decrefp) json_t *order = order_of(f->id, o, g.messages);
	post(a, POST_SYSLOG, order, sent, f->id);
	return true;
}

static bool send_to(struct app *a, int64_t id, const json_t *o)
{
	struct forward *f = find(a, id);
	if (clock_mono_ms() < f->again_ms)
		return false;
	for (const struct event_class *const *k = event_classes; *k; k++)
		if (send_class(a, f, o, *k))
			return true;
	return false;
}

/* The configurations take turns: the one that was served last comes last. */
static void next(struct app *a)
{
	struct rows r;
	AUTO(json_decrefp) json_t *list = json_array();
	if (post_busy(a, POST_SYSLOG))
		return;
	int rc = store_query(a->store, STMT_OBJECT_LIST, ARGS(VAL_TEXT(kind)), &r);
	while (rc == 0 && rows_next(&r) == 1) {
		json_t *o = secrets_parse(a->store, kind, r.col[0].i, col_str(&r, 1));
		if (o)
			json_array_append_new(list, json_pack("[I,o]", (json_int_t)r.col[0].i, o));
	}
	rows_done(&r);
	size_t n = json_array_size(list);
	for (size_t i = 0; i < n; i++) {
		const json_t *pair = json_array_get(list, (a->forward_turn + i) % n);
		if (send_to(a, json_integer_value(json_array_get(pair, 0)),
		            json_array_get(pair, 1))) {
			a->forward_turn = (a->forward_turn + i + 1) % n;
			return;
		}
	}
}

void forward_tick(struct app *a)
{
	next(a);
}

/* ---- how it stands ---- */

static int64_t waiting(struct app *a, int64_t id)
{
	int64_t n = 0;
	for (const struct event_class *const *k = event_classes; *k; k++) {
		int64_t last = store_int(a->store, STMT_FORWARDED_GET,
		                         ARGS(VAL_INT(id), VAL_TEXT((*k)->name)), 0);
		n += event_newest(a, *k) - last;
	}
	return n;
}

static void show(struct call *c, int64_t id, const json_t *full, json_t *o)
{
	const struct forward *f = find(c->app, id);
	json_t *s = json_object();
	(void)full;
	json_set_text(s, "state", f->failing ? "failing" : f->last_sent_ms ? "sending" : "idle");
	json_set_int(s, "sent", f->sent);
	json_set_int(s, "behind", waiting(c->app, id));
	if (f->last_sent_ms)
		json_set_int(s, "lastSent", f->last_sent_ms);
	if (f->failing)
		json_set_bytes(s, "message", str_of(f->why.text));
	json_set(o, "status", s);
}

void forward_measure(struct app *a, struct buf *b, const char *name, bool failing)
{
	AUTO(freep) int64_t *ids = NULL;
	size_t n = store_ids(a->store, STMT_OBJECT_LIST, ARGS(VAL_TEXT(kind)), &ids);
	for (size_t i = 0; i < n; i++)
		buf_fmt(b, "yagura_%s{configuration=\"%lld\"} %lld\n", name, (long long)ids[i],
		        (long long)(failing ? find(a, ids[i])->failing : waiting(a, ids[i])));
}

static int may_delete(struct call *c, int64_t id)
{
	return system_configuration(c->app) == id ? resource_in_use(c, "syslog configuration") : 0;
}

/* clang-format off */
const struct resource forward_resources[] = {
	{ "syslogconfigurations", "syslogConfigurations", "syslog configuration", "name", NULL, fields, V_EVERY,
	  NULL, NULL, NULL, check, show, changed, may_delete, .view = "canViewSettings", .make = "canCreateNewSyslogConfigurations",
	  .edit = "canEditSyslogConfigurationProperties", .erase = "canDeleteSyslogConfigurations" },
	{ 0 },
};
/* clang-format on */
