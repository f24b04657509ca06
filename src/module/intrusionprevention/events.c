#include "model/event.h"
#include "module/intrusionprevention/section.h"

/* clang-format off */
static const struct event_field fields[] = {
	{ "Reason",            EV_TEXT, "Reason",             "理由",                   "the rule's ID and name, or the words of an oddity" },
	{ "ReasonID",          EV_INT,  "Reason ID",          "理由ID",                 "the rule, or the oddity's number" },
	{ "RuleID",            EV_INT,  "Rule ID",            "ルールID",               "the rule that matched" },
	{ "SignatureID",       EV_INT,  "Signature ID",       "シグネチャID",           "the sid of the rule's text" },
	{ "ApplicationType",   EV_TEXT, "Application type",   "アプリケーションの種類", "the rule's" },
	{ "ApplicationProtocol", EV_TEXT, "Application protocol", "アプリケーションプロトコル", "what is spoken on the connection" },
	{ "Action",            EV_INT,  "Action",             "処理",                   "1 drop, 2 reset, 6 log only; 128 more: detect only" },
	{ "ActionString",      EV_TEXT, "Action",             "処理",                   "Drop, Reset, Log Only, Detect Only: Reset" },
	{ "Severity",          EV_INT,  "Severity",           "重大度",                 "1 low to 4 critical" },
	{ "Rank",              EV_INT,  "Rank",               "ランク",                 "by the severity" },
	{ "Direction",         EV_INT,  "Direction",          "方向",                   "0 incoming, 1 outgoing" },
	{ "DirectionString",   EV_TEXT, "Direction",          "方向",                   "Incoming, Outgoing" },
	{ "Flow",              EV_TEXT, "Flow",               "フロー",                 "Connection Flow, Reverse Flow" },
	{ "Interface",         EV_TEXT, "Interface",          "インタフェース",         "its name" },
	{ "Protocol",          EV_TEXT, "Protocol",           "プロトコル",             "TCP, UDP, ICMP, ICMPv6, or the number" },
	{ "Flags",             EV_TEXT, "Flags",              "フラグ",                 "of TCP" },
	{ "SourceIP",          EV_TEXT, "Source IP",          "送信元IP",               "" },
	{ "SourceMAC",         EV_TEXT, "Source MAC",         "送信元MAC",              "" },
	{ "SourcePort",        EV_INT,  "Source port",        "送信元ポート",           "" },
	{ "DestinationIP",     EV_TEXT, "Destination IP",     "送信先IP",               "" },
	{ "DestinationMAC",    EV_TEXT, "Destination MAC",    "送信先MAC",              "" },
	{ "DestinationPort",   EV_INT,  "Destination port",   "送信先ポート",           "" },
	{ "PacketSize",        EV_INT,  "Packet size",        "パケットサイズ",         "bytes" },
	{ "PosInBuffer",       EV_INT,  "Position in packet", "パケット内の位置",       "of what was found, in its buffer" },
	{ "PosInStream",       EV_INT,  "Position in stream", "ストリーム内の位置",     "of what was found" },
	{ "Note",              EV_TEXT, "Note",               "注記",                   "the buffer in which it was found, or what a score is made of" },
	{ "XForwardedFor",     EV_TEXT, "X-Forwarded-For",    "X-Forwarded-For",        "whom a proxy says that the request is from" },
	{ "CVE",               EV_TEXT, "CVE",                "CVE",                    "the weaknesses that the rule is about" },
	{ "RepeatCount",       EV_INT,  "Repeat count",       "繰り返し数",             "matches that this one event stands for" },
	{ "StartTime",         EV_TIME, "Start",              "開始",                   "of the first" },
	{ "EndTime",           EV_TIME, "End",                "終了",                   "of the last" },
	{ "PacketData",        EV_TEXT, "Packet data",        "パケットデータ",         "the first packet, base64" },
	{ "DataFlags",         EV_INT,  "Data flags",         "データフラグ",           "1: with packet data, 2: cut" },
	{ "AlertEnabled",      EV_BOOL, "Alert",              "アラート",               "the rule asks for an alert" },
	{ "Lost",              EV_INT,  "Not told",           "通知されなかった数",     "events over the limit" },
	{ 0 },
};

static const struct event_kind kinds[] = {
	{ 20, "intrusion-rule", SEVERITY_WARNING, "{SourceIP} to {DestinationIP}: {Reason} ({ActionString})",
	  "{SourceIP}から{DestinationIP}へ: {Reason} ({ActionString})" },
	{ 21, "intrusion-reason", SEVERITY_WARNING, "{SourceIP} to {DestinationIP}: {Reason} ({ActionString})",
	  "{SourceIP}から{DestinationIP}へ: {Reason} ({ActionString})" },
	{ 22, "intrusion-events-lost", SEVERITY_WARNING, "{Lost} intrusion prevention events were over the limit and are not told",
	  "上限を超えた{Lost}件の侵入防御イベントは通知されません" },
	{ 0 },
};
/* clang-format on */

const struct event_class event_class_intrusionprevention = {
	.name = "intrusionprevention",
	.type = "IntrusionPreventionEvent",
	.en = "Intrusion Prevention events",
	.ja = "侵入防御イベント",
	.fields = fields,
	.kinds = kinds,
};
