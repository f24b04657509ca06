#pragma once
#include "module/intrusionprevention/match.h"

typedef bool condition_test(const struct condition *c, const struct look *l);

condition_test test_dsize, test_ttl, test_itype, test_icode, test_icmp_id, test_icmp_seq,
	test_ip_proto, test_id, test_tos, test_fragoffset, test_seq, test_ack, test_window,
	test_mss, test_flags, test_fragbits, test_sameip, test_ipopts, test_stream_size,
	test_app_protocol, test_number, test_tls_version, test_tls_state, test_dce_iface,
	test_dce_opnum, test_iprep, test_web_attack;
