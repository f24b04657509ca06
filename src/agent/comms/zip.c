#include "agent/comms/zip.h"

#include <stdint.h>
#include <string.h>

#include "base/wire.h"

/* CRC-32 of ISO 3309 as ZIP wants it, a nibble at a time. */
static uint32_t crc32(struct str s)
{
	static const uint32_t table[16] = { 0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac,
		                            0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
		                            0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
		                            0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c };
	uint32_t crc = ~UINT32_C(0);
	for (size_t i = 0; i < s.n; i++) {
		crc ^= (uint8_t)s.p[i];
		crc = (crc >> 4) ^ table[crc & 15];
		crc = (crc >> 4) ^ table[crc & 15];
	}
	return ~crc;
}

static void put16(struct buf *b, unsigned v)
{
	buf_char(b, (char)(v & 0xff));
	buf_char(b, (char)(v >> 8 & 0xff));
}

static void put32(struct buf *b, uint32_t v)
{
	put16(b, v & 0xffff);
	put16(b, v >> 16);
}

/* What local header and directory entry have in common. */
static void put_common(struct buf *b, const char *name, struct str content)
{
	put16(b, 20);    /* version needed: 2.0 */
	put16(b, 0x800); /* names are UTF-8 */
	put16(b, 0);     /* stored */
	put16(b, 0);     /* time and date: the packages name it in their text */
	put16(b, 0x21);  /* 1980-01-01 */
	put32(b, crc32(content));
	put32(b, (uint32_t)content.n);
	put32(b, (uint32_t)content.n);
	put16(b, (unsigned)strlen(name));
	put16(b, 0);
}

void zip_add(struct zip *z, const char *name, struct str content)
{
	uint32_t at = (uint32_t)z->out.n;
	put32(&z->out, 0x04034b50);
	put_common(&z->out, name, content);
	buf_z(&z->out, name);
	buf_str(&z->out, content);
	put32(&z->directory, 0x02014b50);
	put16(&z->directory, 0x031e); /* made by: Unix, 3.0 */
	put_common(&z->directory, name, content);
	put16(&z->directory, 0); /* comment */
	put16(&z->directory, 0); /* disk */
	put16(&z->directory, 1); /* text */
	put32(&z->directory, UINT32_C(0100600) << 16);
	put32(&z->directory, at);
	buf_z(&z->directory, name);
	z->n++;
}

void zip_end(struct zip *z)
{
	uint32_t at = (uint32_t)z->out.n;
	buf_str(&z->out, buf_view(&z->directory));
	put32(&z->out, 0x06054b50);
	put16(&z->out, 0);
	put16(&z->out, 0);
	put16(&z->out, z->n);
	put16(&z->out, z->n);
	put32(&z->out, (uint32_t)z->directory.n);
	put32(&z->out, at);
	put16(&z->out, 0);
}

void zip_done(struct zip *z)
{
	buf_done(&z->out);
	buf_done(&z->directory);
}
