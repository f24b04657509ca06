#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "module/intrusionprevention/parse.h"

/* Keywords that say something about the rule itself. */

int keyword_msg(struct parser *p, const struct keyword *k, struct str value)
{
	struct str s = parse_unquote(value, NULL);
	char *text = arena_str(&p->rules->arena, s), *to = text;
	(void)k;
	for (const char *from = text; *from; from++) {
		if (*from == '\\' && from[1] && strchr("\\\";:", from[1]))
			from++;
		*to++ = *from;
	}
	*to = '\0';
	p->rule->words.msg = text;
	return 0;
}

int keyword_id(struct parser *p, const struct keyword *k, struct str value)
{
	uint64_t v = 0;
	int rc = parse_u64(p, value, 0, UINT32_MAX, &v);
	if (rc < 0)
		return rc;
	if (k->words.name[0] == 's') {
		if (p->said_sid)
			return parse_fail(p, value.p, "a second sid");
		p->said_sid = true;
		p->rule->words.sid = (uint32_t)v;
	} else if (k->words.name[0] == 'g') {
		p->rule->words.gid = (uint32_t)v;
	} else {
		p->rule->words.rev = (uint32_t)v;
	}
	return 0;
}

/* Priorities of Suricata's classification.config; others have 3. */
int keyword_classtype(struct parser *p, const struct keyword *k, struct str value)
{
	static const struct {
		const char *name;
		unsigned priority;
	} classes[] = {
		{ "attempted-admin", 1 },
		{ "attempted-user", 1 },
		{ "inappropriate-content", 1 },
		{ "policy-violation", 1 },
		{ "shellcode-detect", 1 },
		{ "successful-admin", 1 },
		{ "successful-user", 1 },
		{ "trojan-activity", 1 },
		{ "unsuccessful-user", 1 },
		{ "web-application-attack", 1 },
		{ "exploit-kit", 1 },
		{ "domain-c2", 1 },
		{ "credential-theft", 1 },
		{ "command-and-control", 1 },
		{ "targeted-activity", 1 },
		{ "coin-mining", 2 },
		{ "attempted-dos", 2 },
		{ "attempted-recon", 2 },
		{ "bad-unknown", 2 },
		{ "default-login-attempt", 2 },
		{ "denial-of-service", 2 },
		{ "misc-attack", 2 },
		{ "non-standard-protocol", 2 },
		{ "rpc-portmap-decode", 2 },
		{ "successful-dos", 2 },
		{ "successful-recon-largescale", 2 },
		{ "successful-recon-limited", 2 },
		{ "suspicious-filename-detect", 2 },
		{ "suspicious-login", 2 },
		{ "system-call-detect", 2 },
		{ "unusual-client-port-connection", 2 },
		{ "web-application-activity", 2 },
		{ "pup-activity", 2 },
		{ "social-engineering", 2 },
		{ "external-ip-check", 2 },
		{ "tcp-connection", 4 },
	};
	(void)k;
	p->rule->words.classtype = parse_keep(p, value);
	for (size_t i = 0; i < ARRAY_LEN(classes); i++)
		if (str_is(value, classes[i].name))
			p->rule->words.priority = classes[i].priority;
	return 0;
}

int keyword_priority(struct parser *p, const struct keyword *k, struct str value)
{
	uint64_t v = 0;
	(void)k;
	int rc = parse_u64(p, value, 1, 255, &v);
	if (rc == 0)
		p->rule->words.priority = (unsigned)v;
	return rc;
}

int keyword_reference(struct parser *p, const struct keyword *k, struct str value)
{
	struct str id = value, kind = str_trim(str_cut(&id, ','));
	struct ips_rule_words *w = &p->rule->words;
	(void)k;
	id = str_trim(id);
	if (kind.n == 0 || id.n == 0)
		return parse_fail(p, value.p, "expected a kind and an identifier: cve,2021-44228");
	struct ips_reference *all = arena_array(&p->rules->arena, w->nreferences + 1, sizeof(*all));
	if (w->nreferences)
		memcpy(all, w->references, w->nreferences * sizeof(*all));
	all[w->nreferences++] =
		(struct ips_reference){ .kind = parse_keep(p, kind), .id = parse_keep(p, id) };
	w->references = all;
	return 0;
}

/* Snort 3's "service http": the protocol, if it is one that is looked into. */
int keyword_metadata(struct parser *p, const struct keyword *k, struct str value)
{
	struct str rest = value;
	bool service = strcmp(k->words.name, "service") == 0;
	while (rest.p) {
		struct str word = str_trim(str_cut(&rest, ','));
		if (!service && !str_starts(word, STR("service ")))
			continue;
		word = service ? word : str_trim(str_skip(word, 8));
		char z[24] = "";
		if (word.n < sizeof(z))
			memcpy(z, word.p, word.n);
		enum app_protocol app = app_protocol_find(strcmp(z, "ssl") == 0 ? "tls" : z);
		/* Buffers say it better, and several services are no service. */
		if (app != APP_UNKNOWN && p->rule->app == APP_UNKNOWN && service && !rest.p)
			p->rule->app = app;
	}
	return 0;
}

int keyword_given(struct parser *p, const struct keyword *k, struct str value)
{
	(void)p, (void)k, (void)value;
	return 0;
}

int keyword_noalert(struct parser *p, const struct keyword *k, struct str value)
{
	(void)k, (void)value;
	p->rule->noalert = true;
	return 0;
}
