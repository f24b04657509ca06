#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/json.h"
#include "manager/api/app.h"
#include "manager/api/secrets.h"
#include "net/identity.h"

/* How a new agent finds its manager: the activation command and script (rest-api.md section 12). */

char *activation_token(struct app *a)
{
	char *chosen = system_setting(a, "platformSettingAgentInitiatedActivationToken");
	AUTO(buf_done) struct buf own = { 0 };
	struct rows r;
	if (*chosen)
		return chosen;
	free(chosen);
	int rc = store_query(a->store, STMT_META_GET, ARGS(VAL_TEXT("token")), &r);
	if (rc == 0 && rows_next(&r) == 1)
		secret_open(a->store, "token", 0, col_str(&r, 0), &own);
	rows_done(&r);
	return own.p ? buf_take(&own) : xstrdup("");
}

static void add_command(struct call *c, struct buf *b, const char *url)
{
	static const struct {
		const char *field, *word;
	} ids[] = { { "policyID", "policyid" },
		    { "computerGroupID", "groupid" },
		    { "relayGroupID", "relaygroupid" } };
	AUTO(freep) char *token = activation_token(c->app);
	buf_fmt(b, "dsa_control -a %s \"tenantID:%s\" \"token:", url, c->app->tenant);
	/* People may choose it; between a shell's double quotes these four mean something. */
	for (const char *p = token; *p; p++) {
		if (strchr("\"$`\\", *p))
			buf_char(b, '\\');
		buf_char(b, *p);
	}
	buf_char(b, '"');
	for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
		int64_t id = json_int(c->body, ids[i].field, 0);
		const char *text = json_text(c->body, ids[i].field, NULL);
		if (text)
			str_i64(str_of(text), 0, INT64_MAX, &id);
		if (id > 0)
			buf_fmt(b, " \"%s:%lld\"", ids[i].word, (long long)id);
	}
}

static void add_fingerprint(struct call *c, struct buf *b)
{
	struct cert_facts facts = { .ca = false };
	if (cert_facts(str_of(c->app->config.ca), &facts, NULL) == 0)
		buf_fmt(b, " \"cafingerprint:%s\"", facts.fingerprint);
}

/* Installs the agent unless it is there; the download is checked by our own authority's
 * certificate. */
static void add_script(struct call *c, struct buf *b, const char *url)
{
	const struct app_config *k = &c->app->config;
	buf_fmt(b,
	        "#!/bin/bash\n"
	        "ACTIVATIONURL='%s'\nMANAGERURL='https://%s:%u'\nCURLOPTIONS='--silent --tlsv1.2'\n"
	        "if [[ $(/usr/bin/id -u) -ne 0 ]]; then\n"
	        "  echo You are not running as the root user.  Please try again with root privileges.\n  exit 1\nfi\n"
	        "if ! type dsa_control >/dev/null 2>&1 && [ -x /opt/ds_agent/dsa_control ]; then\n"
	        "  PATH=/opt/ds_agent:$PATH\nfi\n"
	        "if ! type dsa_control >/dev/null 2>&1; then\n"
	        "  if ! type curl >/dev/null 2>&1; then\n    echo Please install curl before running this script.\n    exit 1\n  fi\n"
	        "  work=$(mktemp -d) || exit 1\n"
	        "  cat >\"$work/ca.pem\" <<'EOF'\n%s\nEOF\n"
	        "  CURLOPTIONS=\"$CURLOPTIONS --cacert $work/ca.pem\"\n"
	        "  if ! curl --fail $CURLOPTIONS -L \"$MANAGERURL/software/deploymentscript/platform/linux-secure/\" -o \"$work/install\"; then\n"
	        "    echo \"The manager cannot be reached at $MANAGERURL.\"\n    rm -r \"$work\"\n    exit 1\n  fi\n"
	        "  . \"$work/install\"\n"
	        "  Download_Install_Agent || { rm -r \"$work\"; exit 1; }\n"
	        "  rm -r \"$work\"\n"
	        "  hash -r\n"
	        "fi\n",
	        url, k->host, k->console_port, k->ca);
}

int deployment_script(struct call *c)
{
	static const struct field fields[] = {
		{ "platform", T_CHOICE, F_REQUIRED, "linux|windows|solaris|aix|macos", .doc = "" },
		{ "validateCertificateRequired", T_BOOL, .doc = "" },
		{ "validateDigitalSignatureRequired", T_BOOL, .doc = "" },
		{ "activationRequired", T_BOOL, .doc = "" },
		{ "dsmProxyID", T_INT, .doc = "" },
		{ "relayProxyID", T_INT, .doc = "" },
		{ "policyID", T_INT, .doc = "" },
		{ "relayGroupID", T_INT, .doc = "" },
		{ "computerGroupID", T_INT, .doc = "" },
		{ 0 },
	};
	AUTO(json_decrefp) json_t *o = json_object();
	AUTO(buf_done) struct buf url = { 0 }, command = { 0 }, script = { 0 };
	if (!c->body || fields_take(fields, c->body, o, true, &c->why) < 0)
		return 400;
	if (strcmp(json_text(o, "platform", ""), "linux") != 0) {
		err_set(&c->why, 0, "There is an agent for linux only.");
		return 400;
	}
	buf_fmt(&url, "dsm://%s:%u/", c->app->config.host, c->app->config.agent_port);
	add_command(c, &command, url.p);
	add_script(c, &script, url.p);
	if (json_bool(o, "activationRequired", false))
		buf_fmt(&script, "dsa_control -r\nsleep 15\n%s\n", command.p);
	add_fingerprint(c, &command);
	c->out = json_incref(o);
	json_set_bytes(c->out, "command", buf_view(&command));
	json_set(c->out, "scriptBody", json_stringn(script.p, script.n));
	return 200;
}

int activation_information(struct call *c)
{
	char url[300];
	AUTO(freep) char *token = activation_token(c->app);
	snprintf(url, sizeof(url), "dsm://%s:%u/", c->app->config.host, c->app->config.agent_port);
	c->out = json_pack("{s:s,s:s}", "activationURL", url, "activationToken", token);
	return 200;
}

int manager_about(struct call *c)
{
	char host[256] = "";
	gethostname(host, sizeof(host) - 1);
	const struct app_config *k = &c->app->config;
	c->out = json_pack("{s:s,s:s,s:I,s:{s:s,s:I},s:I,s:I}", "version", YAGURA_VERSION,
	                   "hostName", host, "started", (json_int_t)c->app->started_ms,
	                   "certificate", "sha256", k->server_fingerprint, "notAfter",
	                   (json_int_t)k->server_expires_ms, "agentPort", (json_int_t)k->agent_port,
	                   "apiPort", (json_int_t)k->console_port);
	return 200;
}

int antimalware_status(struct call *c)
{
	struct rows r;
	AUTO(json_decrefp) json_t *status = NULL;
	int rc = store_query(c->app->store, STMT_AGENT_GET, ARGS(VAL_INT(c->id)), &r);
	if (rc == 0 && rows_next(&r) == 1)
		status = json_parse(col_str(&r, 4), NULL);
	rows_done(&r);
	if (!status) {
		err_set(&c->why, 0, "The computer is not activated.");
		return 404;
	}
	const json_t *am = json_object_at(json_object_at(status, "modules"), "antimalware");
	c->out = am ? json_deep_copy(am) : json_object();
	return 200;
}
