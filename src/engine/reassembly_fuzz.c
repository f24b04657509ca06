#include <assert.h>
#include <string.h>

#include "engine/flow.h"
#include "engine/reassembly.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/*
 * Packets, each behind two bytes of length (high byte first; the top bit: outgoing), go through
 * reassembly and the flow table, a second apart.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint64_t key[2] = { 1, 2 };
	static const struct flow_rules rules = {
		.tcp = true, .udp = true, .icmp = true, .max_incoming = 3, .max_half_open = 2
	};
	struct reassembly *r = reassembly_new(NULL, 1 << 16, key);
	struct flows *f = flows_new(4, NULL, key, 0);
	for (uint64_t now = 0; size >= 2; now += 1000) {
		size_t n = (size_t)(data[0] & 0x7f) << 8 | data[1];
		struct packet p = { .direction = data[0] & 0x80 ? PACKET_OUT : PACKET_IN };
		const uint8_t *at = data + 2, *whole = NULL;
		n = n < size - 2 ? n : size - 2;
		data += 2 + n;
		size -= 2 + n;
		enum reason why = packet_decode(&p, PACKET_IP, at, n, NULL);
		size_t whole_len = 0;
		if (why == REASON_NONE && p.fragment) {
			if (reassembly_see(r, &p, now, &whole, &whole_len, &why) !=
			    REASSEMBLY_WHOLE)
				continue;
			why = packet_decode(&p, PACKET_IP, whole, whole_len, NULL);
			assert(!p.fragment || p.tunnel || p.src.version == 6);
		}
		if (why == REASON_NONE)
			flow_see(f, &p, &rules, true, now);
		assert(flows_count(f, FLOW_UDP) <= 4 && flows_count(f, FLOW_ESTABLISHED) <= 4);
	}
	reassembly_free(r);
	flows_free(f);
	return 0;
}
