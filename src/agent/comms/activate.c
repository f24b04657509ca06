#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "agent/comms/comms.h"
#include "agent/comms/host.h"
#include "base/auto.h"
#include "base/base64.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/rand.h"

#define NEW_CA "ca.new.pem"

/* The exit status that deployment scripts know for "reset it first". */
enum { EXIT_RESET_FIRST = 101, DEFAULT_PORT = 4120 };

static const char refused[] =
	"Error: activation was not successful. The manager may not be configured to allow "
	"agent-initiated activation, or the manager may not be configured to allow re-activation of "
	"existing hosts.";

/* One `dsa_control -a`, from the first attempt to the last. */
struct activation {
	struct comms *c;
	struct exchange *x;
	struct address manager;
	char fingerprint[FINGERPRINT_LEN]; /* of the CA that it must be; "": the first that comes */
	json_t *words;                     /* owned: what goes into the body */
	uint64_t retries, interval_ms;
	struct buf key, ca, text; /* of this attempt; text is what the tool shows of it */
	struct call *call;
	struct watch again;
};

/* ---- the command's words ---- */

enum word_kind { WORD_TEXT, WORD_NUMBER };

/* What may follow the URL, as key:value, and what it is called on the wire. */
static const struct {
	const char *key, *name;
	enum word_kind kind;
} words[] = {
	{ "tenantID", "tenantID", WORD_TEXT },
	{ "token", "token", WORD_TEXT },
	{ "tenantPassword", "token", WORD_TEXT },
	{ "policy", "policy", WORD_TEXT },
	{ "policyid", "policyid", WORD_NUMBER },
	{ "group", "group", WORD_TEXT },
	{ "groupid", "groupid", WORD_NUMBER },
	{ "relaygroup", "relaygroup", WORD_TEXT },
	{ "relaygroupid", "relaygroupid", WORD_NUMBER },
	{ "relayid", "relayid", WORD_NUMBER },
	{ "hostname", "hostName", WORD_TEXT },
	{ "displayname", "displayName", WORD_TEXT },
	{ "description", "description", WORD_TEXT },
	{ "externalid", "externalid", WORD_TEXT },
};

/* "AB:CD..." or "abcd..." of 64 digits, as upper-case hex. */
static int take_fingerprint(const char *value, char out[static FINGERPRINT_LEN], struct err *why)
{
	static const char digits[] = "0123456789ABCDEFabcdef";
	size_t n = 0;
	for (; *value; value++) {
		const char *digit = strchr(digits, *value);
		if (*value == ':')
			continue;
		if (!digit || n == FINGERPRINT_LEN - 1)
			break;
		const char *upper = digit - digits >= 16 ? digit - 6 : digit;
		out[n++] = *upper;
	}
	out[n] = '\0';
	return n == FINGERPRINT_LEN - 1 && !*value
	               ? 0
	               : err_set(why, -EINVAL, "cafingerprint is no SHA-256 fingerprint");
}

static int take_word(struct activation *a, const char *key, const char *value, struct err *why)
{
	if (strcasecmp(key, "cafingerprint") == 0)
		return take_fingerprint(value, a->fingerprint, why);
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		uint64_t n = 0;
		if (strcasecmp(words[i].key, key) != 0)
			continue;
		if (words[i].kind == WORD_TEXT) {
			json_set_text(a->words, words[i].name, value);
			return 0;
		}
		if (str_u64(str_of(value), 0, INT32_MAX, &n) < 0)
			return err_set(why, -EINVAL, "%s takes a number", words[i].key);
		json_set_int(a->words, words[i].name, (int64_t)n);
		return 0;
	}
	return err_set(why, -EINVAL, "activation knows no word %.60s", key);
}

static int take_args(struct activation *a, const json_t *args, struct err *why)
{
	const char *key;
	json_t *v;
	const json_t *pairs = args ? json_object_at(args, "pairs") : NULL;
	const char *url = args ? json_text(args, "url", "") : "";
	int rc = address_parse(str_of(url), "dsm", DEFAULT_PORT, &a->manager, why);
	json_object_foreach ((json_t *)(uintptr_t)pairs, key, v)
		if (rc == 0)
			rc = take_word(a, key, json_is_string(v) ? json_string_value(v) : "", why);
	int64_t retries = args ? json_int(args, "retries", 0) : 0;
	int64_t interval = args ? json_int(args, "interval", 300) : 300;
	if (rc == 0 && (retries < 0 || retries > 100 || interval < 1 || interval > 3600))
		rc = err_set(why, -EINVAL, "0 to 100 retries, 1 to 3600 s apart");
	a->retries = (uint64_t)retries;
	a->interval_ms = (uint64_t)interval * 1000;
	return rc;
}

/* ---- an attempt ---- */

static void attempt(struct activation *a);

static void activation_free(struct activation *a)
{
	if (a->call)
		call_cancel(a->call);
	loop_del(&a->c->me->loop, &a->again);
	unlinkat(a->c->dir, NEW_CA, 0);
	a->c->activation = NULL;
	json_decref(a->words);
	buf_done(&a->key);
	buf_done(&a->ca);
	buf_done(&a->text);
	free(a);
}

static void end(struct activation *a, int status, int exit)
{
	a->x->gone = NULL;
	exchange_end(a->x, status, a->text.p, exit);
	activation_free(a);
}

/* A refusal is final. */
static void refuse(struct activation *a, const char *why)
{
	buf_fmt(&a->text, "%s\nError: %s\n", refused, why);
	log_warning("activation was refused: %s", log_quote(str_of(why)));
	end(a, 400, 1);
}

static void attempt_again(struct watch *w, uint32_t events)
{
	(void)events;
	struct activation *a = CONTAINER_OF(w, struct activation, again);
	loop_del(&a->c->me->loop, w);
	attempt(a);
}

static void show_attempt(struct activation *a)
{
	exchange_line(a->x, "HTTP Status: 400 - OK");
	exchange_line(a->x, "Response:");
	for (struct str rest = buf_view(&a->text); rest.p && rest.n;) {
		AUTO(freep) char *line = str_dup(str_cut(&rest, '\n'));
		exchange_line(a->x, line);
	}
}

/* What may pass by itself is tried again. */
static void fail(struct activation *a, const char *why)
{
	char now[48], text[160];
	buf_fmt(&a->text, "Error: activation was not successful: %s\n", why);
	log_warning("activation: %s", log_quote(str_of(why)));
	if (a->retries == 0) {
		end(a, 400, 1);
		return;
	}
	show_attempt(a);
	clock_stamp(now);
	snprintf(text, sizeof(text),
	         "%s: Activation will be re-attempted %" PRIu64
	         " time(s) in case of failure, the next in %" PRIu64 " second(s)",
	         now, a->retries, a->interval_ms / 1000);
	exchange_line(a->x, text);
	a->retries--;
	a->again.ready = attempt_again;
	if (loop_timer(&a->c->me->loop, &a->again, a->interval_ms, 0) < 0)
		end(a, 400, 1);
}

static void activated(struct activation *a, struct str answer)
{
	struct err why = { { 0 } };
	struct comms *c = a->c;
	int rc = identity_keep(c->dir, &a->manager, buf_view(&a->key), buf_view(&a->ca), answer,
	                       &c->id, &why);
	if (rc < 0) {
		refuse(a, why.text);
		return;
	}
	buf_z(&a->text, "Received a 'GetHostInfo' command from the manager.\n"
	                "Received a 'SetDSMCert' command from the manager.\n"
	                "Received a 'SetAgentCredentials' command from the manager.\n"
	                "Received a 'GetInterfaces' command from the manager.\n"
	                "Command session completed.\n");
	end(a, 200, 0);
	comms_activated(c);
}

static void answered(void *arg, const struct reply *r)
{
	struct activation *a = arg;
	char why[256];
	a->call = NULL;
	if (r->rc < 0) {
		fail(a, r->error);
		return;
	}
	if (r->status == 200) {
		activated(a, r->body);
		return;
	}
	AUTO(json_decrefp) json_t *j = r->body.n ? json_parse(r->body, NULL) : NULL;
	snprintf(why, sizeof(why), "the manager answered %d: %.200s", r->status,
	         j ? json_text(j, "message", "") : "");
	if (r->status >= 500 || r->status == 429)
		fail(a, why);
	else
		refuse(a, why);
}

static json_t *request(const struct activation *a, struct str csr)
{
	uint8_t nonce[16];
	char hex[33];
	json_t *j = json_object();
	rand_bytes(nonce, sizeof(nonce));
	hex_lower(hex, nonce, sizeof(nonce));
	json_set(j, "csr", json_stringn(csr.p, csr.n));
	json_set_text(j, "nonce", hex);
	json_set_int(j, "time", (int64_t)clock_ms());
	json_set(j, "hostName", host_name());
	json_set(j, "platform", host_platform());
	json_set_text(j, "agentVersion", YAGURA_VERSION);
	json_set(j, "interfaces", host_interfaces());
	json_object_update(j, a->words); /* a given hostname takes the place of ours */
	return j;
}

static int ask(struct activation *a, struct err *why)
{
	static const char *const headers[] = { "Content-Type: application/json", NULL };
	char url[320], proxy[320];
	AUTO(buf_done) struct buf csr = { 0 }, body = { 0 };
	buf_clear(&a->key);
	int rc = key_new(KEY_TLS, &a->key, why);
	if (rc == 0)
		rc = csr_new(buf_view(&a->key), "yagura-agent", &csr, why);
	if (rc < 0)
		return rc;
	AUTO(json_decrefp) json_t *j = request(a, buf_view(&csr));
	json_write(&body, j);
	snprintf(url, sizeof(url), "https://%s:%u/agent/activate", a->manager.host,
	         (unsigned)a->manager.port);
	struct call_options o = { .method = "POST",
		                  .url = url,
		                  .headers = headers,
		                  .body = buf_view(&body),
		                  .ca_file = NEW_CA,
		                  .fresh = true,
		                  .done = answered,
		                  .arg = a };
	comms_proxy(a->c, &o, proxy);
	return client_call(a->c->client, &o, &a->call, why);
}

/* The manager showed its CA: it is the one that the command names, or the first that we meet. */
static void looked(void *arg, const struct reply *r)
{
	struct activation *a = arg;
	struct err why = { { 0 } };
	a->call = NULL;
	if (r->rc < 0) {
		fail(a, r->error);
		return;
	}
	buf_fmt(&a->text,
	        "SSL handshake completed successfully - initiating command session.\n"
	        "Connected with (NONE) to peer at %s\n",
	        a->manager.host);
	if (r->status != 200 || r->ca.n == 0) {
		fail(a, "there is no manager at this address");
		return;
	}
	if (*a->fingerprint && strcmp(a->fingerprint, r->fingerprint) != 0) {
		snprintf(why.text, sizeof(why.text), "the manager's CA has the fingerprint %s",
		         r->fingerprint);
		refuse(a, why.text);
		return;
	}
	buf_clear(&a->ca);
	buf_str(&a->ca, r->ca);
	int rc = file_replace(a->c->dir, NEW_CA, a->ca.p, a->ca.n, 0600);
	if (rc < 0)
		err_set(&why, rc, "keep the manager's CA: %s", strerror(-rc));
	else
		rc = ask(a, &why);
	if (rc < 0)
		refuse(a, why.text);
}

static void attempt(struct activation *a)
{
	char url[320], proxy[320];
	struct err why = { { 0 } };
	snprintf(url, sizeof(url), "https://%s:%u/agent/ca", a->manager.host,
	         (unsigned)a->manager.port);
	struct call_options o = {
		.method = "GET", .url = url, .look = true, .fresh = true, .done = looked, .arg = a
	};
	comms_proxy(a->c, &o, proxy);
	buf_clear(&a->text);
	buf_fmt(&a->text, "Attempting to connect to https://%s:%u/\n", a->manager.host,
	        (unsigned)a->manager.port);
	if (client_call(a->c->client, &o, &a->call, &why) < 0)
		refuse(a, why.text);
}

static void tool_gone(struct exchange *x)
{
	activation_free(x->job);
}

void activation_ask(struct comms *c, struct exchange *x, const json_t *args)
{
	struct err why = { { 0 } };
	if (c->id.valid) {
		exchange_end(x, 400,
		             "Error: the agent is activated already; reset it first "
		             "(dsa_control -r).",
		             EXIT_RESET_FIRST);
		return;
	}
	if (c->activation) {
		exchange_end(x, 400, "Error: an activation is under way already.", 1);
		return;
	}
	struct activation *a = xcalloc(1, sizeof(*a));
	*a = (struct activation){ .c = c, .x = x, .words = json_object(), .again.fd = -1 };
	c->activation = a;
	x->job = a;
	x->gone = tool_gone;
	if (take_args(a, args, &why) < 0) {
		buf_fmt(&a->text, "Error: %s", why.text);
		end(a, 400, 1);
		return;
	}
	attempt(a);
}

void activation_drop(struct comms *c)
{
	if (!c->activation)
		return;
	c->activation->x->gone = NULL;
	activation_free(c->activation);
}
