#include "engine/packet.h"

#include <string.h>

#include "engine/decode.h"

enum { ETHERNET_LEN = 14, VLAN_LEN = 4, VLANS_MAX = 4, ARP_LEN = 28 };

const struct packet_checks packet_checks_default = {
	.tunnel_depth = 1,
	.teredo_anomalies = true,
	.bogons_6to4 = true,
	.bogons_ipv6 = true,
	.reserved_ipv6 = true,
	.routing_type0 = true,
	.zero_payload = true,
	.same_address = true,
};

/* ARP and RARP for IPv4 over Ethernet; anything else of it has no addresses. */
static enum reason decode_arp(struct decoder *d, size_t at, size_t end)
{
	const uint8_t *h = d->p->data + at;
	if (end - at < 8)
		return REASON_PROTOCOL_HEADER;
	d->p->network = (uint32_t)at;
	d->p->arp_op = get16(h + 6);
	if (get16(h + 2) != FRAME_TYPE_IPV4 || h[4] != 6 || h[5] != 4)
		return REASON_NONE;
	return end - at < ARP_LEN ? REASON_PROTOCOL_HEADER : REASON_NONE;
}

enum reason decode_network(struct decoder *d, uint16_t frame, size_t at, size_t end)
{
	switch (frame) {
	case FRAME_TYPE_IPV4:
		return decode_ipv4(d, at, end);
	case FRAME_TYPE_IPV6:
		return d->checks->no_ipv6 ? REASON_IPV6 : decode_ipv6(d, at, end);
	case FRAME_TYPE_ARP:
	case FRAME_TYPE_RARP:
		return decode_arp(d, at, end);
	default:
		return REASON_NONE;
	}
}

static bool is_vlan(uint16_t type)
{
	return type == 0x8100 || type == 0x88a8 || type == 0x9100;
}

static enum reason decode_ethernet(struct decoder *d)
{
	struct packet *p = d->p;
	size_t at = ETHERNET_LEN;
	if (p->len < ETHERNET_LEN)
		return REASON_ETHERNET;
	memcpy(p->dst_mac, p->data, 6);
	memcpy(p->src_mac, p->data + 6, 6);
	p->has_mac = true;
	p->frame = get16(p->data + 12);
	while (is_vlan(p->frame)) {
		if (p->vlans == VLANS_MAX || p->len - at < VLAN_LEN)
			return REASON_ETHERNET;
		if (p->vlans++ == 0)
			p->vlan = get16(p->data + at) & 0xfff;
		p->frame = get16(p->data + at + 2);
		at += VLAN_LEN;
	}
	return decode_network(d, p->frame, at, p->len);
}

static enum reason decode_ip(struct decoder *d)
{
	if (d->p->len == 0)
		return REASON_NO_IP;
	switch (d->p->data[0] >> 4) {
	case 4:
		d->p->frame = FRAME_TYPE_IPV4;
		break;
	case 6:
		d->p->frame = FRAME_TYPE_IPV6;
		break;
	default:
		return REASON_UNKNOWN_IP_VERSION;
	}
	return decode_network(d, d->p->frame, 0, d->p->len);
}

static void forget(struct packet *p)
{
	*p = (struct packet){
		.direction = p->direction,
		.ifindex = p->ifindex,
		.ifname = p->ifname,
		.when_ms = p->when_ms,
		.partial = p->partial,
		.reassembled = p->reassembled,
	};
}

enum reason packet_decode(struct packet *p, enum packet_link link, const uint8_t *data, size_t len,
                          const struct packet_checks *checks)
{
	struct decoder d = { p, checks ? checks : &packet_checks_default };
	forget(p);
	p->data = data;
	p->len = len;
	return link == PACKET_ETHERNET ? decode_ethernet(&d) : decode_ip(&d);
}
