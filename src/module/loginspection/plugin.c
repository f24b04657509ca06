#include <string.h>

#include "base/auto.h"
#include "module/loginspection/event.h"

/* Decoders that are no regular expressions, and rules that are compiled in. */

/* ---- JSON ---- */

enum { JSON_DEPTH = 16, JSON_NAME = 256 };

struct json_reader {
	struct li_event *ev;
	struct str rest;
	char name[JSON_NAME];
	size_t name_n;
};

static void space(struct json_reader *r)
{
	while (r->rest.n && (r->rest.p[0] == ' ' || r->rest.p[0] == '\t'))
		r->rest = str_skip(r->rest, 1);
}

static bool took(struct json_reader *r, char c)
{
	space(r);
	if (!r->rest.n || r->rest.p[0] != c)
		return false;
	r->rest = str_skip(r->rest, 1);
	return true;
}

static size_t utf8(uint32_t c, char *to)
{
	if (c < 0x80) {
		to[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		to[0] = (char)(0xc0 | c >> 6);
		to[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		to[0] = (char)(0xe0 | c >> 12);
		to[1] = (char)(0x80 | (c >> 6 & 0x3f));
		to[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	to[0] = (char)(0xf0 | c >> 18);
	to[1] = (char)(0x80 | (c >> 12 & 0x3f));
	to[2] = (char)(0x80 | (c >> 6 & 0x3f));
	to[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

static int hex4(struct str s, uint32_t *out)
{
	*out = 0;
	for (size_t i = 0; i < 4; i++) {
		if (i >= s.n)
			return -1;
		char c = (char)(s.p[i] | 0x20);
		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
			return -1;
		*out = *out << 4 | (uint32_t)(c <= '9' ? c - '0' : c - 'a' + 10);
	}
	return 0;
}

/* Behind `\u`; a pair of surrogates is one character. */
static size_t unicode(struct str *s, char *to)
{
	uint32_t c = 0, low = 0;
	if (hex4(*s, &c) < 0)
		return 0;
	*s = str_skip(*s, 4);
	if (c >= 0xd800 && c < 0xdc00 && str_starts(*s, STR("\\u")) &&
	    hex4(str_skip(*s, 2), &low) == 0 && low >= 0xdc00 && low < 0xe000) {
		*s = str_skip(*s, 6);
		c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
	} else if (c >= 0xd800 && c < 0xe000) {
		c = 0xfffd;
	}
	return utf8(c, to);
}

/* The text of a string without its quotes; escapes cost scratch memory, plain text none. */
static bool json_string(struct json_reader *r, struct str *out)
{
	static const char from[] = "bfnrt", into[] = "\b\f\n\r\t";
	if (!took(r, '"'))
		return false;
	const char *start = r->rest.p;
	size_t n = 0;
	while (n < r->rest.n && start[n] != '"')
		n += start[n] == '\\' ? 2 : 1;
	if (n >= r->rest.n)
		return false;
	struct str s = { start, n };
	r->rest = str_skip(r->rest, n + 1);
	*out = s;
	if (!memchr(s.p, '\\', s.n))
		return true;
	char *to = scratch_room(r->ev, s.n);
	if (!to)
		return false;
	for (n = 0; s.n;) {
		char c = s.p[0];
		s = str_skip(s, 1);
		if (c == '\\' && s.n) {
			const char *at = strchr(from, s.p[0]);
			bool u = s.p[0] == 'u';
			c = s.p[0];
			if (at && c)
				c = into[at - from];
			s = str_skip(s, 1);
			if (u) {
				n += unicode(&s, to + n);
				continue;
			}
		}
		to[n++] = c;
	}
	*out = (struct str){ to, n };
	return true;
}

static void json_field(struct json_reader *r, struct str value)
{
	char *name = scratch_room(r->ev, r->name_n);
	if (!name)
		return;
	memcpy(name, r->name, r->name_n);
	event_set_named(r->ev, (struct str){ name, r->name_n }, value);
}

static bool json_value(struct json_reader *r, int depth);

static bool json_object_of(struct json_reader *r, int depth)
{
	size_t before = r->name_n;
	if (took(r, '}'))
		return true;
	do {
		struct str key = { 0 };
		space(r);
		if (!json_string(r, &key) || !took(r, ':') || before + key.n + 1 > JSON_NAME)
			return false;
		r->name_n = before;
		if (before)
			r->name[r->name_n++] = '.';
		memcpy(r->name + r->name_n, key.p, key.n);
		r->name_n += key.n;
		if (!json_value(r, depth + 1))
			return false;
		r->name_n = before;
	} while (took(r, ','));
	return took(r, '}');
}

/* Arrays stay text, as they stand in the line. */
static bool json_array_of(struct json_reader *r)
{
	const char *start = r->rest.p - 1;
	int depth = 1;
	struct str skipped;
	while (depth) {
		space(r);
		if (!r->rest.n)
			return false;
		char c = r->rest.p[0];
		if (c == '"') {
			if (!json_string(r, &skipped))
				return false;
			continue;
		}
		depth += c == '[' || c == '{' ? 1 : c == ']' || c == '}' ? -1 : 0;
		r->rest = str_skip(r->rest, 1);
	}
	json_field(r, (struct str){ start, (size_t)(r->rest.p - start) });
	return true;
}

static bool json_value(struct json_reader *r, int depth)
{
	struct str s = { 0 };
	space(r);
	if (depth > JSON_DEPTH || !r->rest.n)
		return false;
	if (r->rest.p[0] == '"') {
		if (!json_string(r, &s))
			return false;
		json_field(r, s);
		return true;
	}
	if (took(r, '{'))
		return json_object_of(r, depth);
	if (took(r, '['))
		return json_array_of(r);
	while (s.n < r->rest.n && !strchr(",}] ", r->rest.p[s.n]))
		s.n++;
	s.p = r->rest.p;
	r->rest = str_skip(r->rest, s.n);
	if (!s.n)
		return false;
	json_field(r, s);
	return true;
}

static void json_decoder(struct li_event *ev, struct str text)
{
	struct json_reader r = { .ev = ev, .rest = text };
	if (took(&r, '{'))
		json_object_of(&r, 0);
}

/* ---- packet filter ---- */

static struct str word(struct str *s)
{
	while (s->n && s->p[0] == ' ')
		*s = str_skip(*s, 1);
	size_t n = 0;
	while (n < s->n && s->p[n] != ' ')
		n++;
	struct str w = { s->p, n };
	*s = str_skip(*s, n);
	return w;
}

static struct str behind(struct str s, const char *what)
{
	const char *p = s.n ? memmem(s.p, s.n, what, strlen(what)) : NULL;
	return p ? str_skip(s, (size_t)(p - s.p) + strlen(what)) : (struct str){ 0 };
}

/* ADDRESS.PORT */
static void endpoint(struct li_event *ev, struct str s, unsigned ip, unsigned port)
{
	size_t dots = 0, last = s.n;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] == '.') {
			dots++;
			last = i;
		}
	if (dots == 4)
		event_set(ev, port, str_skip(s, last + 1));
	event_set(ev, ip, dots == 4 ? (struct str){ s.p, last } : s);
}

/* rule 4/0(match): block in on fxp0: 10.1.1.1.3000 > 10.1.2.2.80: S 1:1(0) */
static void pf_decoder(struct li_event *ev, struct str text)
{
	struct str s = behind(text, "): ");
	struct str action = word(&s);
	if (!str_is(action, "block") && !str_is(action, "pass"))
		return;
	s = behind(s, ": ");
	struct str from = word(&s), arrow = word(&s), to = word(&s);
	if (!str_is(arrow, ">"))
		return;
	if (to.n && to.p[to.n - 1] == ':')
		to.n--;
	struct str rest = word(&s);
	event_set(ev, FIELD_ACTION, action);
	endpoint(ev, from, FIELD_SRCIP, FIELD_SRCPORT);
	endpoint(ev, to, FIELD_DSTIP, FIELD_DSTPORT);
	event_set(ev, FIELD_PROTOCOL,
	          str_starts(rest, STR("icmp"))                                   ? STR("ICMP")
	          : str_starts(rest, STR("udp")) || str_starts(rest, STR("[udp")) ? STR("UDP")
	                                                                          : STR("TCP"));
}

/* ---- Symantec Web Security: 20070717,73613,1=5,11=10.1.1.3,10=userc,60=http://... ---- */

static void symantec_decoder(struct li_event *ev, struct str text)
{
	static const struct {
		const char *number;
		unsigned field;
	} names[] = { { "1", FIELD_ID },
		      { "10", FIELD_DSTUSER },
		      { "11", FIELD_SRCIP },
		      { "12", FIELD_STATUS },
		      { "60", FIELD_URL } };
	while (text.p) {
		struct str value = str_cut(&text, ',');
		struct str name = str_cut(&value, '=');
		for (size_t i = 0; value.p && i < ARRAY_LEN(names); i++)
			if (str_is(name, names[i].number))
				event_set(ev, names[i].field, value);
	}
}

/* ---- SonicWall: pri=6 c=262144 m=98 ... src=192.0.2.1:1:WAN dst=... proto=tcp/443 ---- */

static struct str until(struct str s, const char *ends)
{
	size_t n = 0;
	while (n < s.n && !strchr(ends, s.p[n]))
		n++;
	return (struct str){ s.p, n };
}

static void sonicwall_end(struct li_event *ev, struct str s, unsigned ip, unsigned port)
{
	struct str address = until(s, ": ");
	if (!s.p || !address.n)
		return;
	event_set(ev, ip, address);
	s = str_skip(s, address.n);
	if (s.n && s.p[0] == ':' && until(str_skip(s, 1), ": ").n)
		event_set(ev, port, until(str_skip(s, 1), ": "));
}

static void sonicwall_decoder(struct li_event *ev, struct str text)
{
	struct str pri = until(behind(text, " pri="), " "), id = until(behind(text, " m="), " ");
	struct str proto = until(behind(text, " proto="), " /"),
		   url = until(behind(text, " arg="), " ");
	if (pri.n)
		event_set(ev, FIELD_STATUS, pri);
	if (id.n)
		event_set(ev, FIELD_ID, id);
	sonicwall_end(ev, behind(text, " src="), FIELD_SRCIP, FIELD_SRCPORT);
	sonicwall_end(ev, behind(text, " dst="), FIELD_DSTIP, FIELD_DSTPORT);
	if (proto.n)
		event_set(ev, FIELD_PROTOCOL, proto);
	if (url.n)
		event_set(ev, FIELD_URL, url);
}

/* ---- Alert Level: 3; Rule: 5715 - Words; Location: x; srcip: 192.0.2.1; user: root; text ---- */

static void alert_decoder(struct li_event *ev, struct str text)
{
	struct str level = until(behind(text, "Alert Level: "), ";"), rule = behind(text, "Rule: ");
	struct str ip = until(behind(text, "; srcip: "), ";"),
		   user = until(behind(text, "; user: "), ";");
	if (!level.n || !rule.p)
		return;
	event_set(ev, FIELD_STATUS, level);
	event_set(ev, FIELD_ID, until(rule, " "));
	event_set(ev, FIELD_DATA, until(behind(rule, " - "), ";"));
	if (ip.n)
		event_set(ev, FIELD_SRCIP, ip);
	if (user.n)
		event_set(ev, FIELD_DSTUSER, user);
}

plugin_fn *plugin_find(struct str name)
{
	static const struct {
		const char *name;
		plugin_fn *run;
	} plugins[] = { { "JSON_Decoder", json_decoder },
		        { "OSSECAlert_Decoder", alert_decoder },
		        { "PF_Decoder", pf_decoder },
		        { "SonicWall_Decoder", sonicwall_decoder },
		        { "SymantecWS_Decoder", symantec_decoder } };
	for (size_t i = 0; i < ARRAY_LEN(plugins); i++)
		if (str_is(name, plugins[i].name))
			return plugins[i].run;
	return NULL;
}

/* ---- compiled rules ---- */

static bool simple_request(const struct li_event *ev)
{
	struct str url = ev->f[FIELD_URL];
	return url.p && (!url.n || !memchr(url.p, '?', url.n));
}

/* Networks of search engines, by how the line of the web server begins; no name is looked up. */
static bool valid_crawler(const struct li_event *ev)
{
	static const char *const networks[] = { "66.249.",    "72.14.",    "209.85.", "65.55.",
		                                "207.46.",    "74.6.",     "72.30.",  "67.195.",
		                                "40.77.167.", "157.55.39." };
	for (size_t i = 0; i < ARRAY_LEN(networks); i++)
		if (str_starts(ev->f[FIELD_LOG], str_of(networks[i])))
			return true;
	return false;
}

static bool id_size(const struct li_event *ev)
{
	return ev->f[FIELD_ID].n >= 10;
}

static bool same_users(const struct li_event *ev)
{
	return ev->f[FIELD_SRCUSER].p && ev->f[FIELD_DSTUSER].p &&
	       str_eq(ev->f[FIELD_SRCUSER], ev->f[FIELD_DSTUSER]);
}

static bool other_account(const struct li_event *ev)
{
	struct str target = behind(behind(ev->f[FIELD_LOG], "Target Account Name"), ": ");
	struct str caller = behind(behind(ev->f[FIELD_LOG], "Caller User Name"), ": ");
	return target.p && caller.p && !str_eq(until(target, " "), until(caller, " "));
}

compiled_fn *compiled_find(struct str name)
{
	static const struct {
		const char *name;
		compiled_fn *run;
	} rules[] = { { "check_id_size", id_size },
		      { "comp_mswin_targetuser_calluser_diff", other_account },
		      { "comp_srcuser_dstuser", same_users },
		      { "is_simple_http_request", simple_request },
		      { "is_valid_crawler", valid_crawler } };
	for (size_t i = 0; i < ARRAY_LEN(rules); i++)
		if (str_is(name, rules[i].name))
			return rules[i].run;
	return NULL;
}
