#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/test.h"
#include "manager/ca/store.h"

static const char *const hosts[] = { "manager.example", "192.0.2.1" };

struct folder {
	char path[64];
	int dir;
};

static int setup(void **state)
{
	struct folder *f = xcalloc(1, sizeof(*f));
	struct err why = { { 0 } };
	snprintf(f->path, sizeof(f->path), "/tmp/yagura-ca.XXXXXX");
	assert_non_null(mkdtemp(f->path));
	f->dir = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(f->dir >= 0);
	if (authority_make(f->dir, hosts, 2, &why) < 0)
		fail_msg("%s", why.text);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct folder *f = *state;
	close(f->dir);
	file_remove_tree(AT_FDCWD, f->path);
	free(f);
	return 0;
}

static void what_is_made_is_not_made_again(void **state)
{
	struct folder *f = *state;
	struct err why = { { 0 } };
	AUTO(authority_done) struct authority a = { 0 }, b = { 0 };
	assert_int_equal(authority_load(f->dir, &a, &why), 0);
	assert_int_equal(authority_make(f->dir, hosts, 2, &why), 0);
	assert_int_equal(authority_load(f->dir, &b, &why), 0);
	assert_string_equal(a.ca.p, b.ca.p);
	assert_string_equal(a.server.p, b.server.p);
	assert_string_equal(a.policy_key.p, b.policy_key.p);
	assert_int_equal(cert_check(buf_view(&a.server), buf_view(&a.ca), &why), 0);
	assert_int_equal(cert_matches(buf_view(&a.server), buf_view(&a.server_key), &why), 0);
}

/* Puts another server certificate there, which ends in so many days. */
static void replace_server(struct folder *f, const struct issuer *ca, int days)
{
	struct err why = { { 0 } };
	AUTO(buf_done) struct buf key = { 0 }, cert = { 0 };
	assert_int_equal(key_new(KEY_TLS, &key, &why), 0);
	assert_int_equal(cert_new_server(ca, buf_view(&key), hosts, 2, days, &cert, &why), 0);
	assert_int_equal(file_replace(f->dir, "server.key", key.p, key.n, 0600), 0);
	assert_int_equal(file_replace(f->dir, "server.pem", cert.p, cert.n, 0600), 0);
}

static void a_server_certificate_near_its_end_is_made_anew(void **state)
{
	struct folder *f = *state;
	static const struct {
		int days, renewed;
	} cases[] = { { RENEW_DAYS + 1, 0 }, { RENEW_DAYS - 1, 1 }, { -1, 1 } };
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err why = { { 0 } };
		struct cert_facts facts;
		AUTO(authority_done) struct authority old = { 0 }, now = { 0 };
		assert_int_equal(authority_load(f->dir, &old, &why), 0);
		struct issuer ca = { buf_view(&old.ca), buf_view(&old.ca_key) };
		replace_server(f, &ca, cases[i].days);
		assert_int_equal(authority_load(f->dir, &now, &why), 0);
		assert_int_equal(authority_renew(f->dir, &now, &why), cases[i].renewed);
		assert_int_equal(cert_facts(buf_view(&now.server), &facts, &why), 0);
		assert_true(facts.until_ms > clock_ms() + 29ull * 24 * 3600 * 1000);
	}
}

static void a_server_certificate_of_another_ca_is_replaced(void **state)
{
	struct folder *f = *state;
	struct err why = { { 0 } };
	AUTO(buf_done) struct buf key = { 0 }, cert = { 0 };
	assert_int_equal(key_new(KEY_TLS, &key, &why), 0);
	assert_int_equal(cert_new_ca(buf_view(&key), "Other", 100, &cert, &why), 0);
	struct issuer other = { buf_view(&cert), buf_view(&key) };
	replace_server(f, &other, 100);
	AUTO(authority_done) struct authority a = { 0 };
	assert_int_equal(authority_load(f->dir, &a, &why), 0);
	assert_int_equal(authority_renew(f->dir, &a, &why), 1);
	assert_int_equal(cert_check(buf_view(&a.server), buf_view(&a.ca), &why), 0);
	assert_int_equal(unlinkat(f->dir, "server.pem", 0), 0);
	AUTO(authority_done) struct authority b = { 0 };
	assert_int_equal(authority_load(f->dir, &b, &why), 0);
	assert_int_equal(authority_renew(f->dir, &b, &why), 1);
}

static void keys_that_do_not_fit_are_refused(void **state)
{
	struct folder *f = *state;
	struct err why = { { 0 } };
	AUTO(buf_done) struct buf key = { 0 };
	AUTO(authority_done) struct authority a = { 0 };
	assert_int_equal(key_new(KEY_TLS, &key, &why), 0);
	assert_int_equal(file_replace(f->dir, "ca.key", key.p, key.n, 0600), 0);
	assert_int_equal(authority_load(f->dir, &a, &why), -EPERM);
	assert_int_equal(file_replace(f->dir, "ca.key", "x", 1, 0600), 0);
	assert_int_equal(authority_load(f->dir, &a, &why), -EBADMSG);
	assert_int_equal(unlinkat(f->dir, "ca.key", 0), 0);
	assert_int_equal(authority_load(f->dir, &a, &why), -ENOENT);
	assert_string_equal(why.text, "read ca.key: No such file or directory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_made_is_not_made_again, setup, teardown),
		cmocka_unit_test_setup_teardown(a_server_certificate_near_its_end_is_made_anew,
		                                setup, teardown),
		cmocka_unit_test_setup_teardown(a_server_certificate_of_another_ca_is_replaced,
		                                setup, teardown),
		cmocka_unit_test_setup_teardown(keys_that_do_not_fit_are_refused, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
