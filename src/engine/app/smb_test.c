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
		cmocka_unit_test(damage_is_told_and_what_follows_is_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
