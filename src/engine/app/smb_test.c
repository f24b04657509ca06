#include <fcntl.h>
#include <stdlib.h>

#include "base/file.h"
#include "engine/app/told.h"

/* Messages written by the rules of [MS-SMB2] and [MS-CIFS], as tests/corpus/smb keeps them. */
static void tell_corpus(struct told *t, const char *name)
{
	AUTO(buf_done) struct buf file = { 0 };
	AUTO(buf_done) struct buf path = { 0 };
	struct step steps[16];
	size_t n = 0;
	buf_fmt(&path, "%s/tests/corpus/smb/%s", getenv("YAGURA_TOP"), name);
	assert_int_equal(file_read(AT_FDCWD, path.p, 1 << 20, &file), 0);
	for (size_t at = 1; at + 2 <= file.n && n < 16; n++) {
		const uint8_t *h = (const uint8_t *)file.p + at;
		size_t len = (size_t)(h[0] & 63) << 8 | h[1];
		enum app_side side = h[0] & 128 ? APP_SERVER : APP_CLIENT;
		steps[n] = h[0] & 64 ? (struct step){ side, NULL, 0, len }
		                     : (struct step){ side, file.p + at + 2, len, 0 };
		at += 2 + (h[0] & 64 ? 0 : len);
	}
	tell_all(t, steps, n, NULL, false, 445);
}

/* number 4: the command, 5: the version, 6: the operation */
static void smb2_shows_shares_pipes_calls_and_files(void **state)
{
	(void)state;
	struct told t = { 0 };
	tell_corpus(&t, "smb2");
	assert_told(&t, (const char *[]){ "is smb", "number 4 is 0", "number 5 is 2",
	                                  "smb.share \"\\x5C\\x5Csrv\\x5CIPC$\"",
	                                  "smb.named_pipe \"samr\"", "number 4 is 9",
	                                  "smb.named_pipe \"samr\"", "dce_stub_data \"STUB-DATA\"",
	                                  "number 6 is 11", "smb.share \"\\x5C\\x5Csrv\\x5Cdocs\"",
	                                  "file.name \"a\\x5Cdoc.txt\"", "file.data \"file text\"",
	                                  "file.name \"a\\x5Cdoc.txt.locked\"", "number 4 is 17",
	                                  "server done", "file.data \"secret text\"", NULL });
	assert_null(strstr(t.out.p, "odd"));
	buf_done(&t.out);
}

static void smb1_shows_the_same_and_a_mixed_transaction(void **state)
{
	(void)state;
	struct told t = { 0 };
	tell_corpus(&t, "smb1");
	assert_told(&t,
	            (const char *[]){ "is smb", "number 4 is 114", "number 5 is 1",
	                              "smb.share \"\\x5C\\x5Csrv\\x5CIPC$\"",
	                              "smb.named_pipe \"\\x5Clsarpc\"", "dce_stub_data \"ARGS\"",
	                              "number 6 is 6", "file.name \"y.wcry\"",
	                              "odd: smb.secondary_of_another_transaction", "number 4 is 51",
	                              NULL });
	buf_done(&t.out);
}

/* A message of SMB2 whose body has one offset and length in it, as [MS-SMB2] 2.2 lays them out. */
struct said {
	enum app_side side;
	unsigned command;
	uint64_t mid;
	uint32_t tree;
	uint8_t file; /* number of the FileId */
	const char *text;
	size_t n;
};

static void put16(struct buf *b, unsigned v)
{
	buf_char(b, (char)v);
	buf_char(b, (char)(v >> 8));
}

static void put_zeros(struct buf *b, size_t n)
{
	while (n--)
		buf_char(b, 0);
}

static void put_file_id(struct buf *b, uint8_t n)
{
	for (int i = 0; i < 16; i++)
		buf_char(b, (char)n);
}

static void put_utf16(struct buf *b, const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		put16(b, (uint8_t)text[i]);
}

static void put_body(struct buf *b, const struct said *m)
{
	bool asks = m->side == APP_CLIENT;
	switch (m->command) {
	case 3: /* TREE_CONNECT */
		put16(b, asks ? 9 : 16);
		put_zeros(b, asks ? 2 : 14);
		if (asks) {
			put16(b, 72);
			put16(b, (unsigned)m->n * 2);
			put_utf16(b, m->text, m->n);
		}
		return;
	case 5: /* CREATE */
		put16(b, asks ? 57 : 89);
		put_zeros(b, asks ? 42 : 62);
		if (!asks) {
			put_file_id(b, m->file);
			put_zeros(b, 8);
			return;
		}
		put16(b, 120);
		put16(b, (unsigned)m->n * 2);
		put_zeros(b, 8);
		put_utf16(b, m->text, m->n);
		return;
	default: /* WRITE */
		put16(b, 49);
		put16(b, 112);
		put16(b, (unsigned)m->n);
		put_zeros(b, 10);
		put_file_id(b, m->file);
		put_zeros(b, 16);
		buf_add(b, m->text, m->n);
	}
}

static void put_message(struct buf *b, const struct said *m)
{
	struct buf body = { 0 };
	put_body(&body, m);
	put16(b, 0);
	buf_char(b, (char)((64 + body.n) >> 8));
	buf_char(b, (char)(64 + body.n));
	buf_add(b, "\xfeSMB\x40\0\0\0\0\0\0\0", 12);
	put16(b, m->command);
	put_zeros(b, 2);
	put16(b, m->side == APP_SERVER);
	put_zeros(b, 6);
	put16(b, (unsigned)m->mid);
	put_zeros(b, 10);
	put16(b, (unsigned)m->tree);
	put_zeros(b, 26);
	buf_add(b, body.p, body.n);
	buf_done(&body);
}

/* Bind and call of DCE/RPC: version, type, flags, little-endian, lengths, one context. */
#define BIND(id)                                                                                  \
	"\x05\0\x0b\x03\x10\0\0\0\x34\0\0\0\x01\0\0\0\0\x10\0\x10\0\0\0\0\x01\0\0\0\0\0\x01\0" id \
		id id id id id id id "\0\0\0\0"
#define CALL    "\x05\0\0\x03\x10\0\0\0\x1c\0\0\0\x02\0\0\0\x04\0\0\0\0\0\x07\0ARGS"
#define TEXT(s) s, sizeof(s) - 1

static void what_is_called_is_called_over_the_pipe_that_its_number_says(void **state)
{
	(void)state;
	static const struct said talk[] = {
		{ APP_CLIENT, 3, 1, 0, 0, TEXT("\\\\s\\IPC$") },
		{ APP_SERVER, 3, 1, 11, 0, TEXT("") },
		{ APP_CLIENT, 3, 2, 0, 0, TEXT("\\\\s\\docs") },
		{ APP_SERVER, 3, 2, 12, 0, TEXT("") },
		{ APP_CLIENT, 5, 3, 11, 0, TEXT("samr") },
		{ APP_CLIENT, 5, 4, 11, 0, TEXT("spoolss") },
		{ APP_CLIENT, 5, 5, 12, 0, TEXT("a.txt") },
		{ APP_SERVER, 5, 4, 11, 2, TEXT("") },
		{ APP_SERVER, 5, 3, 11, 1, TEXT("") },
		{ APP_SERVER, 5, 5, 12, 3, TEXT("") },
		{ APP_CLIENT, 9, 6, 11, 1, TEXT(BIND("ab")) },
		{ APP_CLIENT, 9, 7, 11, 2, TEXT(BIND("xy")) },
		{ APP_CLIENT, 9, 8, 11, 1, TEXT(CALL) },
		{ APP_CLIENT, 9, 9, 12, 3, TEXT("of the file") },
		{ APP_CLIENT, 9, 10, 11, 2, TEXT(CALL) },
	};
	struct buf said[ARRAY_LEN(talk)] = { { 0 } };
	struct step steps[ARRAY_LEN(talk)];
	struct told t = { 0 };
	for (size_t i = 0; i < ARRAY_LEN(talk); i++) {
		put_message(&said[i], &talk[i]);
		steps[i] = (struct step){ talk[i].side, said[i].p, said[i].n, 0 };
	}
	tell_all(&t, steps, ARRAY_LEN(talk), NULL, false, 445);
	assert_told(&t, (const char *[]){ "12 client done", "smb.named_pipe \"samr\"",
	                                  "dce_stub_data \"ARGS\"", "13 client done",
	                                  "file.data \"of the file\"", "14 client done",
	                                  "smb.named_pipe \"spoolss\"", "dce_stub_data \"ARGS\"",
	                                  NULL });
	assert_null(strstr(t.out.p, "odd"));
	for (size_t i = 0; i < ARRAY_LEN(talk); i++)
		buf_done(&said[i]);
	buf_done(&t.out);
}

static void damage_is_told_and_what_follows_is_read(void **state)
{
	(void)state;
	struct told t = { 0 };
	tell_corpus(&t, "damaged");
	assert_told(&t,
	            (const char *[]){ "odd: smb.malformed_data", "odd: smb.malformed_data",
	                              "odd: smb.malformed_data", "odd: smb.malformed_data", NULL });
	tell_corpus(&t, "gap");
	assert_told(&t,
	            (const char *[]){ "file.name \"x\"", "applayer_gap", "file.name \"y\"", NULL });
	buf_done(&t.out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(smb2_shows_shares_pipes_calls_and_files),
		cmocka_unit_test(smb1_shows_the_same_and_a_mixed_transaction),
		cmocka_unit_test(what_is_called_is_called_over_the_pipe_that_its_number_says),
		cmocka_unit_test(damage_is_told_and_what_follows_is_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
