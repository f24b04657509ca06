#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/auto.h"
#include "base/json.h"
#include "model/setting.h"
#include "module/firewall/rule.h"

#define ENGINE "firewallSettingEngineOption"

/* A setting and the member that it fills; absent or empty: the table of settings has the default.
 */
enum kind { KIND_BOOL, KIND_NOT, KIND_SECONDS, KIND_NUMBER, KIND_POSTURE, KIND_MINUTES };

struct row {
	const char *name;
	enum kind kind;
	size_t at;
};

#define AT(member)     offsetof(struct rules, member)
#define TIMEOUT(state) AT(limits.timeout_s[state])
#define EVASION(check) AT(limits.evasion[check])
#define ANTI(name)     "firewallSettingAntiEvasionCheck" name
#define RECON(name)    "firewallSettingReconnaissance" name

/* clang-format off */
static const struct row rows[] = {
	{ ENGINE "CloseTimeout",        KIND_SECONDS, TIMEOUT(FLOW_CLOSED) },
	{ ENGINE "SynSentTimeout",      KIND_SECONDS, TIMEOUT(FLOW_SYN_SENT) },
	{ ENGINE "SynRcvdTimeout",      KIND_SECONDS, TIMEOUT(FLOW_SYN_RCVD) },
	{ ENGINE "EstablishedTimeout",  KIND_SECONDS, TIMEOUT(FLOW_ESTABLISHED) },
	{ ENGINE "FinWait1Timeout",     KIND_SECONDS, TIMEOUT(FLOW_FIN_WAIT1) },
	{ ENGINE "CloseWaitTimeout",    KIND_SECONDS, TIMEOUT(FLOW_CLOSE_WAIT) },
	{ ENGINE "ClosingTimeout",      KIND_SECONDS, TIMEOUT(FLOW_CLOSING) },
	{ ENGINE "LastAckTimeout",      KIND_SECONDS, TIMEOUT(FLOW_LAST_ACK) },
	{ ENGINE "DisconnectTimeout",   KIND_SECONDS, TIMEOUT(FLOW_DISCONNECT) },
	{ ENGINE "ErrorTimeout",        KIND_SECONDS, TIMEOUT(FLOW_ERROR) },
	{ ENGINE "UdpTimeout",          KIND_SECONDS, TIMEOUT(FLOW_UDP) },
	{ ENGINE "IcmpTimeout",         KIND_SECONDS, TIMEOUT(FLOW_ICMP) },
	{ ENGINE "AckTimeout",          KIND_SECONDS, AT(ack_gap_s) },
	{ ENGINE "ColdStartTimeout",    KIND_SECONDS, AT(limits.cold_start_s) },
	{ ENGINE "ConnectionCleanupTimeout", KIND_SECONDS, AT(limits.cleanup_s) },
	{ ENGINE "ConnectionsCleanupMax", KIND_NUMBER, AT(limits.cleanup_max) },
	{ ENGINE "ConnectionsNumTcpMax", KIND_NUMBER, AT(limits.max_tcp) },
	{ ENGINE "ConnectionsNumUdpMax", KIND_NUMBER, AT(limits.max_udp) },
	{ ENGINE "ConnectionsNumIcmpMax", KIND_NUMBER, AT(limits.max_icmp) },
	{ "firewallSettingAntiEvasionTcpPawsWindowPolicy", KIND_NUMBER, AT(limits.paws_window) },
	{ ENGINE "TcpMssLimit",         KIND_NUMBER,  AT(limits.mss_min) },
	{ ENGINE "FragmentOffsetMin",   KIND_NUMBER,  AT(fragments.offset_min) },
	{ ENGINE "FragmentSizeMin",     KIND_NUMBER,  AT(fragments.size_min) },
	{ ENGINE "DropIpv6FragmentsLowerThanMinMtuEnabled", KIND_BOOL, AT(fragments.ipv6_min_mtu) },
	{ ENGINE "TunnelDepthMax",      KIND_NUMBER,  AT(checks.tunnel_depth) },
	{ ENGINE "DropTeredoAnomaliesEnabled", KIND_BOOL, AT(checks.teredo_anomalies) },
	{ ENGINE "StrictTerodoPortCheckEnabled", KIND_NOT, AT(checks.teredo_any_port) },
	{ ENGINE "Drop6To4BogonsAddressesEnabled", KIND_BOOL, AT(checks.bogons_6to4) },
	{ ENGINE "DropIpv6BogonsAddressesEnabled", KIND_BOOL, AT(checks.bogons_ipv6) },
	{ ENGINE "DropIpv6ReservedAddressesEnabled", KIND_BOOL, AT(checks.reserved_ipv6) },
	{ ENGINE "DropIpv6SiteLocalAddressesEnabled", KIND_BOOL, AT(checks.site_local) },
	{ ENGINE "DropIpv6ExtType0Enabled", KIND_BOOL, AT(checks.routing_type0) },
	{ ENGINE "DropIpZeroPayloadEnabled", KIND_BOOL, AT(checks.zero_payload) },
	{ ENGINE "BlockSameSrcDstIpEnabled", KIND_BOOL, AT(checks.same_address) },
	{ ENGINE "AllowNullIpEnabled",  KIND_NOT,     AT(checks.no_null_ip) },
	{ ENGINE "BlockIpv6Agent9AndLaterEnabled", KIND_BOOL, AT(checks.no_ipv6) },
	{ ENGINE "VerifyTcpChecksumEnabled", KIND_BOOL, AT(checks.tcp_checksum) },
	{ ENGINE "LogEventsPerSecondMax", KIND_NUMBER, AT(events_per_second) },
	{ ENGINE "LogAllPacketDataEnabled", KIND_BOOL, AT(log_all_data) },
	{ ENGINE "LogOnePacketWithinPeriodEnabled", KIND_BOOL, AT(log_one_per_period) },
	{ ENGINE "LogOnePacketPeriod",  KIND_SECONDS, AT(log_period_s) },
	{ ENGINE "LogPacketLengthMax",  KIND_NUMBER,  AT(packet_data_max) },
	{ ENGINE "GenerateConnectionEventsTcpEnabled", KIND_BOOL, AT(connection_events[0]) },
	{ ENGINE "GenerateConnectionEventsUdpEnabled", KIND_BOOL, AT(connection_events[1]) },
	{ ENGINE "GenerateConnectionEventsIcmpEnabled", KIND_BOOL, AT(connection_events[2]) },
	{ ENGINE "SilentTcpConnectionDropEnabled", KIND_BOOL, AT(silent_drop) },
	{ ENGINE "IgnoreStatusCode0",   KIND_NUMBER,  AT(ignore_reasons[0]) },
	{ ENGINE "IgnoreStatusCode1",   KIND_NUMBER,  AT(ignore_reasons[1]) },
	{ ENGINE "IgnoreStatusCode2",   KIND_NUMBER,  AT(ignore_reasons[2]) },
	{ "firewallSettingEventLogFileCachedEntriesNum", KIND_NUMBER, AT(fold_entries) },
	{ "firewallSettingEventLogFileCachedEntriesLifeTime", KIND_SECONDS, AT(fold_life_s) },
	{ "firewallSettingEventLogFileCachedEntriesStaleTime", KIND_SECONDS, AT(fold_stale_s) },
	{ "firewallSettingEventsOutOfAllowedPolicyEnabled", KIND_BOOL, AT(out_of_allowed_events) },
	{ "firewallSettingVirtualAndContainerNetworkScanEnabled", KIND_BOOL, AT(forward) },
	{ "firewallSettingSynFloodProtectionThreshold", KIND_NUMBER, AT(syn_flood) },
	{ "firewallSettingInterfaceIsolationEnabled", KIND_BOOL, AT(isolation) },
	{ "firewallSettingInterfaceLimitOneActiveEnabled", KIND_BOOL, AT(one_interface) },
	{ ANTI("Paws"),                 KIND_POSTURE, EVASION(EVASION_TIMESTAMP) },
	{ ANTI("TcpPawsZero"),          KIND_POSTURE, EVASION(EVASION_PAWS_ZERO) },
	{ ANTI("FragmentedPackets"),    KIND_POSTURE, EVASION(EVASION_FRAGMENTS) },
	{ ANTI("TcpZeroFlags"),         KIND_POSTURE, EVASION(EVASION_ZERO_FLAGS) },
	{ ANTI("TcpCongestionFlags"),   KIND_POSTURE, EVASION(EVASION_CONGESTION) },
	{ ANTI("TcpUrgentFlags"),       KIND_POSTURE, EVASION(EVASION_URGENT) },
	{ ANTI("TcpSynFinFlags"),       KIND_POSTURE, EVASION(EVASION_SYN_FIN) },
	{ ANTI("TcpSynRstFlags"),       KIND_POSTURE, EVASION(EVASION_SYN_RST) },
	{ ANTI("TcpRstFinFlags"),       KIND_POSTURE, EVASION(EVASION_RST_FIN) },
	{ ANTI("TcpSynWithData"),       KIND_POSTURE, EVASION(EVASION_SYN_DATA) },
	{ ANTI("TcpSplitHandshake"),    KIND_POSTURE, EVASION(EVASION_SPLIT) },
	{ ANTI("RstNoConnection"),      KIND_POSTURE, EVASION(EVASION_RST_OUT) },
	{ ANTI("FinNoConnection"),      KIND_POSTURE, EVASION(EVASION_FIN_OUT) },
	{ ANTI("OutNoConnection"),      KIND_POSTURE, EVASION(EVASION_OUT_OUT) },
	{ ANTI("EvasiveRetransmit"),    KIND_POSTURE, EVASION(EVASION_RETRANSMIT) },
	{ ANTI("TcpChecksum"),          KIND_POSTURE, EVASION(EVASION_CHECKSUM) },
	{ RECON("Enabled"),             KIND_BOOL,    AT(recon.on) },
	{ RECON("DetectFingerprintProbeEnabled"), KIND_BOOL, AT(recon.detect[RECON_FINGERPRINT]) },
	{ RECON("DetectNetworkOrPortScanEnabled"), KIND_BOOL, AT(recon.detect[RECON_SCAN]) },
	{ RECON("DetectTcpNullScanEnabled"), KIND_BOOL, AT(recon.detect[RECON_NULL]) },
	{ RECON("DetectTcpSynFinScanEnabled"), KIND_BOOL, AT(recon.detect[RECON_SYN_FIN]) },
	{ RECON("DetectTcpXmasAttackEnabled"), KIND_BOOL, AT(recon.detect[RECON_XMAS]) },
	{ RECON("NotifyFingerprintProbeEnabled"), KIND_BOOL, AT(recon.notify[RECON_FINGERPRINT]) },
	{ RECON("NotifyNetworkOrPortScanEnabled"), KIND_BOOL, AT(recon.notify[RECON_SCAN]) },
	{ RECON("NotifyTcpNullScanEnabled"), KIND_BOOL, AT(recon.notify[RECON_NULL]) },
	{ RECON("NotifyTcpSynFinScanEnabled"), KIND_BOOL, AT(recon.notify[RECON_SYN_FIN]) },
	{ RECON("NotifyTcpXmasAttackEnabled"), KIND_BOOL, AT(recon.notify[RECON_XMAS]) },
	{ RECON("BlockFingerprintProbeDuration"), KIND_MINUTES, AT(recon.block_min[RECON_FINGERPRINT]) },
	{ RECON("BlockNetworkOrPortScanDuration"), KIND_MINUTES, AT(recon.block_min[RECON_SCAN]) },
	{ RECON("BlockTcpNullScanDuration"), KIND_MINUTES, AT(recon.block_min[RECON_NULL]) },
	{ RECON("BlockTcpSynFinScanDuration"), KIND_MINUTES, AT(recon.block_min[RECON_SYN_FIN]) },
	{ RECON("BlockTcpXmasAttackDuration"), KIND_MINUTES, AT(recon.block_min[RECON_XMAS]) },
};
/* clang-format on */

static const char *text_of(const json_t *settings, const char *name)
{
	const char *text = json_text(settings, name, "");
	const struct setting *s = *text ? NULL : setting_find(SCOPE_POLICY, name);
	return s ? s->otherwise : text;
}

/* The number that a text begins with: "1500 Bytes"; none ("No Limit", "None"): 0. */
static uint32_t leading(const char *text)
{
	uint64_t v = 0;
	size_t n = strspn(text, "0123456789");
	return str_u64((struct str){ text, n }, 0, UINT32_MAX, &v) < 0 ? 0 : (uint32_t)v;
}

static enum posture posture_of(const char *text)
{
	static const char *const words[] = {
		[POSTURE_ALLOW] = "Allow",   [POSTURE_LOG] = "Log Only",
		[POSTURE_DENY] = "Deny",     [POSTURE_DENY_SILENT] = "Deny Silent",
		[POSTURE_IGNORE] = "Ignore",
	};
	for (unsigned i = 0; i < ARRAY_LEN(words); i++)
		if (strcmp(words[i], text) == 0)
			return (enum posture)i;
	return POSTURE_ALLOW;
}

static void fill(struct rules *r, const struct row *row, const char *text)
{
	void *at = (char *)r + row->at;
	uint32_t n = 0;
	switch (row->kind) {
	case KIND_BOOL:
		*(bool *)at = str_eq_nocase(str_of(text), STR("true"));
		return;
	case KIND_NOT:
		*(bool *)at = !str_eq_nocase(str_of(text), STR("true"));
		return;
	case KIND_POSTURE:
		*(enum posture *)at = posture_of(text);
		return;
	case KIND_SECONDS:
		n = (uint32_t)setting_seconds(str_of(text));
		break;
	case KIND_NUMBER:
	case KIND_MINUTES:
		n = leading(text);
		break;
	}
	memcpy(at, &n, sizeof(n));
}

/* Normal: the defaults; Strict: everything that is odd is refused. */
static void apply_posture(struct rules *r, const char *posture)
{
	if (strcmp(posture, "Custom") == 0)
		return;
	if (strcmp(posture, "Strict") == 0) {
		for (int i = 0; i < EVASION_COUNT; i++)
			r->limits.evasion[i] = POSTURE_DENY;
		return;
	}
	memcpy(r->limits.evasion, flow_limits_default.evasion, sizeof(r->limits.evasion));
}

static int take_list(struct ip_list *out, const json_t *policy, const json_t *settings,
                     const char *name, struct err *why)
{
	uint64_t id = leading(json_text(settings, name, ""));
	const json_t *list = id ? object_by_id(policy, "ipLists", id) : NULL;
	if (id && !list)
		return err_set(why, -ENOENT, "%s %llu is not known", name, (unsigned long long)id);
	int rc = ip_list_parse(out, json_object_get(list, "items"), why);
	return rc < 0 ? err_add(why, rc, "%s", name) : 0;
}

static enum tunnel_answer tunnel_of(const char *text)
{
	if (strncmp(text, "Drop", 4) == 0)
		return TUNNEL_DROP;
	return strncmp(text, "Detect", 6) == 0 ? TUNNEL_LOOK : TUNNEL_LEAVE;
}

static void take_patterns(struct rules *r, const char *text)
{
	struct str rest = str_of(text);
	r->interface_patterns = xcalloc(rest.n / 2 + 2, sizeof(*r->interface_patterns));
	while (rest.p) {
		struct str line = str_trim(str_cut(&rest, '\n'));
		if (line.n)
			r->interface_patterns[r->npatterns++] = str_dup(line);
	}
}

static bool is(const json_t *settings, const char *name, const char *value)
{
	return strcmp(text_of(settings, name), value) == 0;
}

int fw_settings_parse(struct rules *r, const json_t *policy, struct err *why)
{
	const json_t *s = json_object_at(policy, "settings");
	r->limits = flow_limits_default;
	r->checks = packet_checks_default;
	r->fragments = reassembly_limits_default;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		fill(r, &rows[i], text_of(s, rows[i].name));
	apply_posture(r, text_of(s, "firewallSettingAntiEvasionSecurityPosture"));
	r->checks.tcp_checksum |= r->limits.evasion[EVASION_CHECKSUM] != POSTURE_ALLOW;
	r->checks.tunnel_bypass = is(s, ENGINE "TunnelDepthMaxExceededAction", "Bypass");
	r->checks.ipv4_tunnels = tunnel_of(text_of(s, ENGINE "FilterIpv4Tunnels"));
	r->checks.ipv6_tunnels = tunnel_of(text_of(s, ENGINE "FilterIpv6Tunnels"));
	r->tap = is(s, "firewallSettingNetworkEngineMode", "Tap");
	r->fail_open_engine = is(s, "firewallSettingFailureResponseEngineSystem", "Fail open");
	r->fail_open_sanity = is(s, "firewallSettingFailureResponsePacketSanityCheck", "Fail open");
	take_patterns(r, json_text(s, "firewallSettingInterfacePatterns", ""));
	int rc = take_list(&r->recon.exclude, policy, s,
	                   "firewallSettingReconnaissanceExcludeIpListId", why);
	if (rc == 0)
		rc = take_list(&r->recon.include, policy, s,
		               "firewallSettingReconnaissanceIncludeIpListId", why);
	if (rc == 0)
		rc = take_list(&r->ignore_sources, policy, s,
		               "firewallSettingEventLogFileIgnoreSourceIpListId", why);
	return rc;
}
