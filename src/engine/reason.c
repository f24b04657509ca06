#include "engine/packet.h"

/* clang-format off */
const struct reason_words reasons[] = {
	{ 100, "Out Of Connection",               "接続の範囲外" },
	{ 101, "Invalid Flags",                   "無効なフラグ" },
	{ 102, "Invalid Sequence",                "無効なシーケンス番号" },
	{ 103, "Invalid ACK",                     "無効なACK" },
	{ 104, "Internal Error",                  "内部エラー" },
	{ 105, "CE Flags",                        "CEフラグ" },
	{ 106, "Invalid IP",                      "無効なIP" },
	{ 107, "Invalid IP Datagram Length",      "無効なIPデータグラム長" },
	{ 108, "Fragmented",                      "フラグメント化" },
	{ 109, "Invalid Fragment Offset",         "無効なフラグメントオフセット" },
	{ 110, "First Fragment Too Small",        "最初のフラグメントが小さすぎる" },
	{ 111, "Fragment Out Of Bounds",          "フラグメントが範囲外" },
	{ 112, "Fragment Offset Too Small",       "フラグメントオフセットが小さすぎる" },
	{ 113, "IPv6 Packet",                     "IPv6パケット" },
	{ 114, "Max Incoming Connections",        "受信接続数の上限" },
	{ 115, "Max Outgoing Connections",        "送信接続数の上限" },
	{ 116, "Max SYN Sent",                    "SYN送信数の上限" },
	{ 117, "License Expired",                 "ライセンスの期限切れ" },
	{ 118, "IP Version Unknown",              "不明なIPバージョン" },
	{ 119, "Invalid Packet Info",             "無効なパケット情報" },
	{ 120, "Internal Engine Error",           "エンジンの内部エラー" },
	{ 121, "Unsolicited UDP",                 "要求していないUDP" },
	{ 122, "Unsolicited ICMP",                "要求していないICMP" },
	{ 123, "Out Of Allowed Policy",           "許可ポリシーの範囲外" },
	{ 124, "Invalid Port Command",            "無効なPORTコマンド" },
	{ 125, "SYN Cookie Error",                "SYN Cookieエラー" },
	{ 126, "Invalid Data Offset",             "無効なデータオフセット" },
	{ 127, "No IP Header",                    "IPヘッダなし" },
	{ 128, "Unreadable Ethernet Header",      "読み取れないEthernetヘッダ" },
	{ 129, "Undefined",                       "未定義" },
	{ 130, "Same Source and Destination IP",  "送信元と送信先のIPが同一" },
	{ 131, "Invalid TCP Header Length",       "無効なTCPヘッダ長" },
	{ 132, "Unreadable Protocol Header",      "読み取れないプロトコルヘッダ" },
	{ 133, "Unreadable IPv4 Header",          "読み取れないIPv4ヘッダ" },
	{ 134, "Unknown IP Version",              "未知のIPバージョン" },
	{ 135, "Invalid Adapter Configuration",   "無効なアダプタ設定" },
	{ 136, "Overlapping Fragment",            "重複するフラグメント" },
	{ 138, "Packet on Closed Connection",     "終了した接続のパケット" },
	{ 139, "Dropped Retransmit",              "再送の破棄" },
	{ 141, "Out of Allowed Policy (Open Port)", "許可ポリシーの範囲外 (開いているポート)" },
	{ 142, "New Connection Initiated",        "新しい接続の開始" },
	{ 143, "Invalid Checksum",                "無効なチェックサム" },
	{ 144, "Invalid Hook Used",               "無効なフックの使用" },
	{ 145, "IP Zero Payload",                 "ペイロードのないIP" },
	{ 146, "IPv6 Source Is Multicast",        "IPv6の送信元がマルチキャスト" },
	{ 147, "Invalid IPv6 Address",            "無効なIPv6アドレス" },
	{ 148, "IPv6 Fragment Too Small",         "IPv6フラグメントが小さすぎる" },
	{ 149, "Invalid Transport Header Length", "無効なトランスポートヘッダ長" },
	{ 150, "Out Of Memory",                   "メモリ不足" },
	{ 151, "Max TCP Connections",             "TCP接続数の上限" },
	{ 152, "Max UDP Connections",             "UDP接続数の上限" },
	{ 0 },
};
/* clang-format on */

const struct reason_words *reason_find(unsigned number)
{
	for (const struct reason_words *r = reasons; r->number; r++)
		if (r->number == number)
			return r;
	return NULL;
}
