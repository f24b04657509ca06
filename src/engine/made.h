#pragma once
#include <arpa/inet.h>
#include <string.h>

#include "engine/packet.h"

/* Packets for tests: written from the outside in, lengths set by made_end(). No IP options. */
struct made {
	uint8_t b[2048];
	size_t n;
	size_t ip, udp; /* where they start; udp 0: none */
	bool v6;
};

static inline void made_16(struct made *m, unsigned v)
{
	m->b[m->n++] = (uint8_t)(v >> 8);
	m->b[m->n++] = (uint8_t)v;
}

static inline void made_32(struct made *m, uint32_t v)
{
	made_16(m, v >> 16);
	made_16(m, v & 0xffff);
}

static inline void made_bytes(struct made *m, const void *p, size_t n)
{
	if (p && n)
		memcpy(m->b + m->n, p, n);
	m->n += n;
}

static inline void made_fill(struct made *m, size_t n)
{
	memset(m->b + m->n, 'x', n);
	m->n += n;
}

static inline void made_ethernet(struct made *m, unsigned type)
{
	made_bytes(m, "\x02\0\0\0\0\x01\x02\0\0\0\0\x02", 12);
	made_16(m, type);
}

static inline void made_ip(struct made *m, const char *src, const char *dst, uint8_t proto)
{
	struct ip from = { 0 }, to = { 0 };
	ip_parse(src, &from);
	ip_parse(dst, &to);
	m->ip = m->n;
	m->v6 = from.version == 6;
	if (m->v6) {
		made_32(m, 0x60000000);
		made_32(m, (uint32_t)proto << 8 | 64);
		made_bytes(m, from.b, 16);
		made_bytes(m, to.b, 16);
		return;
	}
	made_32(m, 0x45000000);
	made_32(m, 0x12340000);
	made_32(m, 0x40000000u | (uint32_t)proto << 16);
	made_bytes(m, from.b, 4);
	made_bytes(m, to.b, 4);
}

static inline void made_tcp(struct made *m, uint16_t sport, uint16_t dport, uint8_t flags,
                            uint32_t seq, uint32_t ack)
{
	made_16(m, sport);
	made_16(m, dport);
	made_32(m, seq);
	made_32(m, ack);
	made_16(m, 0x5000u | flags);
	made_16(m, 65535);
	made_32(m, 0);
}

static inline void made_udp(struct made *m, uint16_t sport, uint16_t dport)
{
	m->udp = m->n;
	made_16(m, sport);
	made_16(m, dport);
	made_32(m, 0);
}

static inline void made_icmp(struct made *m, uint8_t type, uint8_t code, uint16_t id)
{
	made_16(m, (unsigned)type << 8 | code);
	made_16(m, 0);
	made_16(m, id);
	made_16(m, 1);
}

/* Writes the lengths of the last IP and UDP headers. */
static inline void made_end(struct made *m)
{
	size_t n = m->v6 ? m->n - m->ip - 40 : m->n - m->ip;
	uint8_t *at = m->b + m->ip + (m->v6 ? 4 : 2);
	at[0] = (uint8_t)(n >> 8);
	at[1] = (uint8_t)n;
	if (!m->udp)
		return;
	n = m->n - m->udp;
	m->b[m->udp + 4] = (uint8_t)(n >> 8);
	m->b[m->udp + 5] = (uint8_t)n;
}

static inline enum reason made_decode(struct made *m, struct packet *p)
{
	made_end(m);
	return packet_decode(p, PACKET_IP, m->b, m->n, NULL);
}
