#include <string.h>
#include <strings.h>

#include "agent/comms/comms.h"
#include "base/auto.h"
#include "base/json.h"

/* What a tool may ask: a row each. */
struct verb {
	const char *name;
	void (*run)(struct comms *c, struct exchange *x, const json_t *args);
};

static void refuse(struct exchange *x, const char *why)
{
	AUTO(buf_done) struct buf b = { 0 };
	buf_fmt(&b, "Error: %s", why);
	exchange_end(x, 400, b.p, 1);
}

static void reset(struct comms *c, struct exchange *x, const json_t *args)
{
	(void)args;
	bool was = c->id.valid;
	if (was)
		comms_reset(c, "dsa_control asked for it");
	exchange_end(x, 200, was ? "The agent was reset" : "The agent was not activated", 0);
}

static bool is_true(const json_t *pairs, const char *key)
{
	const char *key_given;
	json_t *v;
	json_object_foreach ((json_t *)(uintptr_t)pairs, key_given, v)
		if (strcasecmp(key_given, key) == 0)
			return strcasecmp(json_string_value(v), "true") == 0;
	return false;
}

static int scan(struct comms *c, struct err *why)
{
	return command_local(c, "scan", json_pack("{s:s}", "type", "manual"), why);
}

static int cancel(struct comms *c, struct err *why)
{
	return command_local(c, "cancel-scan", json_object(), why);
}

static int integrity_scan(struct comms *c, struct err *why)
{
	return command_local(c, "integrity-scan", json_object(), why);
}

static int integrity_baseline(struct comms *c, struct err *why)
{
	return command_local(c, "integrity-baseline", json_object(), why);
}

static int update(struct comms *c, struct err *why)
{
	(void)why;
	task_want(c, TASK_POLICY);
	return 0;
}

/* The keys of dsa_control -m; those without a deed belong to modules that are not there. */
static const struct {
	const char *name;
	int (*run)(struct comms *c, struct err *why);
} keys[] = {
	{ "AntiMalwareManualScan", scan },
	{ "AntiMalwareCancelManualScan", cancel },
	{ "UpdateConfiguration", update },
	{ "IntegrityScan", integrity_scan },
	{ "RebuildBaseline", integrity_baseline },
	{ "RecommendationScan", NULL },
	{ "UpdateComponent", NULL },
};

static bool is_key(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		if (strcasecmp(keys[i].name, name) == 0)
			return true;
	return false;
}

static bool keys_fit(const json_t *pairs, struct err *why)
{
	const char *name;
	json_t *v;
	json_object_foreach ((json_t *)(uintptr_t)pairs, name, v)
		if (!is_key(name) || !json_is_string(v)) {
			err_set(why, 0, "there is no key %.60s", name);
			return false;
		}
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		if (!keys[i].run && is_true(pairs, keys[i].name)) {
			err_set(why, 0, "%s is not available in this agent", keys[i].name);
			return false;
		}
	return true;
}

static void heartbeat(struct comms *c, struct exchange *x, const json_t *args)
{
	struct err why = { { 0 } };
	const json_t *pairs = args ? json_object_at(args, "pairs") : NULL;
	if (!c->id.valid) {
		refuse(x, "the agent is not activated");
		return;
	}
	if (!keys_fit(pairs, &why)) {
		refuse(x, why.text);
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		if (is_true(pairs, keys[i].name) && keys[i].run(c, &why) < 0) {
			refuse(x, why.text);
			return;
		}
	}
	task_want(c, TASK_HEARTBEAT);
	exchange_end(x, 200, "Manager contact has been scheduled to occur in the next few seconds.",
	             0);
}

static void status(struct comms *c, struct exchange *x, const json_t *args)
{
	(void)args;
	AUTO(buf_done) struct buf b = { 0 };
	status_text(c, &b);
	exchange_end(x, 200, b.p, 0);
}

static void components(struct comms *c, struct exchange *x, const json_t *args)
{
	(void)args;
	AUTO(buf_done) struct buf b = { 0 };
	status_components(c, &b);
	exchange_end(x, 200, b.p, 0);
}

static void set_proxy(struct comms *c, struct exchange *x, const json_t *args, enum proxy_use use,
                      int (*set)(int, struct proxies *, enum proxy_use, const char *, struct buf *,
                                 struct err *))
{
	AUTO(buf_done) struct buf b = { 0 };
	struct err why = { { 0 } };
	if (set(c->dir, &c->proxies, use, args ? json_text(args, "value", "") : "", &b, &why) < 0) {
		refuse(x, why.text);
		return;
	}
	exchange_end(x, 200, b.p, 0);
	if (use == PROXY_DSM && c->id.valid) {
		tasks_stop(c);
		tasks_start(c);
	}
}

static void dsm_proxy(struct comms *c, struct exchange *x, const json_t *args)
{
	set_proxy(c, x, args, PROXY_DSM, proxies_set);
}

static void dsm_proxy_user(struct comms *c, struct exchange *x, const json_t *args)
{
	set_proxy(c, x, args, PROXY_DSM, proxies_set_user);
}

static void relay_proxy(struct comms *c, struct exchange *x, const json_t *args)
{
	set_proxy(c, x, args, PROXY_RELAY, proxies_set);
}

static void relay_proxy_user(struct comms *c, struct exchange *x, const json_t *args)
{
	set_proxy(c, x, args, PROXY_RELAY, proxies_set_user);
}

static void restore(struct comms *c, struct exchange *x, const json_t *args)
{
	static const struct {
		const char *word, *key;
		bool text;
	} words[] = { { "to", "path", true },
		      { "overwrite", "overwrite", false },
		      { "exempt", "exempt", false } };
	const json_t *pairs = args ? json_object_at(args, "pairs") : NULL;
	AUTO(json_decrefp) json_t *how = json_object();
	const char *word = NULL;
	json_t *v = NULL;
	json_object_foreach ((json_t *)(uintptr_t)pairs, word, v) {
		size_t i = 0;
		while (i < ARRAY_LEN(words) && strcasecmp(words[i].word, word) != 0)
			i++;
		if (i == ARRAY_LEN(words) || !json_is_string(v)) {
			refuse(x, "a restore knows to:PATH, overwrite:true and exempt:false");
			return;
		}
		if (words[i].text)
			json_set(how, words[i].key, json_incref(v));
		else
			json_set_bool(how, words[i].key,
			              strcasecmp(json_string_value(v), "true") == 0);
	}
	command_restore(c, x, args ? json_text(args, "value", "") : "", TAKE(how));
}

static void diag(struct comms *c, struct exchange *x, const json_t *args)
{
	(void)args;
	AUTO(buf_done) struct buf name = { 0 }, b = { 0 };
	struct err why = { { 0 } };
	if (diag_make(c, &name, &why) < 0) {
		refuse(x, why.text);
		return;
	}
	buf_fmt(&b, "The diagnostic package is %s", name.p);
	exchange_end(x, 200, b.p, 0);
}

/* clang-format off */
static const struct verb verbs[] = {
	{ "activate",         activation_ask },
	{ "components",       components },
	{ "diag",             diag },
	{ "dsm-proxy",        dsm_proxy },
	{ "dsm-proxy-user",   dsm_proxy_user },
	{ "heartbeat",        heartbeat },
	{ "relay-proxy",      relay_proxy },
	{ "relay-proxy-user", relay_proxy_user },
	{ "reset",            reset },
	{ "restore",          restore },
	{ "scan",             command_scan },
	{ "status",           status },
};
/* clang-format on */

void verb_ask(void *arg, struct exchange *x, const char *verb, const json_t *args)
{
	struct comms *c = arg;
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
		if (strcmp(verbs[i].name, verb) == 0) {
			verbs[i].run(c, x, args);
			return;
		}
	}
	refuse(x, "the agent does not know what is asked");
}
