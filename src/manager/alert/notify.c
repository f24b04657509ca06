#include "manager/alert/notify.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/civil.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/rand.h"
#include "manager/alert/alert.h"
#include "manager/api/resources.h"
#include "manager/forward/post.h"

enum { FIRST_MS = 60000, MOST_MS = 3600000, GIVE_UP_MS = 24 * 3600 * 1000, RECEIVERS_MAX = 200 };

/* ---- web hooks ---- */

/* clang-format off */
static const struct field hook_fields[] = {
	NAME_FIELD,
	DESCRIPTION_FIELD,
	{ "url",           T_TEXT,  F_REQUIRED, .max = 2000, .doc = "https://..., told of each alert's start by POST" },
	{ "enabled",       T_BOOL,  0, .otherwise = "true", .doc = "" },
	{ "authorization", T_TEXT,  F_NOT_SEARCHED | F_SECRET, .otherwise = "\"\"", .max = 2000, .doc = "the header of this name; never shown" },
	{ "caCertificate", T_TEXT,  F_NOT_SEARCHED, .otherwise = "\"\"", .max = 200000, .doc = "whom to trust, PEM; empty: what the system trusts" },
	ID_FIELD,
	{ 0 },
};
/* clang-format on */

static int hook_check(struct call *c, int64_t id, const json_t *old, json_t *o)
{
	const char *secret = json_text(o, "authorization", "");
	(void)id, (void)old;
	if (strncmp(json_text(o, "url", ""), "https://", 8) != 0)
		return err_set(&c->why, -EINVAL,
		               "Invalid value for url. It must begin with https://.");
	if (strpbrk(secret, "\r\n"))
		return err_set(&c->why, -EINVAL, "Invalid value for authorization.");
	return 0;
}

/* clang-format off */
const struct resource notify_resources[] = {
	{ "webhooks", "webHooks", "web hook", "name", NULL, hook_fields, V_EVERY, .check = hook_check,
	  .view = "canViewSettings", .make = "canEditAlertConfigurations", .edit = "canEditAlertConfigurations", .erase = "canEditAlertConfigurations" },
	{ 0 },
};
/* clang-format on */

/* ---- what waits ---- */

static void enqueue(struct app *a, const char *kind, const json_t *order)
{
	AUTO(buf_done) struct buf b = { 0 };
	json_write(&b, order);
	store_exec(a->store, STMT_OUTBOX_ADD,
	           ARGS(VAL_TEXT(kind), VAL_INT(clock_ms()), VAL_STR(buf_view(&b))));
}

/* An address goes into SMTP and a header: nothing that could be more than one. */
static bool is_address(const char *text)
{
	size_t n = strlen(text);
	return n > 2 && n < 255 && strchr(text, '@') && !strpbrk(text, " \t\r\n<>,;\"\\");
}

static void add_address(json_t *to, const char *text)
{
	size_t i;
	json_t *v;
	json_array_foreach (to, i, v)
		if (strcmp(json_string_value(v), text) == 0)
			return;
	if (is_address(text) && json_array_size(to) < RECEIVERS_MAX)
		json_array_append_new(to, json_string(text));
}

static bool is_in(const json_t *ids, int64_t id)
{
	for (size_t i = 0; i < json_array_size(ids); i++)
		if (json_integer_value(json_array_get(ids, i)) == id)
			return true;
	return false;
}

/* People of a collection who take notifications, or (wanted) those with these IDs. */
static void add_people(struct app *a, const char *collection, const json_t *wanted, json_t *to)
{
	struct rows r;
	int rc = store_query(a->store, STMT_OBJECT_LIST, ARGS(VAL_TEXT(collection)), &r);
	while (rc == 0 && rows_next(&r) == 1) {
		AUTO(json_decrefp) json_t *o = json_parse(col_str(&r, 1), NULL);
		bool takes = wanted ? is_in(wanted, r.col[0].i)
		                    : json_bool(o, "receiveNotifications", false);
		if (takes)
			add_address(to, json_text(o, "emailAddress", ""));
	}
	rows_done(&r);
}

/* ---- mail ---- */

/* RFC 2047: a header of any text. */
static void header_text(struct buf *out, const char *text)
{
	static const char hex[] = "0123456789ABCDEF";
	int word = 0;
	buf_z(out, "=?UTF-8?Q?");
	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		bool plain = (*p >= '0' && *p <= '9') || (*p >= 'A' && *p <= 'Z') ||
		             (*p >= 'a' && *p <= 'z');
		if (plain)
			buf_char(out, (char)*p);
		else
			buf_fmt(out, "=%c%c", hex[*p >> 4], hex[*p & 15]);
		/* An encoded word has at most 75 characters; characters stay whole. */
		word += plain ? 1 : 3;
		if (word > 45 && p[1] && (p[1] & 0xc0) != 0x80) {
			buf_z(out, "?=\r\n =?UTF-8?Q?");
			word = 0;
		}
	}
	buf_z(out, "?=");
}

static void date_header(struct buf *out, int64_t ms)
{
	static const char days[] = "SunMonTueWedThuFriSat";
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	int64_t s = ms / 1000, day = floor_div(s, DAY_S);
	struct date d = date_of(day);
	int t = (int)(s - day * DAY_S);
	buf_fmt(out, "Date: %.3s, %d %.3s %lld %02d:%02d:%02d +0000\r\n",
	        days + (ptrdiff_t)3 * weekday_of(day), d.day, months + (ptrdiff_t)3 * (d.month - 1),
	        (long long)d.year, t / 3600, t / 60 % 60, t % 60);
}

/* The body's lines end in CR LF. */
static void body_text(struct buf *out, const char *text)
{
	for (const char *p = text; *p; p++) {
		if (*p == '\n')
			buf_char(out, '\r');
		if (*p != '\r')
			buf_char(out, *p);
	}
	buf_z(out, "\r\n");
}

static char *compose(struct app *a, const char *from, const json_t *to, const char *subject,
                     const char *text)
{
	struct buf b = { 0 };
	char guid[37];
	size_t i;
	json_t *v;
	rand_guid(guid);
	date_header(&b, (int64_t)clock_ms());
	buf_fmt(&b, "From: <%s>\r\nTo: ", from);
	json_array_foreach ((json_t *)(uintptr_t)to, i, v)
		buf_fmt(&b, "%s<%s>", i ? ",\r\n " : "", json_string_value(v));
	buf_z(&b, "\r\nSubject: ");
	header_text(&b, subject);
	buf_fmt(&b,
	        "\r\nMessage-ID: <%s@%s>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
	        "Content-Transfer-Encoding: 8bit\r\nAuto-Submitted: auto-generated\r\n\r\n",
	        guid, a->config.host);
	body_text(&b, text);
	return buf_take(&b);
}

/* Mail waits without its server and password: those are asked for when it is sent. */
static int mail(struct app *a, const json_t *to, const char *subject, const char *text)
{
	AUTO(freep) char *server = system_setting(a, "platformSettingSmtpServerAddress");
	AUTO(freep) char *from = system_setting(a, "platformSettingSmtpFromEmailAddress");
	if (!*server || json_array_size(to) == 0)
		return -ENOENT;
	if (!is_address(from)) {
		free(TAKE(from));
		from = xstrdup("yagura@localhost");
	}
	AUTO(freep) char *whole = compose(a, from, to, subject, text);
	AUTO(json_decrefp)
	json_t *order = json_pack("{s:s,s:s,s:O,s:s}", "kind", "mail", "from", from, "to", to,
	                          "subject", subject);
	if (!order)
		return -EINVAL;
	json_set(order, "text", json_string(whole));
	enqueue(a, "mail", order);
	return 0;
}

static void tell_hooks(struct app *a, const json_t *what)
{
	struct rows r;
	AUTO(json_decrefp) json_t *ids = json_array();
	AUTO(buf_done) struct buf body = { 0 };
	int rc = store_query(a->store, STMT_OBJECT_LIST, ARGS(VAL_TEXT("webhooks")), &r);
	while (rc == 0 && rows_next(&r) == 1) {
		AUTO(json_decrefp) json_t *o = json_parse(col_str(&r, 1), NULL);
		if (json_bool(o, "enabled", true))
			json_array_append_new(ids, json_integer(r.col[0].i));
	}
	rows_done(&r);
	json_write(&body, what);
	size_t i;
	json_t *v;
	json_array_foreach (ids, i, v) {
		AUTO(json_decrefp)
		json_t *order = json_pack("{s:s,s:I,s:s}", "kind", "hook", "hook",
		                          json_integer_value(v), "body", body.p);
		enqueue(a, "hook", order);
	}
}

void notify_alert(struct app *a, const struct alert_type *t, const char *severity,
                  const char *target, const char *message, int64_t when_ms)
{
	AUTO(json_decrefp) json_t *to = json_array();
	AUTO(json_decrefp) json_t *what = json_object();
	AUTO(buf_done) struct buf subject = { 0 }, text = { 0 };
	AUTO(freep) char *otherwise = system_setting(a, "platformSettingAlertDefaultEmailAddress");
	add_people(a, "administrators", NULL, to);
	add_address(to, otherwise);
	buf_fmt(&subject, "[%s] %s: %s", strcmp(severity, "critical") == 0 ? "Critical" : "Warning",
	        t->en, target);
	buf_fmt(&text,
	        "%s\n\n%s\n\nAlert: %s / %s\nSeverity: %s\nTarget: %s\nManager: https://%s:%u/\n",
	        t->en, message, t->en, t->ja, severity, target, a->config.host,
	        a->config.console_port);
	if (strcmp(t->name, "alert-mail-failed") != 0)
		mail(a, to, subject.p, text.p);
	json_set_text(what, "alert", t->name);
	json_set_text(what, "title", t->en);
	json_set_text(what, "severity", severity);
	json_set_bytes(what, "target", str_of(target));
	json_set_bytes(what, "message", str_of(message));
	json_set_int(what, "raised", when_ms);
	json_set_text(what, "manager", a->config.host);
	tell_hooks(a, what);
}

/* ---- the summary of a scheduled task ---- */

int notify_summary(struct app *a, const json_t *recipients, struct err *why)
{
	AUTO(json_decrefp) json_t *to = json_array();
	AUTO(buf_done) struct buf text = { 0 };
	struct rows r;
	int n = 0;
	bool all = json_bool(recipients, "allAdministratorsAndContacts", false);
	const json_t *administrators = json_array_at(recipients, "administratorIDs"),
		     *contacts = json_array_at(recipients, "contactIDs");
	if (all || administrators)
		add_people(a, "administrators", all ? NULL : administrators, to);
	if (all || contacts)
		add_people(a, "contacts", all ? NULL : contacts, to);
	int rc = store_query(a->store, STMT_ALERT_LIST, ARGS(VAL_TEXT("active"), VAL_INT(500)), &r);
	while (rc == 0 && rows_next(&r) == 1) {
		buf_fmt(&text, "%.*s: %.*s: %.*s\n", STR_ARG(col_str(&r, 1)),
		        STR_ARG(col_str(&r, 3)), STR_ARG(col_str(&r, 7)));
		n++;
	}
	rows_done(&r);
	if (n == 0)
		buf_z(&text, "There is no active alert.\n");
	char subject[60];
	snprintf(subject, sizeof(subject), "Alert summary: %d active", n);
	if (json_array_size(to) == 0)
		return err_set(why, -ENOENT, "Nobody who is meant has an e-mail address.");
	if (mail(a, to, subject, text.p) < 0)
		return err_set(why, -ENOENT, "No mail server is set.");
	return (int)json_array_size(to);
}

/* ---- sending ---- */

static void say(struct app *a, const char *event, const char *target, const char *text)
{
	system_event_about(
		a, event,
		&(struct subject){ .type = "notification", .name = target, .text = text });
}

/* One on its way; the row stays until it was sent. */
struct waiting {
	int64_t id, created, tries;
	json_t *order;
};

static void waiting_done(struct waiting *w)
{
	json_decref(w->order);
}

static bool due(struct app *a, struct waiting *out)
{
	struct rows r;
	bool found = false;
	int rc = store_query(a->store, STMT_OUTBOX_DUE, ARGS(VAL_INT(clock_ms())), &r);
	if (rc == 0 && rows_next(&r) == 1) {
		*out = (struct waiting){ r.col[0].i, r.col[2].i, r.col[3].i,
			                 json_parse(col_str(&r, 4), NULL) };
		found = true;
	}
	rows_done(&r);
	return found;
}

static const char *label(const json_t *order)
{
	return strcmp(json_text(order, "kind", ""), "mail") == 0 ? "The mail" : "The web hook";
}

static void sent(struct app *a, int64_t id, int rc, const char *text)
{
	/* It is the one that is longest due, or gone. */
	AUTO(waiting_done) struct waiting w = { 0 };
	if (!due(a, &w) || w.id != id)
		return;
	int64_t now = (int64_t)clock_ms(), pause = FIRST_MS << (w.tries < 6 ? w.tries : 6);
	if (rc == 0) {
		store_exec(a->store, STMT_OUTBOX_DEL, ARGS(VAL_INT(id)));
		say(a, "alert-mail-sent", label(w.order), NULL);
		return;
	}
	if (w.tries == 0 || now - w.created > GIVE_UP_MS)
		say(a, "alert-mail-failed", label(w.order), text);
	if (now - w.created > GIVE_UP_MS)
		store_exec(a->store, STMT_OUTBOX_DEL, ARGS(VAL_INT(id)));
	else
		store_exec(a->store, STMT_OUTBOX_LATER,
		           ARGS(VAL_INT(id), VAL_INT(now + (pause < MOST_MS ? pause : MOST_MS))));
}

static void take_setting(struct app *a, json_t *order, const char *key, const char *name)
{
	AUTO(freep) char *value = system_setting(a, name);
	json_set_text(order, key, value);
}

static bool is_set(struct app *a, const char *name)
{
	AUTO(freep) char *value = system_setting(a, name);
	return strcmp(value, "true") == 0;
}

static void address_mail(struct app *a, json_t *order)
{
	take_setting(a, order, "server", "platformSettingSmtpServerAddress");
	json_set_bool(order, "startTls", is_set(a, "platformSettingSmtpStartTlsEnabled"));
	if (is_set(a, "platformSettingSmtpRequiresAuthenticationEnabled")) {
		take_setting(a, order, "user", "platformSettingSmtpUsername");
		take_setting(a, order, "password", "platformSettingSmtpPassword");
	}
}

/* -ENOENT: the web hook is gone. */
static int address_hook(struct app *a, json_t *order)
{
	AUTO(json_decrefp)
	json_t *hook = object_get(a->store, "webhooks", json_int(order, "hook", 0));
	const char *secret = json_text(hook, "authorization", "");
	if (!hook)
		return -ENOENT;
	json_set_text(order, "url", json_text(hook, "url", ""));
	json_set_text(order, "ca", json_text(hook, "caCertificate", ""));
	if (*secret)
		json_set(order, "headers",
		         json_pack("[o]", json_sprintf("Authorization: %s", secret)));
	return 0;
}

void notify_tick(struct app *a)
{
	AUTO(waiting_done) struct waiting w = { 0 };
	if (post_busy(a, POST_MAIL) || !due(a, &w))
		return;
	int rc = w.order ? 0 : -EBADMSG;
	if (rc == 0 && strcmp(json_text(w.order, "kind", ""), "mail") == 0)
		address_mail(a, w.order);
	else if (rc == 0)
		rc = address_hook(a, w.order);
	if (rc < 0) {
		store_exec(a->store, STMT_OUTBOX_DEL, ARGS(VAL_INT(w.id)));
		return;
	}
	post(a, POST_MAIL, w.order, sent, w.id);
}
