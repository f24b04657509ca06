#include <gcrypt.h>

#include "base/auto.h"
#include "base/base64.h"
#include "base/json.h"
#include "model/event.h"
#include "module/integritymonitoring/baseline.h"
#include "module/integritymonitoring/group.h"
#include "module/integritymonitoring/section.h"

/* clang-format off */
static const struct event_field fields[] = {
	{ "Reason",         EV_TEXT, "Reason",        "理由",                 "the rule" },
	{ "RuleID",         EV_INT,  "Rule ID",       "ルールID",             "the rule's ID" },
	{ "Change",         EV_INT,  "Change",        "変更",                 "1 created, 2 updated, 3 deleted, 4 renamed" },
	{ "ChangeString",   EV_TEXT, "Change",        "変更",                 "Created, Updated, Deleted, Renamed" },
	{ "EntityType",     EV_TEXT, "Type",          "種類",                 "File, Directory, User, Group, Port, Process, Service, InstalledSoftware" },
	{ "Key",            EV_TEXT, "Key",           "キー",                 "a path or a name" },
	{ "PreviousKey",    EV_TEXT, "Previous key",  "以前のキー",           "of what was renamed" },
	{ "Severity",       EV_TEXT, "Severity",      "重要度",               "of the rule: Low, Medium, High, Critical" },
	{ "Rank",           EV_INT,  "Rank",          "ランク",               "by the severity" },
	{ "Description",    EV_TEXT, "Description",   "説明",                 "the attributes that changed: what they were and are" },
	{ "Before",         EV_TEXT, "Before",        "変更前",               "attributes before (JSON)" },
	{ "After",          EV_TEXT, "After",         "変更後",               "attributes now (JSON)" },
	{ "User",           EV_TEXT, "User",          "ユーザ",               "who did it, when real time saw it" },
	{ "Process",        EV_TEXT, "Process",       "プロセス",             "what did it, when real time saw it" },
	{ "Cause",          EV_TEXT, "Cause",         "原因",                 "what explains it: package, maintenance, process; empty: nothing" },
	{ "CauseID",        EV_TEXT, "Cause ID",      "原因ID",               "the same for all that has this cause" },
	{ "CauseText",      EV_TEXT, "Cause details", "原因の詳細",           "the packages of a transaction, ..." },
	{ "Count",          EV_INT,  "Changes",       "変更数",               "of a group: how many changes it stands for" },
	{ "Members",        EV_TEXT, "Members",       "内訳",                 "of a group: the first of its changes (JSON)" },
	{ "ProcessID",      EV_INT,  "Process ID",    "プロセスID",           "its number" },
	{ "ParentProcess",  EV_TEXT, "Parent process", "親プロセス",          "what started that process" },
	{ "ContainerID",    EV_TEXT, "Container",     "コンテナ",             "where that process ran; empty: the host itself" },
	{ "RealTime",       EV_BOOL, "Real time",     "リアルタイム",         "seen as it happened, not found by a scan" },
	{ "AlertEnabled",   EV_BOOL, "Alert",         "アラート",             "the rule asks for an alert" },
	{ 0 },
};

static const struct event_kind kinds[] = {
	{ 30, "entity-created", SEVERITY_WARNING, "{EntityType} {Key} was created ({Reason})", "{EntityType} {Key}が作成されました ({Reason})" },
	{ 31, "entity-updated", SEVERITY_WARNING, "{EntityType} {Key} was changed: {Description} ({Reason})", "{EntityType} {Key}が変更されました: {Description} ({Reason})" },
	{ 32, "entity-deleted", SEVERITY_WARNING, "{EntityType} {Key} was deleted ({Reason})", "{EntityType} {Key}が削除されました ({Reason})" },
	{ 33, "entity-renamed", SEVERITY_WARNING, "{EntityType} {PreviousKey} was renamed to {Key} ({Reason})", "{EntityType} {PreviousKey}の名前が{Key}に変更されました ({Reason})" },
	{ 34, "entities-grouped", SEVERITY_INFO, "{Count} changes by {CauseText}", "{CauseText}による{Count}件の変更" },
	{ 0 },
};

const struct event_class event_class_integritymonitoring = {
	.name = "integritymonitoring",
	.type = "IntegrityMonitoringEvent",
	.en = "Integrity Monitoring events",
	.ja = "変更監視イベント",
	.fields = fields,
	.kinds = kinds,
};

static const struct { const char *kind, *word; } told[] = {
	[IM_CREATED] = { "entity-created", "Created" },
	[IM_UPDATED] = { "entity-updated", "Updated" },
	[IM_DELETED] = { "entity-deleted", "Deleted" },
	[IM_RENAMED] = { "entity-renamed", "Renamed" },
};

static const struct { const char *word; int rank; } severities[] = {
	[IM_LOW] = { "Low", 1 }, [IM_MEDIUM] = { "Medium", 25 }, [IM_HIGH] = { "High", 50 }, [IM_CRITICAL] = { "Critical", 100 },
};
/* clang-format on */

/* What is told, and against which baseline. */
static void set_unique(const struct im_change *c, struct str root, struct event *out)
{
	struct im_packer p = { 0 };
	uint8_t hash[32];
	const struct im_entity *both[] = { c->was, c->is };
	for (size_t i = 0; i < ARRAY_LEN(both); i++) {
		struct im_entity e = both[i] ? *both[i] : (struct im_entity){ 0 };
		/* How it was read is no part of what it is. */
		e.file.settled = e.file.owned = false;
		if (both[i])
			im_pack(&p, &e);
	}
	buf_str(&p.block, root);
	buf_char(&p.block, (char)c->kind);
	gcry_md_hash_buffer(GCRY_MD_SHA256, hash, p.block.p, p.block.n);
	hex_lower(out->unique, hash, sizeof(hash));
	im_packer_done(&p);
}

static void set_values(const struct im_change *c, struct event *out)
{
	static const char *const parts[][2] = { { "before", "Before" }, { "after", "After" } };
	AUTO(json_decrefp) json_t *o = im_change_json(c);
	AUTO(buf_done) struct buf description = { 0 };
	const json_t *before = json_object_at(o, "before"), *after = json_object_at(o, "after");
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		AUTO(buf_done) struct buf b = { 0 };
		const json_t *v = json_object_at(o, parts[i][0]);
		if (!v)
			continue;
		json_write(&b, v);
		event_text(out, parts[i][1], b.p);
	}
	for (size_t i = 0; before && after && i < json_array_size(json_array_at(o, "attributes"));
	     i++) {
		const char *name =
			json_string_value(json_array_get(json_array_at(o, "attributes"), i));
		buf_fmt(&description, "%s%s: %s -> %s", description.n ? ", " : "", name,
		        json_text(before, name, ""), json_text(after, name, ""));
	}
	if (description.p)
		event_text(out, "Description", description.p);
}

static void set_actor(const struct im_actor *a, struct event *out)
{
	const struct {
		const char *field;
		struct str value;
	} texts[] = { { "User", a->user },
		      { "Process", a->process },
		      { "ParentProcess", a->parent },
		      { "ContainerID", a->container } };
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (texts[i].value.n)
			event_bytes(out, texts[i].field, texts[i].value);
	if (a->pid > 0)
		event_int(out, "ProcessID", a->pid);
	event_bool(out, "RealTime", true);
}

void im_change_event(const struct im_change *c, struct str root, struct event *out)
{
	const struct im_entity *e = c->is ? c->is : c->was;
	event_init(out, &event_class_integritymonitoring, told[c->kind].kind);
	set_unique(c, root, out);
	event_bytes(out, "Reason", c->reason->name);
	if (c->reason->id)
		event_int(out, "RuleID", c->reason->id);
	event_int(out, "Change", (int)c->kind + 1);
	event_text(out, "ChangeString", told[c->kind].word);
	event_text(out, "EntityType", im_classes[e->class].name);
	event_bytes(out, "Key", e->key);
	if (c->kind == IM_RENAMED)
		event_bytes(out, "PreviousKey", c->was->key);
	event_text(out, "Severity", severities[c->reason->severity].word);
	event_int(out, "Rank", severities[c->reason->severity].rank);
	set_values(c, out);
	if (c->by)
		set_actor(c->by, out);
	if (c->alert)
		event_bool(out, "AlertEnabled", true);
}

static void set_group_unique(const struct im_group *g, struct str root, struct event *out)
{
	AUTO(buf_done) struct buf b = { 0 };
	uint8_t hash[32];
	buf_str(&b, root);
	buf_str(&b, buf_view(&g->id));
	gcry_md_hash_buffer(GCRY_MD_SHA256, hash, b.p, b.n);
	hex_lower(out->unique, hash, sizeof(hash));
}

void im_group_event(const struct im_group *g, struct str root, struct event *out)
{
	AUTO(buf_done) struct buf members = { 0 };
	event_init(out, &event_class_integritymonitoring, "entities-grouped");
	set_group_unique(g, root, out);
	json_write(&members, g->members);
	event_int(out, "Change", IM_UPDATED + 1);
	event_text(out, "ChangeString", told[IM_UPDATED].word);
	event_text(out, "EntityType", "Group");
	event_bytes(out, "Key", buf_view(&g->id));
	event_text(out, "Severity", severities[IM_LOW].word);
	event_int(out, "Rank", severities[IM_LOW].rank);
	event_text(out, "Cause", g->cause);
	event_bytes(out, "CauseID", buf_view(&g->id));
	event_bytes(out, "CauseText", buf_view(&g->text));
	event_int(out, "Count", (int64_t)g->count);
	event_text(out, "Members", members.p);
}
