#include <assert.h>

#include "engine/packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* First byte: the link and the checks; the rest is the packet. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct packet p = { 0 };
	struct packet_checks c = packet_checks_default;
	if (!size)
		return 0;
	p.partial = data[0] & 2;
	c.ipv4_tunnels = c.ipv6_tunnels = data[0] & 4 ? TUNNEL_LOOK : TUNNEL_LEAVE;
	c.teredo_any_port = data[0] & 8;
	c.tcp_checksum = data[0] & 16;
	c.tunnel_depth = data[0] >> 5;
	c.routing_type0 = c.zero_payload = c.reserved_ipv6 = data[0] & 16;
	packet_decode(&p, data[0] & 1 ? PACKET_ETHERNET : PACKET_IP, data + 1, size - 1, &c);
	assert(p.payload <= p.len && p.payload_len <= p.len - p.payload);
	assert(p.fragment_data <= p.len && p.fragment_len <= p.len - p.fragment_data);
	assert(p.transport <= p.len && p.network <= p.len);
	return 0;
}
