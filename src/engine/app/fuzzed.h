#pragma once
#include <assert.h>

#include "engine/app/app.h"

/*
 * For fuzz targets: byte 0 says how the rest comes (bits 0 to 5: pieces of so many bytes, 0: as it
 * stands; bit 6: over UDP; bit 7: small limits). Then steps: two bytes of length (top bit: the
 * server's; next: that many bytes are missing), bytes. Every buffer is looked at in every stage.
 */

static inline enum app_verdict fuzzed_progress(void *arg, struct app *a, struct app_tx *tx,
                                               enum app_side side, enum app_stage stage)
{
	struct app_bytes got;
	uint64_t v = 0;
	(void)arg, (void)a;
	assert(app_tx_stage(tx, side) == stage);
	for (int b = 0; b < APP_BUFFERS; b++)
		for (unsigned i = 0; app_tx_buffer(tx, (enum app_buffer)b, side, i, &got); i++) {
			volatile uint8_t edge = got.len ? got.data[0] ^ got.data[got.len - 1] : 0;
			(void)edge;
		}
	for (int n = 0; n < APP_NUMBERS; n++)
		app_tx_number_of(tx, (enum app_number)n, side, &v);
	return APP_GO_ON;
}

static inline void fuzzed(const uint8_t *data, size_t size, uint16_t port)
{
	static const struct app_sink sink = { .progress = fuzzed_progress };
	struct app_limits limits = app_limits_default;
	if (!size)
		return;
	size_t cut = data[0] & 63;
	if (data[0] & 128) {
		limits.window = 16;
		limits.body[0] = limits.body[1] = 100;
		limits.headers = 64;
		limits.decompress = 1000;
		limits.transactions = 2;
		limits.memory = 60000;
	}
	struct app *a = app_begin(&limits, &sink, NULL, data[0] & 64, port);
	assert(a);
	for (data++, size--; size >= 2;) {
		enum app_side side = data[0] & 128 ? APP_SERVER : APP_CLIENT;
		size_t n = (size_t)(data[0] & 63) << 8 | data[1];
		if (data[0] & 64) {
			app_gap(a, side, n);
			n = 0;
		}
		data += 2;
		size -= 2;
		n = n < size ? n : size;
		for (size_t at = 0; at < n;) {
			size_t len = cut && cut < n - at ? cut : n - at;
			app_data(a, side, data + at, len);
			at += len;
		}
		data += n;
		size -= n;
		assert(app_memory(a) <= limits.memory);
	}
	app_close(a, APP_CLIENT);
	app_close(a, APP_SERVER);
	app_end(a);
}
