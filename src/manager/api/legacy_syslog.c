#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "base/json.h"
#include "manager/api/app.h"
#include "manager/forward/forward.h"

/* /rest/syslog-configurations (rest-api.md 12): the same objects as /api/syslogconfigurations,
 * under the names that they had before v1. */

static const char collection[] = "syslogconfigurations";

/* The words of before v1 are in capitals, some with an underscore ("LOCAL_0"). */
static void word_of(const char *given, char out[static 40])
{
	size_t n = 0;
	for (const char *p = given; *p && n + 1 < 40; p++)
		if (*p != '_' && *p != '-')
			out[n++] = (char)tolower((unsigned char)*p);
	out[n] = '\0';
}

static void take_word(const json_t *in, const char *from, json_t *o, const char *to)
{
	char word[40];
	const char *given = json_text(in, from, NULL);
	if (!given)
		return;
	word_of(given, word);
	/* What was "standard" or "basic syslog" is basic. */
	bool basic = strcmp(to, "eventFormat") == 0 && strcmp(word, "standard") == 0;
	json_set_text(o, to, basic ? "basic" : word);
}

/* One PEM text, or a list of them. */
static void take_chain(const json_t *in, json_t *o)
{
	json_t *chain = json_object_get(in, "certificateChain");
	AUTO(buf_done) struct buf b = { 0 };
	size_t i;
	json_t *v;
	json_array_foreach (chain, i, v)
		buf_z(&b, json_is_string(v) ? json_string_value(v) : "");
	if (json_is_string(chain))
		buf_z(&b, json_string_value(chain));
	if (b.n)
		json_set_text(o, "certificate", b.p);
}

static json_t *taken(const json_t *in)
{
	static const char *const same[] = { "name",     "description",        "server",
		                            "port",     "privateKey",         "caCertificate",
		                            "timeZone", "logSourceIdentifier" };
	json_t *o = json_object();
	for (size_t i = 0; i < ARRAY_LEN(same); i++)
		if (json_object_get(in, same[i]))
			json_set(o, same[i], json_incref(json_object_get(in, same[i])));
	take_word(in, "transport", o, "protocol");
	take_word(in, "eventFormat", o, "eventFormat");
	take_word(in, "facility", o, "facility");
	if (json_bool(in, "direct", false))
		json_set_text(o, "agentForwarding", "directly");
	take_chain(in, o);
	return o;
}

static json_t *shown(const json_t *o)
{
	static const char *const same[] = { "name", "description", "server",
		                            "port", "eventFormat", "facility" };
	json_t *out = json_object();
	for (size_t i = 0; i < ARRAY_LEN(same); i++)
		if (json_object_get(o, same[i]))
			json_set(out, same[i], json_incref(json_object_get(o, same[i])));
	json_set_text(out, "transport", json_text(o, "protocol", "udp"));
	json_set_text(out, "certificateChain", json_text(o, "certificate", ""));
	json_set_bool(out, "direct", forward_is_direct(o));
	json_set_int(out, "ID", json_int(o, "ID", 0));
	return out;
}

/* Has the collection of v1 answer this request. */
static int ask(struct call *c, const char *method, json_t *body)
{
	struct request rq = *c->rq;
	const struct request *mine = c->rq;
	json_decref(c->body);
	c->body = body;
	rq.method = method;
	c->rq = &rq;
	int status = resource_call(c, resource_find(str_of(collection)));
	c->rq = mine;
	return status;
}

int legacy_syslog_list(struct call *c)
{
	json_t *list = json_array();
	size_t i;
	json_t *v;
	int status = ask(c, "GET", NULL);
	AUTO(json_decrefp) json_t *out = c->out;
	json_array_foreach (json_object_get(out, "syslogConfigurations"), i, v)
		json_array_append_new(list, shown(v));
	c->out = json_pack("{s:{s:o}}", "ListSyslogConfigurationsResponse", "syslogConfigurations",
	                   list);
	return status;
}

int legacy_syslog_create(struct call *c)
{
	const json_t *in = json_object_at(
		json_object_at(c->body, "CreateSyslogConfigurationRequest"), "syslogConfiguration");
	if (!in) {
		err_set(&c->why, 0,
		        "CreateSyslogConfigurationRequest with a syslogConfiguration is expected.");
		return 400;
	}
	int status = ask(c, "POST", taken(in));
	if (status != 200)
		return status;
	json_t *out = c->out;
	c->out = json_pack("{s:{s:o}}", "CreateSyslogConfigurationResponse", "syslogConfiguration",
	                   shown(out));
	json_decref(out);
	return status;
}

int legacy_syslog_delete(struct call *c)
{
	return ask(c, "DELETE", NULL);
}
