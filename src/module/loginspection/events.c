#include <gcrypt.h>
#include <stdio.h>

#include "base/auto.h"
#include "base/base64.h"
#include "model/event.h"
#include "module/loginspection/policy.h"

/* clang-format off */
static const struct event_field fields[] = {
	{ "Reason",                  EV_TEXT, "Reason",           "理由",             "the rule of the policy" },
	{ "RuleID",                  EV_INT,  "Rule ID",          "ルールID",         "its ID" },
	{ "Severity",                EV_TEXT, "Severity",         "重要度",           "by the level: Low, Medium, High, Critical" },
	{ "Rank",                    EV_INT,  "Rank",             "ランク",           "by the severity" },
	{ "OSSEC_Level",             EV_INT,  "Level",            "レベル",           "of the rule that the line ended on, 0 to 15" },
	{ "OSSEC_RuleID",            EV_INT,  "Rule matched",     "一致したルール",   "its number in the language of rules" },
	{ "OSSEC_Description",       EV_TEXT, "Description",      "説明",             "what the rule says" },
	{ "OSSEC_Groups",            EV_TEXT, "Groups",           "グループ",         "of the rule, parted by commas" },
	{ "OSSEC_Location",          EV_TEXT, "Location",         "場所",             "the file that the line stands in" },
	{ "OSSEC_FullLog",           EV_TEXT, "Event",            "イベント",         "the line" },
	{ "OSSEC_Log",               EV_TEXT, "Message",          "メッセージ",       "the line without its header" },
	{ "OSSEC_ProgramName",       EV_TEXT, "Program name",     "プログラム名",     "of the line's header" },
	{ "OSSEC_Hostname",          EV_TEXT, "Event host name",  "イベントホスト名", "of the line's header" },
	{ "OSSEC_SourceIP",          EV_TEXT, "Source IP",        "送信元IP",         "" },
	{ "OSSEC_SourcePort",        EV_TEXT, "Source port",      "送信元ポート",     "" },
	{ "OSSEC_SourceUser",        EV_TEXT, "Source user",      "送信元ユーザ",     "" },
	{ "OSSEC_DestinationIP",     EV_TEXT, "Destination IP",   "送信先IP",         "" },
	{ "OSSEC_DestinationPort",   EV_TEXT, "Destination port", "送信先ポート",     "" },
	{ "OSSEC_DestinationUser",   EV_TEXT, "User",             "ユーザ",           "whom it is about" },
	{ "OSSEC_Protocol",          EV_TEXT, "Protocol",         "プロトコル",       "" },
	{ "OSSEC_Action",            EV_TEXT, "Action",           "処理",             "" },
	{ "OSSEC_ID",                EV_TEXT, "ID",               "ID",               "a number that the application gives" },
	{ "OSSEC_Status",            EV_TEXT, "Status",           "ステータス",       "" },
	{ "OSSEC_Command",           EV_TEXT, "Command",          "コマンド",         "" },
	{ "OSSEC_URL",               EV_TEXT, "URL",              "URL",              "" },
	{ "OSSEC_Data",              EV_TEXT, "Data",             "データ",           "what else the decoder found" },
	{ "OSSEC_SystemName",        EV_TEXT, "System name",      "システム名",       "" },
	{ "Decoder",                 EV_TEXT, "Decoder",          "デコーダ",         "that took the line apart" },
	{ "Forward",                 EV_BOOL, "Forwarded",        "転送",             "its level is one that is forwarded" },
	{ "AlertEnabled",            EV_BOOL, "Alert",            "アラート",         "the rule asks for an alert" },
	{ 0 },
};

static const struct event_kind kinds[] = {
	{ 40, "log-low",    SEVERITY_INFO,    "{OSSEC_Description} ({OSSEC_Location})", "{OSSEC_Location}のログ: {OSSEC_Description}" },
	{ 40, "log-medium", SEVERITY_WARNING, "{OSSEC_Description} ({OSSEC_Location})", "{OSSEC_Location}のログ: {OSSEC_Description}" },
	{ 40, "log-high",   SEVERITY_ERROR,   "{OSSEC_Description} ({OSSEC_Location})", "{OSSEC_Location}のログ: {OSSEC_Description}" },
	{ 0 },
};

const struct event_class event_class_loginspection = {
	.name = "loginspection",
	.type = "LogInspectionEvent",
	.en = "Log Inspection events",
	.ja = "セキュリティログ監視イベント",
	.fields = fields,
	.kinds = kinds,
};

/* Where decoders' fields go. What none of these is named is part of Data. */
static const struct { const char *decoded, *field; } placed[] = {
	{ "srcip",       "OSSEC_SourceIP" },        { "srcport",  "OSSEC_SourcePort" },
	{ "srcuser",     "OSSEC_SourceUser" },      { "dstip",    "OSSEC_DestinationIP" },
	{ "dstport",     "OSSEC_DestinationPort" }, { "dstuser",  "OSSEC_DestinationUser" },
	{ "protocol",    "OSSEC_Protocol" },        { "action",   "OSSEC_Action" },
	{ "id",          "OSSEC_ID" },              { "status",   "OSSEC_Status" },
	{ "command",     "OSSEC_Command" },         { "url",      "OSSEC_URL" },
	{ "system_name", "OSSEC_SystemName" },
};

/* From this level on (the console's words: Low 3, Medium 6, High 8, Critical 10). */
static const struct { unsigned level; const char *kind, *word; int rank; } severities[] = {
	{ 10, "log-high",   "Critical", 100 },
	{ 8,  "log-high",   "High",     50 },
	{ 6,  "log-medium", "Medium",   25 },
	{ 0,  "log-low",    "Low",      1 },
};
/* clang-format on */

enum { LINE_KEPT = 16384 }; /* of a line, in an event */

/* The same line of the same stream is the same event, however often it is read. */
static void set_unique(const struct li_origin *o, struct event *out)
{
	uint8_t room[24], hash[32];
	for (size_t i = 0; i < 16; i++)
		room[i] = o->unique[i];
	for (size_t i = 0; i < 8; i++)
		room[16 + i] = (uint8_t)(o->offset >> 8 * i);
	gcry_md_hash_buffer(GCRY_MD_SHA256, hash, room, sizeof(room));
	hex_lower(out->unique, hash, sizeof(hash));
}

static void put(struct event *out, const char *field, struct str value)
{
	if (value.n)
		event_bytes(out, field,
		            value.n > LINE_KEPT ? str_utf8_cut(value, LINE_KEPT) : value);
}

static void put_field(const struct li_field *f, struct event *out, struct buf *data)
{
	for (size_t i = 0; i < ARRAY_LEN(placed); i++) {
		if (str_is(f->name, placed[i].decoded)) {
			put(out, placed[i].field, f->value);
			return;
		}
	}
	if (str_is(f->name, "extra_data"))
		buf_fmt(data, "%s%.*s", data->n ? " " : "", STR_ARG(f->value));
	else
		buf_fmt(data, "%s%.*s=%.*s", data->n ? " " : "", STR_ARG(f->name),
		        STR_ARG(f->value));
}

static void put_fields(const struct li_answer *a, struct event *out)
{
	AUTO(buf_done) struct buf data = { .max = LINE_KEPT };
	for (size_t i = 0; i < a->nfields; i++)
		if (a->fields[i].value.p)
			put_field(&a->fields[i], out, &data);
	put(out, "OSSEC_Data", buf_view(&data));
}

bool li_event_wanted(const struct rules *r, const struct li_answer *a)
{
	unsigned least = r->store_level < r->send_level ? r->store_level : r->send_level;
	return a->log_it && a->level >= least;
}

void li_event_make(const struct rules *r, const struct li_answer *a, const struct li_origin *o,
                   struct event *out)
{
	const struct li_named *n = a->file ? map_get(&r->named, str_of(a->file)) : NULL;
	size_t s = 0;
	while (a->level < severities[s].level)
		s++;
	event_init(out, &event_class_loginspection, severities[s].kind);
	out->time_ms = o->time_ms;
	set_unique(o, out);
	if (n) {
		event_text(out, "Reason", n->name);
		event_int(out, "RuleID", n->id);
	}
	event_text(out, "Severity", severities[s].word);
	event_int(out, "Rank", severities[s].rank);
	event_int(out, "OSSEC_Level", a->level);
	event_int(out, "OSSEC_RuleID", a->id);
	put(out, "OSSEC_Description", a->description);
	put(out, "OSSEC_Groups", a->groups);
	put(out, "OSSEC_Location", o->location);
	put(out, "OSSEC_FullLog", o->line);
	put(out, "OSSEC_Log", a->log);
	put(out, "OSSEC_ProgramName", a->program);
	put(out, "OSSEC_Hostname", a->hostname);
	put(out, "Decoder", a->decoder);
	put_fields(a, out);
	event_bool(out, "Forward", a->level >= r->send_level);
	if (n && n->alert && a->level >= n->alert_level)
		event_bool(out, "AlertEnabled", true);
}
