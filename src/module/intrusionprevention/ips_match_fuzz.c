#include "module/intrusionprevention/tested.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/*
 * "RULES\0\0BYTES": the rules over the bytes as a stream that is cut at the places that the bytes
 * themselves say, as a datagram, and as buffers of a transaction.
 */

static void as_stream(struct tested *t, const uint8_t *p, size_t n)
{
	for (size_t at = 0; at < n;) {
		size_t len = (size_t)p[at] % 40 + 1;
		if (len > n - at)
			len = n - at;
		tested_stream(t, p[at] & 1 ? APP_SERVER : APP_CLIENT, p + at, len);
		at += len;
	}
}

static void as_packet(struct tested *t, const uint8_t *p, size_t n)
{
	struct made m = { 0 };
	struct packet packet = { 0 };
	made_ip(&m, "192.0.2.1", "10.0.0.5", PROTO_UDP);
	made_udp(&m, 4000, 53);
	made_bytes(&m, p, n > 1400 ? 1400 : n);
	if (made_decode(&m, &packet) == REASON_NONE)
		ips_packet(t->ips, t->flow, &packet, APP_CLIENT, 1);
}

static void as_transaction(struct tested *t, const uint8_t *p, size_t n)
{
	for (int b = 0; b < APP_BUFFERS; b++) {
		enum app_side side = app_buffers[b].client ? APP_CLIENT : APP_SERVER;
		enum app_protocol app = app_buffers[b].protocol;
		struct app_tx tx = { .buffers = { { (enum app_buffer)b, side, (const char *)p,
			                            n / 2, false, 0 } },
			             .n = 1,
			             .stages = { STAGE_BODY, STAGE_BODY } };
		tested_flow(t, PROTO_TCP, 80);
		ips_app_protocol(t->ips, t->flow, app ? app : APP_HTTP, NULL, 1);
		ips_tx_progress(t->ips, t->flow, &tx, side, NULL, 1);
		tx.buffers[0].len = n;
		tx.buffers[0].whole = true;
		ips_tx_progress(t->ips, t->flow, &tx, side, NULL, 1);
		ips_tx_ended(t->ips, &tx);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *cut = size ? memmem(data, size, "\0\0", 2) : NULL;
	if (!cut)
		return 0;
	AUTO(freep) char *rules = str_dup((struct str){ (const char *)data, (size_t)(cut - data) });
	struct tested t;
	const uint8_t *p = cut + 2;
	size_t n = size - (size_t)(p - data);
	tested_init(&t, rules);
	as_stream(&t, p, n);
	as_packet(&t, p, n);
	as_transaction(&t, p, n);
	tested_done(&t);
	return 0;
}
