#include "engine/app/certificate.h"

#include <errno.h>
#include <string.h>

#include "base/auto.h"

/* One DER element after another: tag, length, contents. */
struct der {
	const uint8_t *p;
	size_t n;
};

enum { SEQUENCE = 0x30, SET = 0x31, INTEGER = 0x02, OID = 0x06, VERSION = 0xa0, BMP = 0x1e };

static bool der_next(struct der *d, uint8_t *tag, struct der *contents)
{
	if (d->n < 2)
		return false;
	size_t len = d->p[1], head = 2;
	if (len > 0x80) {
		size_t octets = len - 0x80;
		if (octets > 4 || d->n - 2 < octets)
			return false;
		len = 0;
		for (; head < 2 + octets; head++)
			len = len << 8 | d->p[head];
	} else if (len == 0x80) {
		return false; /* of no definite length: not DER */
	}
	if (len > d->n - head)
		return false;
	*tag = d->p[0];
	*contents = (struct der){ d->p + head, len };
	d->p += head + len;
	d->n -= head + len;
	return true;
}

static bool der_take(struct der *d, uint8_t want, struct der *contents)
{
	uint8_t tag = 0;
	return der_next(d, &tag, contents) && tag == want;
}

/* ---- names ---- */

static const struct {
	const char *oid;
	size_t n;
	const char *name;
} attributes[] = {
	{ "\x55\x04\x03", 3, "CN" },
	{ "\x55\x04\x04", 3, "SN" },
	{ "\x55\x04\x05", 3, "serialNumber" },
	{ "\x55\x04\x06", 3, "C" },
	{ "\x55\x04\x07", 3, "L" },
	{ "\x55\x04\x08", 3, "ST" },
	{ "\x55\x04\x09", 3, "STREET" },
	{ "\x55\x04\x0a", 3, "O" },
	{ "\x55\x04\x0b", 3, "OU" },
	{ "\x55\x04\x0c", 3, "T" },
	{ "\x55\x04\x2a", 3, "GN" },
	{ "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x01", 9, "emailAddress" },
	{ "\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x19", 10, "DC" },
	{ "\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x01", 10, "UID" },
};

/* "2.5.4.97": base 128, the first number stands for two. */
static void put_oid(struct buf *out, struct der oid)
{
	uint64_t v = 0;
	bool first = true;
	for (size_t i = 0; i < oid.n; i++) {
		v = (v & (UINT64_MAX >> 8)) << 7 | (oid.p[i] & 0x7f);
		if (oid.p[i] & 0x80)
			continue;
		if (first) {
			unsigned arc = v < 80 ? (unsigned)(v / 40) : 2;
			buf_fmt(out, "%u.%llu", arc, (unsigned long long)(v - 40ull * arc));
		} else {
			buf_fmt(out, ".%llu", (unsigned long long)v);
		}
		first = false;
		v = 0;
	}
}

static void put_type(struct buf *out, struct der oid)
{
	for (size_t i = 0; i < ARRAY_LEN(attributes); i++)
		if (oid.n == attributes[i].n && memcmp(oid.p, attributes[i].oid, oid.n) == 0) {
			buf_z(out, attributes[i].name);
			return;
		}
	put_oid(out, oid);
}

static void put_value(struct buf *out, uint8_t tag, struct der value)
{
	if (tag != BMP) {
		buf_add(out, value.p, value.n);
		return;
	}
	for (size_t i = 0; i + 1 < value.n; i += 2) /* two bytes a character */
		buf_add(out, value.p[i] ? (const uint8_t *)"?" : &value.p[i + 1], 1);
}

static bool put_name(struct buf *out, struct der name)
{
	struct der set, pair, oid, value;
	uint8_t tag = 0;
	while (name.n) {
		if (!der_take(&name, SET, &set))
			return false;
		while (set.n) {
			if (!der_take(&set, SEQUENCE, &pair) || !der_take(&pair, OID, &oid) ||
			    !der_next(&pair, &tag, &value))
				return false;
			if (out->n)
				buf_z(out, ", ");
			put_type(out, oid);
			buf_char(out, '=');
			put_value(out, tag, value);
		}
	}
	return true;
}

static void put_serial(struct buf *out, struct der serial)
{
	if (serial.n > 1 && !serial.p[0]) /* the sign */
		serial = (struct der){ serial.p + 1, serial.n - 1 };
	for (size_t i = 0; i < serial.n; i++)
		buf_fmt(out, "%s%02X", i ? ":" : "", serial.p[i]);
}

int certificate_read(const uint8_t *der, size_t n, struct buf *subject, struct buf *issuer,
                     struct buf *serial)
{
	struct der all = { der, n }, whole, body, part;
	uint8_t tag = 0;
	if (!der_take(&all, SEQUENCE, &whole) || !der_take(&whole, SEQUENCE, &body) ||
	    !der_next(&body, &tag, &part) || (tag == VERSION && !der_next(&body, &tag, &part)) ||
	    tag != INTEGER)
		return -EBADMSG;
	put_serial(serial, part);
	/* The algorithm, the issuer, the time, the subject. */
	struct buf *names[] = { NULL, issuer, NULL, subject };
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (!der_take(&body, SEQUENCE, &part) || (names[i] && !put_name(names[i], part)))
			return -EBADMSG;
	return 0;
}
