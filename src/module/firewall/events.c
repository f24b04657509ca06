#include "module/firewall/firewall.h"

/* clang-format off */
static const struct event_field fields[] = {
	{ "Reason",            EV_TEXT, "Reason",             "理由",                   "the rule behind \"Firewall Rule: \", or the reason's words" },
	{ "ReasonID",          EV_INT,  "Reason ID",          "理由ID",                 "the reason's number; a rule: its ID" },
	{ "RuleID",            EV_INT,  "Rule ID",            "ルールID",               "the firewall rule, when one decided" },
	{ "Note",              EV_TEXT, "Note",               "注記",                   "what the reason does not say" },
	{ "Action",            EV_INT,  "Action",             "処理",                   "1 deny, 6 log only, 129 detect only: deny" },
	{ "ActionString",      EV_TEXT, "Action",             "処理",                   "Deny, Log Only, Detect Only: Deny" },
	{ "Rank",              EV_INT,  "Rank",               "ランク",                 "by the action" },
	{ "Direction",         EV_INT,  "Direction",          "方向",                   "0 incoming, 1 outgoing" },
	{ "DirectionString",   EV_TEXT, "Direction",          "方向",                   "Incoming, Outgoing" },
	{ "Interface",         EV_TEXT, "Interface",          "インタフェース",         "its name" },
	{ "FrameType",         EV_TEXT, "Frame type",         "フレームの種類",         "IPv4, IPv6, ARP, or the number" },
	{ "Protocol",          EV_TEXT, "Protocol",           "プロトコル",             "TCP, UDP, ICMP, ICMPv6, or the number" },
	{ "Flags",             EV_TEXT, "Flags",              "フラグ",                 "of TCP; type and code of ICMP" },
	{ "SourceIP",          EV_TEXT, "Source IP",          "送信元IP",               "" },
	{ "SourceMAC",         EV_TEXT, "Source MAC",         "送信元MAC",              "" },
	{ "SourcePort",        EV_INT,  "Source port",        "送信元ポート",           "" },
	{ "DestinationIP",     EV_TEXT, "Destination IP",     "送信先IP",               "" },
	{ "DestinationMAC",    EV_TEXT, "Destination MAC",    "送信先MAC",              "" },
	{ "DestinationPort",   EV_INT,  "Destination port",   "送信先ポート",           "" },
	{ "PacketSize",        EV_INT,  "Packet size",        "パケットサイズ",         "bytes" },
	{ "RepeatCount",       EV_INT,  "Repeat count",       "繰り返し数",             "packets that this one event stands for" },
	{ "StartTime",         EV_TIME, "Start",              "開始",                   "of the first" },
	{ "EndTime",           EV_TIME, "End",                "終了",                   "of the last" },
	{ "PacketData",        EV_TEXT, "Packet data",        "パケットデータ",         "the first packet, base64" },
	{ "DataFlags",         EV_INT,  "Data flags",         "データフラグ",           "1: with packet data, 2: cut" },
	{ "AlertEnabled",      EV_BOOL, "Alert",              "アラート",               "the rule asks for an alert" },
	{ "Lost",              EV_INT,  "Not told",           "通知されなかった数",     "events over the limit" },
	{ 0 },
};

static const struct event_kind kinds[] = {
	{ 20, "firewall-rule", SEVERITY_WARNING, "{SourceIP} to {DestinationIP}: {Reason} ({ActionString})",
	  "{SourceIP}から{DestinationIP}へ: {Reason} ({ActionString})" },
	{ 21, "firewall-reason", SEVERITY_WARNING, "{SourceIP} to {DestinationIP}: {Reason} ({ActionString})",
	  "{SourceIP}から{DestinationIP}へ: {Reason} ({ActionString})" },
	{ 142, "new-connection", SEVERITY_INFO, "{SourceIP} opened a connection to {DestinationIP}",
	  "{SourceIP}が{DestinationIP}への接続を開始しました" },
	{ 22, "events-lost", SEVERITY_WARNING, "{Lost} firewall events were over the limit and are not told",
	  "上限を超えた{Lost}件のファイアウォールイベントは通知されません" },
	{ 0 },
};
/* clang-format on */

const struct event_class event_class_firewall = {
	.name = "firewall",
	.type = "FirewallEvent",
	.en = "Firewall events",
	.ja = "ファイアウォールイベント",
	.fields = fields,
	.kinds = kinds,
};
