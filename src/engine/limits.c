#include "engine/flow.h"
#include "engine/reassembly.h"

/* clang-format off */
const struct flow_limits flow_limits_default = {
	.timeout_s = {
		[FLOW_SYN_SENT] = 20,
		[FLOW_SYN_RCVD] = 60,
		[FLOW_ESTABLISHED] = 3 * 3600,
		[FLOW_FIN_WAIT1] = 120,
		[FLOW_CLOSE_WAIT] = 120,
		[FLOW_CLOSING] = 1,
		[FLOW_LAST_ACK] = 30,
		[FLOW_CLOSED] = 0,
		[FLOW_DISCONNECT] = 60,
		[FLOW_ERROR] = 10,
		[FLOW_UDP] = 20,
		[FLOW_ICMP] = 60,
	},
	.max_tcp = 1000000,
	.max_udp = 1000000,
	.max_icmp = 10000,
	.cold_start_s = 300,
	.cleanup_s = 10,
	.cleanup_max = 1000,
	.mss_min = 128,
	.evasion = {
		[EVASION_TIMESTAMP] = POSTURE_IGNORE,
		[EVASION_PAWS_ZERO] = POSTURE_ALLOW,
		[EVASION_FRAGMENTS] = POSTURE_ALLOW,
		[EVASION_ZERO_FLAGS] = POSTURE_DENY,
		[EVASION_CONGESTION] = POSTURE_ALLOW,
		[EVASION_URGENT] = POSTURE_ALLOW,
		[EVASION_SYN_FIN] = POSTURE_DENY,
		[EVASION_SYN_RST] = POSTURE_DENY,
		[EVASION_RST_FIN] = POSTURE_DENY,
		[EVASION_SYN_DATA] = POSTURE_DENY,
		[EVASION_SPLIT] = POSTURE_DENY,
		[EVASION_RST_OUT] = POSTURE_ALLOW,
		[EVASION_FIN_OUT] = POSTURE_ALLOW,
		[EVASION_OUT_OUT] = POSTURE_ALLOW,
		[EVASION_RETRANSMIT] = POSTURE_ALLOW,
		[EVASION_CHECKSUM] = POSTURE_ALLOW,
	},
};
/* clang-format on */

bool flow_limits_need_all(const struct flow_limits *l)
{
	static const enum evasion each[] = { EVASION_TIMESTAMP, EVASION_PAWS_ZERO,
		                             EVASION_RETRANSMIT, EVASION_CHECKSUM };
	for (size_t i = 0; i < sizeof(each) / sizeof(each[0]); i++)
		if (l->evasion[each[i]] != POSTURE_ALLOW && l->evasion[each[i]] != POSTURE_IGNORE)
			return true;
	return false;
}

const struct reassembly_limits reassembly_limits_default = {
	.keep_max = 1000,
	.timeout_s = 60,
	.size_min = 120,
	.offset_min = 60,
	.ipv6_min_mtu = true,
};
