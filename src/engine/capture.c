#include "engine/capture.h"

#include <errno.h>
#include <string.h>

#include "engine/decode.h"

enum {
	PCAP_HEADER = 24,
	PCAP_RECORD = 16,
	BLOCK_SECTION = 0x0a0d0d0a,
	BLOCK_INTERFACE = 1,
	BLOCK_OLD_PACKET = 2,
	BLOCK_SIMPLE = 3,
	BLOCK_PACKET = 6,
	BYTE_ORDER_MAGIC = 0x1a2b3c4d,
	OPTION_RESOLUTION = 9,
	OPTION_FLAGS = 2,
	PACKET_MAX = 1 << 20,
};

enum {
	LINK_NULL = 0,
	LINK_ETHERNET = 1,
	LINK_RAW_BSD = 12,
	LINK_RAW_OPENBSD = 14,
	LINK_RAW = 101,
	LINK_LOOP = 108,
	LINK_COOKED = 113,
	LINK_IPV4 = 228,
	LINK_IPV6 = 229,
	LINK_COOKED2 = 276,
};

static uint32_t u32(const struct capture *c, size_t at)
{
	const uint8_t *p = c->p + at;
	if (!c->little)
		return get32(p);
	return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

static uint16_t u16(const struct capture *c, size_t at)
{
	const uint8_t *p = c->p + at;
	return c->little ? (uint16_t)(p[1] << 8 | p[0]) : get16(p);
}

static int damaged(const struct capture *c, struct err *why)
{
	return err_set(why, -EBADMSG, "the capture is damaged at byte %zu", c->at);
}

static int open_pcap(struct capture *c, struct err *why)
{
	static const struct {
		uint32_t magic;
		uint64_t per_second;
	} magics[] = { { 0xa1b2c3d4, 1000000 }, { 0xa1b23c4d, 1000000000 } };
	for (int i = 0; i < 4 && c->n >= PCAP_HEADER; i++) {
		c->little = i / 2;
		if (u32(c, 0) != magics[i % 2].magic)
			continue;
		c->interfaces[0] = (struct capture_interface){ (uint16_t)u32(c, 20),
			                                       magics[i % 2].per_second };
		c->ninterfaces = 1;
		c->at = PCAP_HEADER;
		return 0;
	}
	return err_set(why, -EINVAL, "it is neither pcap nor pcapng");
}

int capture_open(struct capture *c, const void *p, size_t n, struct err *why)
{
	*c = (struct capture){ .p = p, .n = n };
	if (n < 12 || get32(c->p) != BLOCK_SECTION)
		return open_pcap(c, why);
	c->ng = true;
	return 0;
}

/* ---- what is below the cooked headers ---- */

static void skip(struct capture_packet *out, size_t n)
{
	out->data += n;
	out->len -= n;
	out->wire_len -= n < out->wire_len ? n : out->wire_len;
}

/* LINKTYPE_LINUX_SLL and SLL2: packet type 4 is outgoing. */
static void cooked(struct capture_packet *out, size_t header, size_t type_at, size_t proto_at)
{
	if (out->len < header)
		return;
	unsigned type = header == 20 ? out->data[type_at] : get16(out->data + type_at);
	unsigned proto = get16(out->data + proto_at);
	out->outgoing = type == 4;
	out->link = PACKET_IP;
	out->readable = proto == FRAME_TYPE_IPV4 || proto == FRAME_TYPE_IPV6;
	skip(out, header);
}

static void look_below(struct capture_packet *out, unsigned link)
{
	out->link = PACKET_IP;
	out->readable = true;
	switch (link) {
	case LINK_ETHERNET:
		out->link = PACKET_ETHERNET;
		return;
	case LINK_RAW:
	case LINK_RAW_BSD:
	case LINK_RAW_OPENBSD:
	case LINK_IPV4:
	case LINK_IPV6:
		return;
	case LINK_NULL:
	case LINK_LOOP:
		out->readable = out->len >= 4;
		skip(out, out->readable ? 4 : 0);
		return;
	case LINK_COOKED:
		out->readable = false;
		cooked(out, 16, 0, 14);
		return;
	case LINK_COOKED2:
		out->readable = false;
		cooked(out, 20, 10, 0);
		return;
	default:
		out->readable = false;
		return;
	}
}

static uint64_t to_ms(uint64_t stamp, uint64_t per_second)
{
	return stamp / per_second * 1000 + stamp % per_second * 1000 / per_second;
}

/* ---- pcap ---- */

static int next_pcap(struct capture *c, struct capture_packet *out, struct err *why)
{
	if (c->at == c->n)
		return 0;
	if (c->n - c->at < PCAP_RECORD)
		return damaged(c, why);
	uint64_t unit = c->interfaces[0].per_second;
	size_t len = u32(c, c->at + 8);
	if (len > PACKET_MAX || len > c->n - c->at - PCAP_RECORD)
		return damaged(c, why);
	*out = (struct capture_packet){
		.data = c->p + c->at + PCAP_RECORD,
		.len = len,
		.wire_len = u32(c, c->at + 12),
		.when_ms =
			(uint64_t)u32(c, c->at) * 1000 + (uint64_t)u32(c, c->at + 4) * 1000 / unit,
		.outgoing = -1,
	};
	c->at += PCAP_RECORD + len;
	look_below(out, c->interfaces[0].link);
	return 1;
}

/* ---- pcapng: draft-ietf-opsawg-pcapng ---- */

/* An option's value, or NULL; n gets its length. */
static const uint8_t *option(const struct capture *c, size_t at, size_t end, unsigned wanted,
                             size_t *n)
{
	while (end - at >= 4) {
		unsigned code = u16(c, at);
		*n = u16(c, at + 2);
		if (code == 0 || *n > end - at - 4)
			return NULL;
		if (code == wanted)
			return c->p + at + 4;
		size_t whole = 4 + ((*n + 3) & ~(size_t)3);
		if (whole > end - at)
			return NULL;
		at += whole;
	}
	return NULL;
}

static uint64_t resolution(const uint8_t *v)
{
	uint64_t per_second = 1;
	unsigned power = v ? *v & 0x7f : 6;
	if (v && (*v & 0x80))
		return power < 40 ? 1ull << power : 1000000;
	for (unsigned i = 0; i < power && i < 12; i++)
		per_second *= 10;
	return per_second;
}

static void add_interface(struct capture *c, size_t at, size_t end)
{
	size_t n = 0;
	if (end - at < 8 || c->ninterfaces == CAPTURE_INTERFACES)
		return;
	const uint8_t *v = option(c, at + 8, end, OPTION_RESOLUTION, &n);
	c->interfaces[c->ninterfaces++] =
		(struct capture_interface){ u16(c, at), resolution(n ? v : NULL) };
}

/* false: it belongs to no interface that was described. */
static bool packet_block(struct capture *c, struct capture_packet *out, bool old, size_t at,
                         size_t end)
{
	size_t n = 0;
	if (end - at < 20)
		return false;
	unsigned interface = old ? u16(c, at) : u32(c, at);
	size_t len = u32(c, at + 12);
	if (interface >= c->ninterfaces || len > end - at - 20)
		return false;
	const struct capture_interface *i = &c->interfaces[interface];
	*out = (struct capture_packet){
		.data = c->p + at + 20,
		.len = len,
		.wire_len = u32(c, at + 16),
		.when_ms = to_ms((uint64_t)u32(c, at + 4) << 32 | u32(c, at + 8), i->per_second),
		.outgoing = -1,
		.interface = interface,
	};
	size_t options = at + 20 + ((len + 3) & ~(size_t)3);
	const uint8_t *flags = options < end ? option(c, options, end, OPTION_FLAGS, &n) : NULL;
	unsigned way =
		flags && n == 4 ? u16(c, (size_t)(flags - c->p) + (c->little ? 0 : 2)) & 3 : 0;
	out->outgoing = way == 0 || way == 3 ? -1 : way == 2;
	look_below(out, i->link);
	return true;
}

static bool simple_block(struct capture *c, struct capture_packet *out, size_t at, size_t end)
{
	if (end - at < 4 || !c->ninterfaces)
		return false;
	size_t wire = u32(c, at), len = wire < end - at - 4 ? wire : end - at - 4;
	*out = (struct capture_packet){
		.data = c->p + at + 4, .len = len, .wire_len = wire, .outgoing = -1
	};
	look_below(out, c->interfaces[0].link);
	return true;
}

/* A section's own byte order holds from its first block on. */
static int begin_section(struct capture *c, struct err *why)
{
	if (c->n - c->at < 12)
		return damaged(c, why);
	c->little = false;
	if (u32(c, c->at + 8) != BYTE_ORDER_MAGIC)
		c->little = true;
	c->ninterfaces = 0;
	return u32(c, c->at + 8) == BYTE_ORDER_MAGIC ? 0 : damaged(c, why);
}

static bool read_packet(struct capture *c, struct capture_packet *out, uint32_t type, size_t at,
                        size_t end)
{
	if (type == BLOCK_SIMPLE)
		return simple_block(c, out, at, end);
	return (type == BLOCK_PACKET || type == BLOCK_OLD_PACKET) &&
	       packet_block(c, out, type == BLOCK_OLD_PACKET, at, end);
}

static int next_ng(struct capture *c, struct capture_packet *out, struct err *why)
{
	while (c->n - c->at >= 12) {
		if (get32(c->p + c->at) == BLOCK_SECTION && begin_section(c, why) < 0)
			return -EBADMSG;
		uint32_t type = u32(c, c->at);
		size_t len = u32(c, c->at + 4), at = c->at + 8;
		if (len < 12 || len % 4 || len > c->n - c->at)
			return damaged(c, why);
		size_t end = c->at + len - 4;
		c->at += len;
		if (type == BLOCK_INTERFACE)
			add_interface(c, at, end);
		else if (read_packet(c, out, type, at, end))
			return 1;
	}
	return c->at == c->n ? 0 : damaged(c, why);
}

int capture_next(struct capture *c, struct capture_packet *out, struct err *why)
{
	return c->ng ? next_ng(c, out, why) : next_pcap(c, out, why);
}
