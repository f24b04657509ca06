#include <zlib.h>

#include "engine/app/http.h"
#include "engine/app/told.h"

struct test_case {
	const char *why;
	struct step steps[6];
	const char *lines[28];
};

static void run(const struct test_case *cases, size_t n, const struct app_limits *limits)
{
	for (size_t i = 0; i < n; i++) {
		struct told t = { 0 };
		size_t steps = 0;
		while (steps < 6 && (cases[i].steps[steps].n || cases[i].steps[steps].gap))
			steps++;
		print_message("%s\n", cases[i].why);
		tell_all(&t, cases[i].steps, steps, limits, false, 80);
		assert_told(&t, cases[i].lines);
		buf_done(&t.out);
	}
}

static void requests_and_answers_give_their_buffers(void **state)
{
	(void)state;
	static const struct test_case cases[] = {
		{ "a request and its answer",
		  { SAYS(CLIENT, "POST /a%20b/../c?x=%27 HTTP/1.1\r\nHost: Example.COM:8080\r\n"
		                 "User-Agent: curl\r\nCookie: k=v\r\nX-Fold: one\r\n two\r\n"
		                 "Content-Length: 5\r\n\r\nhello"),
		    SAYS(SERVER, "HTTP/1.1 200 Very OK\r\nServer: nginx\r\nSet-Cookie: a=b\r\n"
		                 "Set-Cookie: c=d\r\nContent-Length: 3\r\n\r\nyes") },
		  { "is http\n0 client line\n",
		    "http.uri \"/c?x='\"",
		    "http.uri.raw \"/a%20b/../c?x=%27\"",
		    "http.method \"POST\"",
		    "http.protocol \"HTTP/1.1\"",
		    "http.request_line \"POST /a%20b/../c?x=%27 HTTP/1.1\"",
		    "odd: http.invalid_request_field_folding",
		    "0 client headers\n",
		    "http.header \"Host: Example.COM:8080\\x0D\\x0AUser-Agent: curl\\x0D\\x0A",
		    "X-Fold: one two\\x0D\\x0AContent-Length: 5\\x0D\\x0A\"",
		    "http.header_names \"\\x0D\\x0AHost\\x0D\\x0AUser-Agent\\x0D\\x0ACookie\\x0D\\x0A",
		    "X-Fold\\x0D\\x0AContent-Length\\x0D\\x0A\\x0D\\x0A\"",
		    "http.host \"example.com\"",
		    "http.host.raw \"Example.COM:8080\"",
		    "http.user_agent \"curl\"",
		    "http.cookie \"k=v\"",
		    "0 client done\n",
		    "http.request_body \"hello\"",
		    "file.data \"hello\"",
		    "0 server line\n",
		    "http.stat_code \"200\"",
		    "http.stat_msg \"Very OK\"",
		    "http.cookie \"a=b, c=d\"",
		    "http.server \"nginx\"",
		    "http.response_body \"yes\"" } },
		{ "requests behind one another, HEAD, 100 Continue, no body",
		  { SAYS(CLIENT,
		         "\r\nHEAD /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\nHost: a\n\n"),
		    SAYS(SERVER,
		         "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n"
		         "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 None\r\nContent-Length: 2\r\n\r\nno"),
		    SAYS(CLIENT, "GET /3 HTTP/1.0\r\n\r\n"),
		    SAYS(SERVER, "HTTP/1.0 200 OK\r\n\r\nto the end") },
		  { "http.method \"HEAD\"", "1 client done", "0 server done", "0 ended",
		    "http.stat_code \"404\"", "http.response_body \"no\"", "1 ended",
		    "2 client done", "http.response_body \"to the end\"", "2 ended" } },
		{ "chunks, with extensions and trailers",
		  { SAYS(CLIENT,
		         "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n"
		         "3;x=y\r\nabc\r\n00a \r\n0123456789\r\n0\r\nT: r\r\n\r\nGET /next HTTP/1.1\r\n"
		         "Host: a\r\n\r\n") },
		  { "http.request_body \"abc0123456789\"", "1 client line", "\"/next\"" } },
		{ "chunked counts before a length",
		  { SAYS(CLIENT,
		         "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
		         "5\r\nabcde\r\n0\r\n\r\n") },
		  { "odd: http.ambiguous_body_length", "http.request_body \"abcde\"" } },
		{ "a chunk without a size",
		  { SAYS(CLIENT, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
		                 "3\r\nabc\r\nzz\r\n") },
		  { "odd: http.invalid_request_chunk_len", "http.request_body \"abc\"" } },
		{ "oddities of lines",
		  { SAYS(CLIENT,
		         " GET  /a b\tHTTP/1.1\r\nHost : a\r\nnonsense\r\nHost: b\r\n\r\n") },
		  { "odd: http.request_line_leading_whitespace",
		    "odd: http.method_delim_non_compliant", "odd: http.uri_delim_non_compliant",
		    "http.uri \"/a b\"", "odd: http.request_header_invalid",
		    "odd: http.request_field_missing_colon",
		    "odd: http.request_header_repetition" } },
		{ "a host in the URI",
		  { SAYS(CLIENT, "GET http://X.example/%2e%2e/a HTTP/1.1\r\nHost: y\r\n\r\n") },
		  { "odd: http.uri_invalid_traversal", "http.uri \"/a\"",
		    "odd: http.host_header_ambiguous", "http.host \"x.example\"" } },
		{ "version 0.9, and a request without an end",
		  { SAYS(CLIENT, "GET /old\r\nGET /cut HTT") },
		  { "http.uri \"/old\"", "0 client done", "odd: http.request_line_incomplete",
		    "1 client done" } },
		{ "another protocol after 101",
		  { SAYS(CLIENT, "GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n"),
		    SAYS(SERVER, "HTTP/1.1 101 Go\r\nUpgrade: websocket\r\n\r\n\x81\x05hello"),
		    SAYS(CLIENT, "\x81\x05hello") },
		  { "http.stat_code \"101\"", "came 56 46, skipped 7 7; over" } },
		{ "bytes that are missing in a body",
		  { SAYS(CLIENT, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc"),
		    { APP_CLIENT, NULL, 0, 3 },
		    SAYS(CLIENT, "xyzGET /2 HTTP/1.1\r\nHost: a\r\n\r\n") },
		  { "odd: applayer_gap", "http.request_body \"xyz\" at 6", "\"/2\"" } },
		{ "another protocol altogether",
		  { SAYS(CLIENT, "\x7f"
		                 "ELF and more\r\n") },
		  { "is failed" } },
		{ "any word is a method before a version",
		  { SAYS(CLIENT, "FOO_bar /x HTTP/1.1\r\nHost: a\r\n\r\n") },
		  { "is http", "http.method \"FOO_bar\"" } },
		{ "an answer alone",
		  { SAYS(SERVER, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi") },
		  { "is http", "odd: http.unable_to_match_response_to_request",
		    "file.data \"hi\"" } },
	};
	run(cases, ARRAY_LEN(cases), NULL);
}

static void uris_are_read_as_servers_read_them(void **state)
{
	(void)state;
	static const struct {
		const char *raw, *normal;
		int odd; /* an enum app_event, or -1 */
		bool twice, plus;
	} cases[] = {
		{ "/index.html", "/index.html", -1, false, false },
		{ "/a/./b/../c//d", "/a/c/d", -1, false, false },
		{ "/a/b/..", "/a/", -1, false, false },
		{ "/../../etc/passwd", "/etc/passwd", APP_EVENT_HTTP_URI_TRAVERSAL, false, false },
		{ "/%2e%2e%2fetc", "/etc", APP_EVENT_HTTP_URI_TRAVERSAL, false, false },
		{ "/a\\b", "/a/b", -1, false, false },
		{ "/%u002e%u002e%uff0fx", "/x", APP_EVENT_HTTP_URI_TRAVERSAL, false, false },
		{ "/%c0%ae%c0%ae%c0%afetc", "/etc", APP_EVENT_HTTP_URI_UTF8, false, false },
		{ "/%e0%80%afx", "/x", APP_EVENT_HTTP_URI_UTF8, false, false },
		{ "/%252e%252e/x", "/%2e%2e/x", APP_EVENT_HTTP_URI_DOUBLE, false, false },
		{ "/a/%252e%252e/x", "/x", APP_EVENT_HTTP_URI_DOUBLE, true, false },
		{ "/%zz%4", "/%zz%4", APP_EVENT_HTTP_URI_HEX, false, false },
		{ "/%00", "/", APP_EVENT_HTTP_URI_CHARACTER, false, false },
		{ "/%e3%81%82", "/\xe3\x81\x82", -1, false, false },
		{ "/%e3%81", "/\xe3\x81", APP_EVENT_HTTP_URI_UTF8_CUT, false, false },
		{ "/a?b=%3Cscript%3E+x/../y", "/a?b=<script>+x/../y", -1, false, false },
		{ "/a?b=1+2%2b", "/a?b=1 2+", -1, false, true },
		{ "/a?x=%2527", "/a?x=%27", APP_EVENT_HTTP_QUERY_DOUBLE, false, false },
		{ "/a?x=%2527", "/a?x='", APP_EVENT_HTTP_QUERY_DOUBLE, true, false },
		{ "http://h:80/p?q", "/p?q", -1, false, false },
		{ "*", "*", -1, false, false },
		{ "", "", -1, false, false },
	};
	AUTO(buf_done) struct buf out = { 0 };
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct http_uri_rules r = { cases[i].twice, cases[i].plus };
		uint32_t odd = http_uri_normalise(str_of(cases[i].raw), &r, &out);
		uint32_t want =
			cases[i].odd < 0 ? 0 : 1u << (cases[i].odd - APP_EVENT_HTTP_URI_DEPTH);
		if (strcmp(out.p ? out.p : "", cases[i].normal) != 0 || (odd & want) != want ||
		    (!want && odd))
			fail_msg("%s: \"%s\", %x", cases[i].raw, out.p, odd);
	}
}

/* ---- compressed bodies ---- */

static void deflate_to(struct buf *out, const void *p, size_t n, int bits)
{
	z_stream z = { 0 };
	union {
		const void *in;
		uint8_t *out;
	} same = { .in = p };
	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
	size_t bound = deflateBound(&z, n);
	z.next_in = same.out;
	z.avail_in = (uInt)n;
	z.next_out = (uint8_t *)buf_room(out, bound);
	z.avail_out = (uInt)bound;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	out->n += z.total_out;
	deflateEnd(&z);
}

static void say_body(struct buf *b, const char *encoding, const struct buf *body, size_t n)
{
	buf_fmt(b,
	        "POST / HTTP/1.1\r\nHost: a\r\nContent-Encoding: %s\r\nContent-Length: %zu\r\n\r\n",
	        encoding, n);
	buf_add(b, body->p, n);
}

static void tell_body(struct told *t, const char *encoding, const struct buf *body, size_t n,
                      const struct app_limits *limits)
{
	AUTO(buf_done) struct buf said = { 0 };
	say_body(&said, encoding, body, n);
	struct step step = { APP_CLIENT, said.p, said.n, 0 };
	tell_all(t, &step, 1, limits, false, 80);
}

static void compressed_bodies_are_read(void **state)
{
	(void)state;
	static const char text[] = "cmd=$(cat /etc/passwd)&more=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
	static const struct {
		const char *encoding;
		int bits[2];
		size_t less; /* bytes that are missing at the end */
		const char *odd;
	} cases[] = {
		{ "gzip", { 31, 0 }, 0, NULL },
		{ "x-gzip", { 31, 0 }, 0, NULL },
		{ "deflate", { 15, 0 }, 0, NULL },
		{ "deflate", { -15, 0 }, 0, NULL },
		{ "gzip", { 15, 0 }, 0, NULL },
		{ "gzip, gzip", { 31, 31 }, 0, NULL },
		{ "deflate, gzip", { 15, 31 }, 0, NULL },
		{ "gzip", { 0, 0 }, 0, "http.abnormal_ce_header" },
		{ "gzip", { 31, 0 }, 4, "http.gzip_incomplete" },
		{ "br", { 0, 0 }, 0, "http.abnormal_ce_header" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(buf_done) struct buf body = { 0 };
		AUTO(buf_done) struct buf want = { 0 };
		struct told t = { 0 };
		buf_add(&body, text, sizeof(text) - 1);
		for (int k = 0; k < 2 && cases[i].bits[k]; k++) {
			struct buf packed = { 0 };
			deflate_to(&packed, body.p, body.n, cases[i].bits[k]);
			buf_done(&body);
			body = packed;
		}
		tell_body(&t, cases[i].encoding, &body, body.n - cases[i].less, NULL);
		buf_z(&want, "http.request_body ");
		told_quote(&want, text, sizeof(text) - 1);
		assert_told(&t, (const char *[]){ want.p, NULL });
		if (cases[i].odd)
			assert_told(&t, (const char *[]){ cases[i].odd, NULL });
		else
			assert_null(strstr(t.out.p, "odd"));
		buf_done(&t.out);
	}
}

static void two_members_are_one_body_and_damage_is_told(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf body = { 0 };
	struct told t = { 0 };
	deflate_to(&body, "first ", 6, 31);
	deflate_to(&body, "second", 6, 31);
	tell_body(&t, "gzip", &body, body.n, NULL);
	assert_told(&t, (const char *[]){ "http.request_body \"first second\"", NULL });
	body.p[10] = (char)0xff; /* the first block is of no type */
	tell_body(&t, "gzip", &body, body.n, NULL);
	assert_told(&t,
	            (const char *[]){ "http.gzip_decompression_failed", "0 client done", NULL });
	buf_done(&t.out);
}

static void a_bomb_goes_off_at_the_limit(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf body = { 0 };
	struct app_limits limits = app_limits_default;
	struct told t = { 0 };
	char *much = calloc(1, 4 << 20);
	assert_non_null(much);
	limits.decompress = 10000;
	deflate_to(&body, much, 4 << 20, 31);
	free(much);
	tell_body(&t, "gzip", &body, body.n, &limits);
	assert_told(&t, (const char *[]){ "http.compression_bomb", "0 client done", NULL });
	assert_true(t.out.n < 200000);
	tell_body(&t, "gzip, gzip, gzip", &body, body.n, &limits);
	assert_told(&t, (const char *[]){ "http.too_many_encoding_layers", NULL });
	buf_done(&t.out);
}

/* What brotli(1) makes of the text in the test, and of 4 MiB of x, with a window of 64 KiB and
 * of 16 MiB. */
static const char brotli_page[] =
	"\xc2\x09\x00\x80\xe8\xe6\x52\x1d\x5d\xd0\x6c\x6b\x0a\x8a\x86\x5f\xf8\x1f\x0e\x1b"
	"\x70\xc0\x5e\xba\xc8\x20\x36\x80\x0c\x0e\xb9\xed\xf0\x79\x92\x04\x16\x9b\x54\xbf"
	"\x8a\x12\x4e\xd3\x7b\xb3\xdb\xad\xe3\x84\x37\x6b\x4e\x60\x12\xfd\x08\x1d";
static const char brotli_bomb[] =
	"\xf4\xff\x1f\x00\x48\xe0\xc5\x63\x81\xe4\xde\x07\xe8\xff\x3f\x00\x90\x00\x88\xc3"
	"\x02\xd0\xbd\x0f\xd0\xff\x7f\x00\x20\x01\x10\x87\x05\xa0\x7b\x1f\xa0\xff\xff\x00"
	"\x40\x02\x20\x0e\x0b\x40\xf7\x3e\x40\xff\xff\x01\x80\x04\x40\x1c\x16\x80\xee\x7d"
	"\x80\xfe\xff\x03\x00\x09\x80\x38\x2c\x00\xdd\xfb\x00\xfd\xff\x07\x00\x12\x00\x71"
	"\x58\x00\xba\xf7\x01\xfa\xff\x0f\x00\x24\x00\xe2\xb0\x00\x74\xef\x03\xf4\xff\x1f"
	"\x00\x48\x00\xc4\x61\x01\xe8\xde\x07\xe8\xff\x3f\x00\x90\x00\x88\xc3\x02\xd0\xbd"
	"\x0f\xd0\xff\x7f\x00\x20\x01\x10\x87\x05\xa0\x7b\x1f\xa0\xff\xff\x00\x40\x02\x20"
	"\x0e\x0b\x40\xf7\x3e\x40\xff\xff\x01\x80\x04\x40\x1c\x16\x80\xee\x7d\x80\xfe\xff"
	"\x03\x00\x09\x80\x38\x2c\x00\xdd\xfb\x00\xfd\xff\x07\x00\x12\x00\x71\x58\x00\xba"
	"\xf7\x01\xfa\xff\x0f\x00\x24\x00\xe2\xb0\x00\x74\xef\x03\xf4\xff\x1f\x00\x48\x00"
	"\xc4\x61\x01\xe8\xde\x07\xe8\xff\x3f\x00\x90\x00\x88\xc3\x02\xd0\xbd\x0f\xd0\xff"
	"\x7f\x00\x20\x01\x10\x87\x05\xa0\x7b\x1f\xa0\xff\xff\x00\x40\x02\x20\x0e\x0b\x40"
	"\xf7\x3e\x40\xff\xff\x01\x80\x04\x40\x1c\x16\x80\xee\x7d\x80\xfe\xff\x03\x00\x09"
	"\x80\x38\x2c\x00\xdd\xfb\x00\xfd\xff\x07\x00\x12\x00\x71\x58\x00\xba\xf7\x01\xfa"
	"\xff\x0f\x00\x24\x00\xe2\xb0\x00\x74\xef\x03\xf4\xff\x1f\x00\x48\x00\xc4\x61\x01"
	"\xe8\xde\x07\xe8\xff\x3f\x00\x90\x00\x88\xc3\x02\xd0\xbd\x0f\xd0\xff\x7f\x00\x20"
	"\x01\x10\x87\x05\xa0\x7b\x1f\xa0\xff\xff\x00\x40\x02\x20\x0e\x0b\x40\xf7\x3e\x40"
	"\xff\xff\x01\x80\x04\x40\x1c\x16\x80\xee\x7d\x80\xfe\xff\x03\x00\x09\x80\x38\x2c"
	"\x00\xdd\xfb\x00\xfd\xff\x07\x00\x12\x00\x71\x58\x00\xba\xf7\x01\xf5\xff\x1f\x00"
	"\x24\x00\xe2\xb0\x00\x74\xef\x03\x00";
static const char brotli_wide[] = "\x9f\xff\xff\x3f\x00\x24\xf0\xe2\xb1\x40\x72\xef\x7f\x00";

static void tell_answer(struct told *t, const char *body, size_t n, const struct app_limits *limits)
{
	static const char ask[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
	AUTO(buf_done) struct buf said = { 0 };
	buf_fmt(&said, "HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: %zu\r\n\r\n", n);
	buf_add(&said, body, n);
	struct step steps[] = { { APP_CLIENT, ask, sizeof(ask) - 1, 0 },
		                { APP_SERVER, said.p, said.n, 0 } };
	tell_all(t, steps, 2, limits, false, 80);
}

static void answers_in_brotli_are_read(void **state)
{
	(void)state;
	struct app_limits limits = app_limits_default;
	struct told t = { 0 };
	tell_answer(&t, brotli_page, sizeof(brotli_page) - 1, NULL);
	assert_told(&t,
	            (const char *[]){ "http.response_body \"root:x:0:0:root:/root:/bin/bash and "
	                              "more of it, root:x:0:0:root:/root:/bin/bash\"",
	                              NULL });
	assert_null(strstr(t.out.p, "odd"));
	tell_answer(&t, brotli_page, sizeof(brotli_page) - 9, NULL);
	assert_told(&t, (const char *[]){ "http.gzip_incomplete", NULL });
	tell_answer(&t, "no brotli at all", 16, NULL);
	assert_told(&t, (const char *[]){ "http.gzip_decompression_failed", NULL });
	limits.decompress = 10000;
	tell_answer(&t, brotli_bomb, sizeof(brotli_bomb) - 1, &limits);
	assert_told(&t, (const char *[]){ "http.compression_bomb", NULL });
	/* Its window alone is larger than what the connection may hold. */
	limits = app_limits_default;
	limits.memory = 1 << 20;
	tell_answer(&t, brotli_wide, sizeof(brotli_wide) - 1, &limits);
	assert_told(&t, (const char *[]){ "http.gzip_decompression_failed", NULL });
	buf_done(&t.out);
}

static void a_long_body_is_seen_through_its_window(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf said = { 0 };
	AUTO(buf_done) struct buf body = { 0 };
	struct app_limits limits = app_limits_default;
	struct told t = { 0 };
	limits.window = 64;
	limits.body[APP_CLIENT] = 700;
	for (int i = 0; i < 200; i++)
		buf_fmt(&body, "%05d", i);
	buf_fmt(&said, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n", body.n);
	buf_add(&said, body.p, body.n);
	struct step step = { APP_CLIENT, said.p, said.n, 0 };
	tell_all(&t, &step, 1, &limits, false, 80);
	body.p[700] = '\0';
	assert_told(&t, (const char *[]){ " at 6", "body \"0000000001", "00139\"\n",
	                                  "skipped 300 0", NULL });
	buf_done(&t.out);
}

static void limits_hold(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf said = { 0 };
	struct app_limits limits = app_limits_default;
	struct told t = { 0 };
	limits.headers = 200;
	limits.transactions = 3;
	buf_z(&said, "GET /");
	for (int i = 0; i < 300; i++)
		buf_char(&said, 'a');
	buf_z(&said, " HTTP/1.1\r\nHost: a\r\n\r\n");
	for (int i = 0; i < 5; i++)
		buf_fmt(&said, "GET /%d HTTP/1.1\r\nHost: a\r\n\r\n", i);
	struct step step = { APP_CLIENT, said.p, said.n, 0 };
	tell_all(&t, &step, 1, &limits, false, 80);
	assert_told(&t, (const char *[]){ "http.request_field_too_long", "1 client line",
	                                  "http.uri \"/0\"", "applayer_too_many_transactions",
	                                  "0 ended", "5 client done", NULL });
	limits = app_limits_default;
	limits.memory = 6000;
	limits.client_only = true;
	tell_all(&t, &step, 1, &limits, false, 80);
	assert_told(&t, (const char *[]){ "0 ended", "4 client done", "4 ended", NULL });
	buf_done(&t.out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_and_answers_give_their_buffers),
		cmocka_unit_test(uris_are_read_as_servers_read_them),
		cmocka_unit_test(compressed_bodies_are_read),
		cmocka_unit_test(two_members_are_one_body_and_damage_is_told),
		cmocka_unit_test(a_bomb_goes_off_at_the_limit),
		cmocka_unit_test(answers_in_brotli_are_read),
		cmocka_unit_test(a_long_body_is_seen_through_its_window),
		cmocka_unit_test(limits_hold),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
