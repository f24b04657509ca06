#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/test.h"
#include "engine/capture.h"
#include "engine/made.h"

/* Little endian, as every machine of today writes. */
static void le32(struct made *m, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		m->b[m->n++] = (uint8_t)(v >> 8 * i);
}

static void pcap_begins(struct made *m, bool little, uint32_t magic, uint32_t link)
{
	void (*put)(struct made *, uint32_t) = little ? le32 : made_32;
	put(m, magic);
	put(m, little ? 0x00040002 : 0x00020004);
	put(m, 0);
	put(m, 0);
	put(m, 65535);
	put(m, link);
}

static void pcap_is_read_in_both_byte_orders(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		bool little = i % 2, nano = i / 2;
		void (*put)(struct made *, uint32_t) = little ? le32 : made_32;
		struct made m = { 0 };
		struct capture c;
		struct capture_packet p;
		pcap_begins(&m, little, nano ? 0xa1b23c4d : 0xa1b2c3d4, 1);
		put(&m, 100);
		put(&m, nano ? 5000000 : 5000);
		put(&m, 4);
		put(&m, 60);
		made_fill(&m, 4);
		assert_int_equal(capture_open(&c, m.b, m.n, NULL), 0);
		assert_int_equal(capture_next(&c, &p, NULL), 1);
		assert_int_equal(p.len, 4);
		assert_int_equal(p.wire_len, 60);
		assert_int_equal(p.when_ms, 100005);
		assert_int_equal(p.link, PACKET_ETHERNET);
		assert_int_equal(p.outgoing, -1);
		assert_int_equal(capture_next(&c, &p, NULL), 0);
		assert_int_equal(capture_open(&c, m.b, m.n - 1, NULL), 0);
		assert_int_equal(capture_next(&c, &p, NULL), -EBADMSG);
	}
}

static void a_cooked_capture_tells_the_direction(void **state)
{
	(void)state;
	struct made m = { 0 };
	struct capture c;
	struct capture_packet p;
	pcap_begins(&m, true, 0xa1b2c3d4, 113);
	for (int i = 0; i < 4; i++)
		le32(&m, i == 2 || i == 3 ? 18 : 0);
	made_16(&m, 4);
	made_fill(&m, 12);
	made_16(&m, 0x0800);
	made_fill(&m, 2);
	assert_int_equal(capture_open(&c, m.b, m.n, NULL), 0);
	assert_int_equal(capture_next(&c, &p, NULL), 1);
	assert_int_equal(p.outgoing, 1);
	assert_int_equal(p.len, 2);
	assert_true(p.readable && p.link == PACKET_IP);
}

static void pcapng_is_read_with_its_interfaces(void **state)
{
	(void)state;
	struct made m = { 0 };
	struct capture c;
	struct capture_packet p;
	const uint32_t section[] = { 0x0a0d0d0a, 28, 0x1a2b3c4d, 1, ~0u, ~0u, 28 };
	/* Ethernet, a nanosecond's resolution */
	const uint32_t interface[] = { 1, 32, 1, 65535, 0x00010009, 9, 0, 32 };
	const uint32_t raw[] = { 1, 20, 101, 65535, 20 };
	/* on the second, 5 s after the epoch, three bytes, outgoing */
	const uint32_t packet[] = { 6, 48, 1, 0, 5000000, 3, 3, 0x00333231, 0x00040002, 2, 0, 48 };
	for (size_t i = 0; i < ARRAY_LEN(section); i++)
		le32(&m, section[i]);
	for (size_t i = 0; i < ARRAY_LEN(interface); i++)
		le32(&m, interface[i]);
	for (size_t i = 0; i < ARRAY_LEN(raw); i++)
		le32(&m, raw[i]);
	for (size_t i = 0; i < ARRAY_LEN(packet); i++)
		le32(&m, packet[i]);
	assert_int_equal(capture_open(&c, m.b, m.n, NULL), 0);
	assert_int_equal(capture_next(&c, &p, NULL), 1);
	assert_int_equal(c.ninterfaces, 2);
	assert_int_equal(c.interfaces[0].per_second, 1000000000);
	assert_int_equal(p.interface, 1);
	assert_int_equal(p.when_ms, 5000);
	assert_int_equal(p.len, 3);
	assert_memory_equal(p.data, "123", 3);
	assert_int_equal(p.outgoing, 1);
	assert_int_equal(p.link, PACKET_IP);
	assert_int_equal(capture_next(&c, &p, NULL), 0);
}

static void what_is_no_capture_is_refused(void **state)
{
	(void)state;
	struct capture c;
	struct err why = { { 0 } };
	assert_int_equal(capture_open(&c, "GIF89a, for instance, and more", 30, &why), -EINVAL);
	assert_int_equal(capture_open(&c, "", 0, &why), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest all[] = {
		cmocka_unit_test(pcap_is_read_in_both_byte_orders),
		cmocka_unit_test(a_cooked_capture_tells_the_direction),
		cmocka_unit_test(pcapng_is_read_with_its_interfaces),
		cmocka_unit_test(what_is_no_capture_is_refused),
	};
	return cmocka_run_group_tests(all, NULL, NULL);
}
