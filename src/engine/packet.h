#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * One packet, decoded in place: nothing is allocated and nothing copied but addresses and numbers;
 * data stays the caller's and must outlive the struct. GSO packets (up to 64 KiB) are packets.
 */

/* An address that sorts with memcmp(): IPv4 uses the first 4 bytes of b, the rest is zero. */
struct ip {
	uint8_t version; /* 4 or 6, 0: none */
	uint8_t b[16];
};

enum packet_link { PACKET_ETHERNET, PACKET_IP /* starts with an IPv4 or IPv6 header */ };

enum packet_direction { PACKET_IN, PACKET_OUT };

enum tcp_flag {
	TCP_FIN = 0x01,
	TCP_SYN = 0x02,
	TCP_RST = 0x04,
	TCP_PSH = 0x08,
	TCP_ACK = 0x10,
	TCP_URG = 0x20,
	TCP_ECE = 0x40,
	TCP_CWR = 0x80,
};

/* What the packet's protocol number says, of those that the engine knows. */
enum ip_proto {
	PROTO_HOP = 0,
	PROTO_ICMP = 1,
	PROTO_IGMP = 2,
	PROTO_IPIP = 4,
	PROTO_TCP = 6,
	PROTO_UDP = 17,
	PROTO_6IN4 = 41,
	PROTO_ROUTING = 43,
	PROTO_FRAGMENT = 44,
	PROTO_GRE = 47,
	PROTO_ESP = 50,
	PROTO_AH = 51,
	PROTO_ICMPV6 = 58,
	PROTO_NONE = 59,
	PROTO_DSTOPTS = 60,
};

/* The reasons of Deep Security's firewall events that the engine gives; reason_find() has words. */
enum reason {
	REASON_NONE = 0,
	REASON_OUT_OF_CONNECTION = 100,
	REASON_INVALID_FLAGS = 101,
	REASON_INVALID_SEQUENCE = 102,
	REASON_INVALID_ACK = 103,
	REASON_INTERNAL = 104,
	REASON_CE_FLAGS = 105,
	REASON_INVALID_IP = 106,
	REASON_IP_LENGTH = 107,
	REASON_FRAGMENTED = 108,
	REASON_FRAGMENT_OFFSET = 109,
	REASON_FIRST_FRAGMENT_SMALL = 110,
	REASON_FRAGMENT_BOUNDS = 111,
	REASON_FRAGMENT_OFFSET_SMALL = 112,
	REASON_IPV6 = 113,
	REASON_MAX_INCOMING = 114,
	REASON_MAX_OUTGOING = 115,
	REASON_MAX_SYN = 116,
	REASON_IP_VERSION = 118,
	REASON_PACKET_INFO = 119,
	REASON_ENGINE = 120,
	REASON_UNSOLICITED_UDP = 121,
	REASON_UNSOLICITED_ICMP = 122,
	REASON_OUT_OF_ALLOWED = 123,
	REASON_SYN_COOKIE = 125,
	REASON_DATA_OFFSET = 126,
	REASON_NO_IP = 127,
	REASON_ETHERNET = 128,
	REASON_UNDEFINED = 129,
	REASON_SAME_ADDRESS = 130,
	REASON_TCP_LENGTH = 131,
	REASON_PROTOCOL_HEADER = 132,
	REASON_IPV4_HEADER = 133,
	REASON_UNKNOWN_IP_VERSION = 134,
	REASON_OVERLAP = 136,
	REASON_CLOSED = 138,
	REASON_RETRANSMIT = 139,
	REASON_OPEN_PORT = 141,
	REASON_NEW_CONNECTION = 142,
	REASON_CHECKSUM = 143,
	REASON_ZERO_PAYLOAD = 145,
	REASON_IPV6_MULTICAST_SOURCE = 146,
	REASON_IPV6_ADDRESS = 147,
	REASON_IPV6_FRAGMENT_SMALL = 148,
	REASON_TRANSPORT_LENGTH = 149,
	REASON_MEMORY = 150,
	REASON_MAX_TCP = 151,
	REASON_MAX_UDP = 152,
};

struct reason_words {
	unsigned number;
	const char *en, *ja;
};

extern const struct reason_words reasons[];              /* {0} last */
const struct reason_words *reason_find(unsigned number); /* or NULL */

enum tunnel_answer { TUNNEL_LEAVE, TUNNEL_LOOK, TUNNEL_DROP };

/* What a decoder takes for wrong besides what cannot be read: behaviour 3.5. */
struct packet_checks {
	unsigned tunnel_depth; /* tunnels inside tunnels that are looked into, at most 10 */
	bool tunnel_bypass;    /* deeper ones are left alone instead of being refused */
	enum tunnel_answer ipv4_tunnels, ipv6_tunnels; /* by what is carried */
	bool teredo_anomalies, teredo_any_port;
	bool bogons_6to4, bogons_ipv6, reserved_ipv6, site_local;
	bool routing_type0;
	bool zero_payload, same_address, no_null_ip, no_ipv6;
	bool tcp_checksum; /* verify; never for GSO packets (the agent says so in `partial`) */
};

extern const struct packet_checks packet_checks_default; /* the defaults of behaviour 3.5 */

/* TCP options that matter. */
struct tcp_options {
	uint16_t mss;   /* 0: absent */
	uint8_t wscale; /* valid with has_wscale */
	bool has_wscale, has_timestamp, sack;
	uint32_t tsval, tsecr;
};

struct packet {
	/* The sensor's words; packet_decode() leaves them alone. */
	enum packet_direction direction;
	uint32_t ifindex;
	const char *ifname; /* borrowed, may be NULL */
	uint64_t when_ms;   /* the wall clock */
	bool partial;       /* checksums are not ready (GSO, offload) */
	bool reassembled;   /* out of fragments */

	/* What packet_decode() found. */
	const uint8_t *data; /* borrowed: from the link header on */
	size_t len;
	uint16_t frame; /* EtherType behind VLAN tags: 0x0800, 0x86dd, 0x0806, ... */
	uint8_t vlans;  /* how many tags */
	uint16_t vlan;  /* the outermost tag's identifier */
	bool has_mac;   /* PACKET_IP: the sensor may set the MACs afterwards */
	uint8_t src_mac[6], dst_mac[6];

	struct ip src, dst;
	uint8_t proto; /* IPv6: behind the extension headers */
	uint8_t ttl;
	uint8_t tunnel;     /* how many tunnels were opened: addresses are the innermost's */
	uint32_t network;   /* offset of the (innermost) IP header in data */
	uint32_t transport; /* offset of the transport header; 0: none (a later fragment) */
	uint32_t payload,
		payload_len; /* offset and length of what is behind the transport header */
	uint32_t ip_len;     /* whole datagram with its header, as it says itself */

	bool fragment, more;
	uint32_t fragment_id, fragment_offset; /* bytes */
	uint32_t fragment_data, fragment_len; /* offset in data and length of the fragment's part */

	uint16_t sport, dport; /* TCP, UDP */
	uint8_t tcp_flags;
	uint32_t seq, ack;
	uint16_t window, urgent;
	struct tcp_options tcp;

	uint8_t icmp_type, icmp_code; /* ICMP, ICMPv6 */
	uint16_t icmp_id, icmp_seq;   /* echo */
	/* The packet that an ICMP error speaks of. */
	bool has_inner;
	struct ip inner_src, inner_dst;
	uint8_t inner_proto;
	uint16_t inner_sport, inner_dport;

	uint16_t arp_op;
};

/*
 * Decodes as much as can be read and returns REASON_NONE, or the reason why the packet is
 * malformed; what was found before the fault stays in p. checks NULL: the defaults.
 */
enum reason packet_decode(struct packet *p, enum packet_link link, const uint8_t *data, size_t len,
                          const struct packet_checks *checks);

/*
 * Do the checksums of IPv4, TCP and UDP hold, as the kernel would see it? True where there is none,
 * or where they are not ready (p->partial). Of a decoded packet; fragments' inside is not looked
 * at.
 */
bool packet_checksum_holds(const struct packet *p);

static inline bool packet_is_ip(const struct packet *p)
{
	return p->src.version != 0;
}

/* "192.0.2.1", "2001:db8::1"; out holds at least 46 bytes. */
const char *ip_text(const struct ip *ip, char out[static 46]);
/* 0, or -EINVAL: all of the text is one address. */
int ip_parse(const char *text, struct ip *out);
