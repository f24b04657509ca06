#include "model/format.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "base/civil.h"
#include "base/json.h"

/* ---- tables ---- */

struct key {
	const char *field, *key, *label; /* label: of a cs or cn key, or NULL */
};

/* clang-format off */
static const struct key antimalware[] = {
	{ "FileSize",          "cn2",  "Quarantine File Size" },
	{ "ContainerID",       "cs6",  "Container" },
	{ "InfectedFilePath",  "filePath", NULL },
	{ "ScanResultString",  "act",  NULL },
	{ "ScanResultAction1", "result", NULL },
	{ "ScanTypeString",    "msg",  NULL },
	{ "User",              "suser", NULL },
	{ "ProcessName",       "TrendMicroDsProcess", NULL },
	{ "AMTarget",          "TrendMicroDsMalwareTarget", NULL },
	{ "AMTargetTypeString","TrendMicroDsMalwareTargetType", NULL },
	{ "AMTargetCount",     "TrendMicroDsMalwareTargetCount", NULL },
	{ "FileMD5",           "TrendMicroDsFileMD5", NULL },
	{ "FileSHA1",          "TrendMicroDsFileSHA1", NULL },
	{ "FileSHA256",        "TrendMicroDsFileSHA256", NULL },
	{ "BehaviorType",      "TrendMicroDsBehaviorType", NULL },
	{ "ErrorCode",         "reason", NULL },
	{ 0 },
};

#define PACKET \
	{ "ActionString", "act", NULL }, { "DestinationMAC", "dmac", NULL }, { "SourceMAC", "smac", NULL }, \
	{ "FrameString", "TrendMicroDsFrameType", NULL }, { "SourceIP", "src", NULL }, { "DestinationIP", "dst", NULL }, \
	{ "PacketSize", "in", NULL }, { "Protocol", "proto", NULL }, { "SourcePort", "spt", NULL }, \
	{ "DestinationPort", "dpt", NULL }, { "FragmentationBits", "cs3", "Fragmentation Bits" }, \
	{ "Flags", "cs2", "TCP Flags" }, { "RepeatCount", "cnt", NULL }, { "PacketData", "TrendMicroDsPacketData", NULL }
static const struct key firewall[] = { PACKET, { "ICMP", "cs4", "ICMP Type and Code" }, { 0 } };
static const struct key intrusionprevention[] = {
	PACKET,
	{ "PosInBuffer",  "cn3", "Intrusion Prevention Packet Position" },
	{ "PosInStream",  "cs5", "Intrusion Prevention Stream Position" },
	{ "PayloadFlags", "cs6", "Intrusion Prevention Flags" },
	{ "Note",         "cs1", "Intrusion Prevention Note" },
	{ 0 },
};
static const struct key integritymonitoring[] = {
	{ "ChangeString", "act", NULL }, { "Key", "filePath", NULL }, { "User", "suser", NULL }, { "Process", "sproc", NULL },
	{ "Description", "msg", NULL }, { 0 },
};
static const struct key loginspection[] = {
	{ "OSSEC_Description", "cs1", "LI Description" }, { "OSSEC_Location", "fname", NULL }, { "OSSEC_SourceIP", "src", NULL },
	{ "OSSEC_DestinationUser", "duser", NULL }, { "OSSEC_Hostname", "shost", NULL }, { "OSSEC_FullLog", "msg", NULL }, { 0 },
};
static const struct key webreputation[] = { { "URL", "request", NULL }, { "RiskString", "msg", NULL }, { 0 } };
static const struct key applicationcontrol[] = {
	{ "SHA256", "fileHash", NULL }, { "UserName", "suser", NULL }, { "UserID", "suid", NULL }, { "Operation", "act", NULL },
	{ "FilePath", "filePath", NULL }, { "FileSize", "fsize", NULL }, { "AggregationType", "aggregationType", NULL },
	{ "RepeatCount", "repeatCount", NULL }, { "ActionReasonDesc", "cs1", "actionReason" }, { "SHA1", "cs2", "sha1" },
	{ "MD5", "cs3", "md5" }, { 0 },
};
static const struct key devicecontrol[] = {
	{ "DeviceName", "device", NULL }, { "ProcessName", "processName", NULL }, { "FileName", "fileName", NULL },
	{ "VendorName", "vendor", NULL }, { "SerialNumber", "serial", NULL }, { "Model", "model", NULL },
	{ "ComputerName", "computerName", NULL }, { "DomainName", "domainName", NULL }, { "DeviceType", "deviceType", NULL },
	{ "Permission", "permission", NULL }, { 0 },
};
static const struct key system_keys[] = {
	{ "SourceIP", "src", NULL }, { "ActionBy", "suser", NULL }, { "TargetName", "target", NULL }, { 0 },
};

static const struct mapping {
	const char *class, *category;
	const struct key *keys;
	const char *name; /* the field that is the message's name; NULL: the event's title */
	bool basic;
} mappings[] = {
	{ "system",              "System",               system_keys,         NULL,                true },
	{ "antimalware",         "Anti-Malware",         antimalware,         "MalwareName",       false },
	{ "webreputation",       "Web Reputation",       webreputation,       NULL,                false },
	{ "firewall",            "Firewall",             firewall,            "Reason",            true },
	{ "intrusionprevention", "Intrusion Prevention", intrusionprevention, "Reason",            true },
	{ "integritymonitoring", "Integrity Monitor",    integritymonitoring, "Reason",            false },
	{ "loginspection",       "Log Inspection",       loginspection,       "OSSEC_Description", true },
	{ "applicationcontrol",  "AppControl",           applicationcontrol,  "Operation",         false },
	{ "devicecontrol",       "Device Control",       devicecontrol,       "DeviceName",        false },
};
/* clang-format on */

static const struct mapping *mapping_of(const struct event_class *class)
{
	for (size_t i = 0; i < ARRAY_LEN(mappings); i++)
		if (strcmp(mappings[i].class, class->name) == 0)
			return &mappings[i];
	return &mappings[0];
}

bool format_has_basic(const struct event_class *class)
{
	return mapping_of(class)->basic;
}

/* ---- configuration ---- */

static int position(const char *words, const char *word)
{
	int i = 0;
	for (struct str rest = str_of(words); rest.p; i++)
		if (str_is(str_cut(&rest, '|'), word))
			return i;
	return 0;
}

struct format_source format_source_of(const json_t *o, const char *host)
{
	const char *given = json_text(o, "logSourceIdentifier", "");
	int format = position(FORMAT_WORDS, json_text(o, "eventFormat", "cef"));
	return (struct format_source){
		.format = (enum format)format,
		.vendor = json_text(o, "deviceVendor", "Yagura"),
		.product = json_text(o, "deviceProduct", "Yagura"),
		.host = *given ? given : host,
		.facility = position(FACILITY_WORDS, json_text(o, "facility", "local0")),
		.offset = json_int(o, "signatureOffset", 0),
	};
}

/* ---- escaping ---- */

enum escape { ESCAPE_HEADER, ESCAPE_CEF, ESCAPE_LEEF, ESCAPE_PLAIN };

static void escape(struct buf *out, enum escape how, const char *text)
{
	for (const char *p = text; *p; p++) {
		unsigned char c = (unsigned char)*p;
		bool header = how == ESCAPE_HEADER, cef = how == ESCAPE_CEF;
		if ((c == '\\' && (header || cef)) || (c == '|' && header) || (c == '=' && cef))
			buf_char(out, '\\');
		if (c == '\n' && cef)
			buf_z(out, "\\n");
		else if (c == '\r' && cef)
			buf_z(out, "\\r");
		else
			buf_add(out, c < 0x20 || c == 0x7f ? " " : p, 1);
	}
}

/* ---- header ---- */

static void syslog_head(struct buf *out, const struct format_source *s, const struct event *ev)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	static const int priorities[] = { 6, 4, 3 };
	int64_t ms = (int64_t)ev->time_ms + s->utc_offset_s * 1000;
	int64_t seconds = floor_div(ms, 1000), day = floor_div(seconds, DAY_S);
	int of_day = (int)(seconds - day * DAY_S), h = of_day / 3600, m = of_day / 60 % 60;
	struct date d = date_of(day);
	int priority = s->facility * 8 + priorities[ev->kind->severity];
	if (s->format != FORMAT_JSON) {
		buf_fmt(out, "<%d>%.3s %2d %02d:%02d:%02d ", priority,
		        months + (ptrdiff_t)3 * (d.month - 1), d.day, h, m, of_day % 60);
		escape(out, ESCAPE_PLAIN, s->host);
		buf_char(out, ' ');
		return;
	}
	buf_fmt(out, "<%d>1 %04lld-%02d-%02dT%02d:%02d:%02d.%03d", priority, (long long)d.year,
	        d.month, d.day, h, m, of_day % 60, (int)(ms - seconds * 1000));
	int minutes = (int)(s->utc_offset_s / 60), absolute = minutes < 0 ? -minutes : minutes;
	if (minutes == 0)
		buf_char(out, 'Z');
	else
		buf_fmt(out, "%c%02d:%02d", minutes < 0 ? '-' : '+', absolute / 60, absolute % 60);
	buf_char(out, ' ');
	escape(out, ESCAPE_PLAIN, s->host);
	buf_fmt(out, " %s - %s - ", "yagura", ev->class->name);
}

/* ---- values ---- */

/* CEF severities of what the vendor calls info, warning and error (behaviour.md 9.13). */
static int severity(const struct event *ev)
{
	static const int levels[] = { 3, 6, 8 };
	return levels[ev->kind->severity];
}

static int64_t signature(const struct format_source *s, const struct event *ev)
{
	int64_t id = ev->kind->number + s->offset, scan = json_int(ev->fields, "ScanType", 0);
	/* 4000000 real-time, then manual, scheduled and quick scans. */
	return strcmp(ev->kind->name, "malware-found") == 0 && scan > 0 && scan < 4 ? id + scan
	                                                                            : id;
}

static const char *name_of(const struct mapping *m, const struct event *ev)
{
	const char *name = m->name ? json_text(ev->fields, m->name, "") : "";
	const struct system_number *n =
		ev->class == &event_class_system ? system_number_find(ev->kind->number) : NULL;
	if (*name)
		return name;
	return n ? n->en : ev->kind->name;
}

static void text_of(struct buf *out, const json_t *v)
{
	if (json_is_string(v))
		buf_z(out, json_string_value(v));
	else if (json_is_integer(v))
		buf_fmt(out, "%lld", (long long)json_integer_value(v));
	else if (json_is_boolean(v))
		buf_z(out, json_is_true(v) ? "true" : "false");
}

/* ---- CEF and LEEF: KEY=VALUE, with their separators ---- */

struct pairs {
	struct buf *out;
	enum escape how;
	char separator;
	bool any;
};

static void put(struct pairs *p, const char *key, const char *value)
{
	if (!value || !*value)
		return;
	if (p->any)
		buf_char(p->out, p->separator);
	p->any = true;
	/* LEEF knows one name for users. */
	bool user =
		p->how == ESCAPE_LEEF && (strcmp(key, "suser") == 0 || strcmp(key, "duser") == 0);
	buf_fmt(p->out, "%s=", user ? "usrName" : key);
	escape(p->out, p->how, value);
}

static void put_int(struct pairs *p, const char *key, int64_t value)
{
	char text[24];
	snprintf(text, sizeof(text), "%lld", (long long)value);
	put(p, key, text);
}

static void put_labelled(struct pairs *p, const char *key, const char *label, const char *value)
{
	char name[32];
	put(p, key, value);
	snprintf(name, sizeof(name), "%sLabel", key);
	if (label && value && *value)
		put(p, name, label);
}

static void put_all(struct pairs *p, const struct format_source *s, const struct format_event *e,
                    const struct mapping *m)
{
	struct in_addr v4;
	const struct event *ev = e->event;
	if (e->computer) {
		put_int(p, "cn1", e->computer);
		put(p, "cn1Label", "Host ID");
		put(p, inet_pton(AF_INET, e->host, &v4) == 1 ? "dvc" : "dvchost", e->host);
	}
	for (const struct key *k = m->keys; k->field; k++) {
		AUTO(buf_done) struct buf value = { 0 };
		text_of(&value, json_object_get(ev->fields, k->field));
		put_labelled(p, k->key, k->label, value.p);
	}
	if (ev->class == &event_class_system) {
		AUTO(buf_done) struct buf sentence = { 0 };
		event_sentence(&sentence, ev, "en");
		put(p, "msg", sentence.p);
	}
	put(p, "TrendMicroDsTags", json_text(ev->fields, "Tags", ""));
	put(p, "TrendMicroDsTenant", s->tenant);
	put(p, "TrendMicroDsTenantId", s->tenant_id);
}

static void head(struct buf *out, const char *magic, const struct format_source *s,
                 const struct format_event *e)
{
	buf_fmt(out, "%s|", magic);
	escape(out, ESCAPE_HEADER, s->vendor);
	buf_char(out, '|');
	escape(out, ESCAPE_HEADER, s->product);
	buf_z(out, e->computer ? " Agent|" : " Manager|");
	escape(out, ESCAPE_HEADER, s->version);
	buf_fmt(out, "|%lld|", (long long)signature(s, e->event));
}

static void cef(struct buf *out, const struct format_source *s, const struct format_event *e)
{
	const struct mapping *m = mapping_of(e->event->class);
	struct pairs p = { .out = out, .how = ESCAPE_CEF, .separator = ' ' };
	head(out, "CEF:0", s, e);
	escape(out, ESCAPE_HEADER, name_of(m, e->event));
	buf_fmt(out, "|%d|", severity(e->event));
	put_all(&p, s, e, m);
}

static void leef(struct buf *out, const struct format_source *s, const struct format_event *e)
{
	const struct mapping *m = mapping_of(e->event->class);
	AUTO(buf_done) struct buf sentence = { 0 };
	struct pairs p = { .out = out, .how = ESCAPE_LEEF, .separator = '\t' };
	head(out, "LEEF:2.0", s, e);
	event_sentence(&sentence, e->event, "en");
	put(&p, "cat", m->category);
	put(&p, "name", name_of(m, e->event));
	put(&p, "desc", sentence.p);
	put_int(&p, "sev", severity(e->event));
	put_all(&p, s, e, m);
}

static void json(struct buf *out, const struct format_source *s, const struct format_event *e)
{
	static const char *const words[] = { "info", "warning", "error" };
	const struct event *ev = e->event;
	AUTO(buf_done) struct buf sentence = { 0 };
	AUTO(json_decrefp) json_t *o = json_object();
	event_sentence(&sentence, ev, "en");
	json_set_text(o, "class", ev->class->name);
	json_set_text(o, "kind", ev->kind->name);
	json_set_int(o, "number", signature(s, ev));
	json_set_text(o, "name", name_of(mapping_of(ev->class), ev));
	json_set_text(o, "severity", words[ev->kind->severity]);
	if (e->id)
		json_set_int(o, "ID", e->id);
	json_set_int(o, "logDate", (int64_t)ev->time_ms);
	json_set_int(o, "computerID", e->computer);
	json_set_bytes(o, "hostName", str_of(e->host));
	json_set_bytes(o, "sentence", buf_view(&sentence));
	json_set_text(o, "tenant", s->tenant);
	json_set_text(o, "tenantID", s->tenant_id);
	json_object_update(o, ev->fields);
	json_write(out, o);
}

static void basic(struct buf *out, const struct format_source *s, const struct format_event *e)
{
	AUTO(buf_done) struct buf sentence = { 0 };
	(void)s;
	event_sentence(&sentence, e->event, "en");
	buf_fmt(out, "yagura: %lld ", (long long)signature(s, e->event));
	if (*e->host) {
		escape(out, ESCAPE_PLAIN, e->host);
		buf_z(out, ": ");
	}
	escape(out, ESCAPE_PLAIN, sentence.p ? sentence.p : "");
}

void format_event(struct buf *out, const struct format_source *s, const struct format_event *e)
{
	static void (*const writers[])(struct buf *, const struct format_source *,
	                               const struct format_event *) = { [FORMAT_CEF] = cef,
		                                                        [FORMAT_LEEF] = leef,
		                                                        [FORMAT_JSON] = json,
		                                                        [FORMAT_BASIC] = basic };
	syslog_head(out, s, e->event);
	writers[s->format](out, s, e);
}
