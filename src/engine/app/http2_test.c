#include <nghttp2/nghttp2.h>

#include "engine/app/told.h"

#define PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

enum {
	DATA = 0,
	HEADERS = 1,
	SETTINGS = 4,
	CONTINUATION = 9,
	END = 1,
	END_HEADERS = 4,
	PADDED = 8
};

/* One side's writer of frames. */
struct writer {
	nghttp2_hd_deflater *deflater;
	struct buf out;
};

static void frame(struct writer *w, uint8_t kind, uint8_t flags, uint32_t id, const void *p,
                  size_t n)
{
	uint8_t h[9] = { (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n, kind, flags, 0, 0, 0,
		         (uint8_t)id };
	buf_add(&w->out, h, sizeof(h));
	buf_add(&w->out, p, n);
}

#define FIELD(name, value)                                                                     \
	{                                                                                      \
		(uint8_t *)(uintptr_t)(name), (uint8_t *)(uintptr_t)(value), sizeof(name) - 1, \
			sizeof(value) - 1, NGHTTP2_NV_FLAG_NONE                                \
	}

/* Fields in a HEADERS frame and, behind the first byte, a CONTINUATION. */
static void headers(struct writer *w, uint32_t id, uint8_t flags, const nghttp2_nv *nv, size_t n)
{
	uint8_t block[4096];
	ssize_t len = nghttp2_hd_deflate_hd(w->deflater, block, sizeof(block), nv, n);
	assert_true(len > 1);
	frame(w, HEADERS, flags, id, block, 1);
	frame(w, CONTINUATION, END_HEADERS, id, block + 1, (size_t)len - 1);
}

static void begin(struct writer *w)
{
	*w = (struct writer){ 0 };
	assert_int_equal(nghttp2_hd_deflate_new(&w->deflater, 4096), 0);
}

static void done(struct writer *w)
{
	nghttp2_hd_deflate_del(w->deflater);
	buf_done(&w->out);
}

static void requests_give_the_buffers_of_http1(void **state)
{
	(void)state;
	static const nghttp2_nv post[] = {
		FIELD(":method", "POST"),  FIELD(":path", "/%61?x=%27"),
		FIELD(":scheme", "http"),  FIELD(":authority", "Host.Example:80"),
		FIELD("user-agent", "ua"), FIELD("cookie", "a=b")
	};
	static const nghttp2_nv get[] = { FIELD(":method", "GET"), FIELD(":path", "/two"),
		                          FIELD("x", "evil\r\nadded: 1"),
		                          FIELD("user-agent", "ua") };
	static const nghttp2_nv ok[] = { FIELD(":status", "200"), FIELD("server", "s") };
	struct writer c, s;
	struct told t = { 0 };
	begin(&c);
	begin(&s);
	buf_add(&c.out, PREFACE, sizeof(PREFACE) - 1);
	frame(&c, SETTINGS, 0, 0, "\0\1\0\0\x10\0", 6);
	headers(&c, 1, 0, post, ARRAY_LEN(post));
	headers(&c, 3, END, get, ARRAY_LEN(get));
	frame(&c, DATA, PADDED, 1, "\3hel\0\0\0", 7);
	frame(&c, 200, 0, 0, "unknown", 7);
	frame(&c, DATA, END, 1, "lo", 2);
	headers(&s, 3, 0, ok, ARRAY_LEN(ok));
	frame(&s, DATA, END, 3, "answer", 6);
	headers(&s, 1, END, ok, ARRAY_LEN(ok));
	struct step steps[] = { { APP_CLIENT, c.out.p, c.out.n, 0 },
		                { APP_SERVER, s.out.p, s.out.n, 0 } };
	tell_all(&t, steps, 2, NULL, false, 80);
	assert_told(&t, (const char *[]){ "is http2",
	                                  "0 client line",
	                                  "http.uri \"/a?x='\"",
	                                  "http.method \"POST\"",
	                                  "http.protocol \"HTTP/2\"",
	                                  "0 client headers",
	                                  "http.host \"host.example\"",
	                                  "http.user_agent \"ua\"",
	                                  "http.cookie \"a=b\"",
	                                  "odd: http2.line_end_in_header",
	                                  "1 client headers",
	                                  "x: evil  added: 1",
	                                  "1 client done",
	                                  "0 client done",
	                                  "http.request_body \"hello\"",
	                                  "1 server headers",
	                                  "http.stat_code \"200\"",
	                                  "http.server \"s\"",
	                                  "http.response_body \"answer\"",
	                                  "1 ended",
	                                  "0 server done",
	                                  "0 ended",
	                                  NULL });
	done(&c);
	done(&s);
	buf_done(&t.out);
}

static void what_is_no_frame_ends_reading(void **state)
{
	(void)state;
	static const struct {
		const char *bytes;
		size_t n;
		const char *odd;
	} cases[] = {
		{ PREFACE "\xff\0\0\0\0\0\0\0\0", sizeof(PREFACE) + 8, "http2.invalid_frame_data" },
		{ PREFACE "\0\0\2\1\4\0\0\0\1\xff\xff", sizeof(PREFACE) + 10,
		  "http2.invalid_header" },
		{ PREFACE "\0\0\2\0\x08\0\0\0\1\x05x", sizeof(PREFACE) + 10,
		  "http2.invalid_frame_data" },
		{ PREFACE "\0\0\1\1\0\0\0\0\1\x82\0\0\0\0\0\0\0\0\1", sizeof(PREFACE) + 18,
		  "http2.invalid_frame_data" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct told t = { 0 };
		struct step step = { APP_CLIENT, cases[i].bytes, cases[i].n, 0 };
		tell_all(&t, &step, 1, NULL, false, 80);
		assert_told(&t, (const char *[]){ "is http2", cases[i].odd, NULL });
		buf_done(&t.out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_give_the_buffers_of_http1),
		cmocka_unit_test(what_is_no_frame_ends_reading),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
