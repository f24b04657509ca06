#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/comms/address.h"
#include "agent/comms/identity.h"
#include "agent/comms/policy.h"
#include "agent/comms/proxies.h"
#include "agent/comms/zip.h"
#include "base/auto.h"
#include "base/base64.h"
#include "base/file.h"
#include "base/json.h"
#include "base/test.h"

/* What the agent keeps: addresses, proxies, its identity, the last good policy. */

struct place {
	char path[64];
	int dir;
};

static int setup(void **state)
{
	struct place *p = xcalloc(1, sizeof(*p));
	strcpy(p->path, "/tmp/keep_test.XXXXXX");
	assert_non_null(mkdtemp(p->path));
	p->dir = open(p->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;
	close(p->dir);
	file_remove_tree(AT_FDCWD, p->path);
	free(p);
	return 0;
}

static void addresses_are_taken_as_dsa_control_users_write_them(void **state)
{
	(void)state;
	static const struct {
		const char *why, *text, *written;
	} cases[] = {
		{ "as documented", "dsm://manager.example:443/", "dsm://manager.example:443/" },
		{ "no port", "dsm://manager.example/", "dsm://manager.example:4120/" },
		{ "no last slash", "dsm://10.0.0.1:4120", "dsm://10.0.0.1:4120/" },
		{ "a single slash", "dsm:/h:1/", "dsm://h:1/" },
		{ "IPv6", "dsm://[2001:db8::1]:4120/", "dsm://[2001:db8::1]:4120/" },
		{ "IPv6 without port", "dsm://[::1]/", "dsm://[::1]:4120/" },
		{ "capitals", "DSM://h:1/", "dsm://h:1/" },
		{ "another scheme", "http://h:1/", NULL },
		{ "no host", "dsm://:1/", NULL },
		{ "port 0", "dsm://h:0/", NULL },
		{ "a port too high", "dsm://h:65536/", NULL },
		{ "a path", "dsm://h:1/x", NULL },
		{ "an empty port", "dsm://h:/", NULL },
		{ "characters that no name has", "dsm://h h:1/", NULL },
		{ "an option for somebody's program", "dsm://-oX:1/", NULL },
		{ "a broken IPv6 address", "dsm://[::g]:1/", NULL },
		{ "nothing", "", NULL },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct address a = { { 0 }, 0 };
		char text[320] = "";
		struct err why = { { 0 } };
		int rc = address_parse(str_of(cases[i].text), "dsm", 4120, &a, &why);
		if (rc == 0)
			address_write(&a, "dsm", text, sizeof(text));
		if ((rc == 0) != (cases[i].written != NULL) ||
		    (rc == 0 && strcmp(text, cases[i].written) != 0) || (rc < 0 && !*why.text))
			fail_msg("%s: %d %s", cases[i].why, rc, text);
	}
}

static void proxies_are_kept_and_answered_as_scripts_expect(void **state)
{
	struct place *p = *state;
	struct proxies all = { 0 }, again = { 0 };
	struct err why = { { 0 } };
	AUTO(buf_done) struct buf b = { 0 };
	assert_int_equal(proxies_set(p->dir, &all, PROXY_DSM, "dsm_proxy://proxy:3128/", &b, &why),
	                 0);
	assert_string_equal(b.p,
	                    "Add proxy-address:[dsm_proxy] with value:[dsm_proxy://proxy:3128/]");
	buf_clear(&b);
	assert_int_equal(
		proxies_set(p->dir, &all, PROXY_RELAY, "relay_proxy:/proxy:3128/", &b, &why), 0);
	assert_string_equal(
		b.p,
		"Add relay proxy-address:[relay_proxy] with value:[relay_proxy://proxy:3128/]");
	assert_int_equal(proxies_set_user(p->dir, &all, PROXY_DSM, "me:pass:word", &b, &why), 0);
	assert_int_equal(proxies_load(p->dir, &again, &why), 0);
	assert_memory_equal(&all, &again, sizeof(all));
	assert_string_equal(again.p[PROXY_DSM].password, "pass:word");
	struct stat st;
	assert_int_equal(fstatat(p->dir, "proxies.json", &st, 0), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	buf_clear(&b);
	assert_int_equal(proxies_set(p->dir, &all, PROXY_DSM, "", &b, &why), 0);
	assert_string_equal(b.p, "Remove proxy-address:[dsm_proxy]");
	assert_int_equal(proxies_load(p->dir, &again, &why), 0);
	assert_false(again.p[PROXY_DSM].set);
	assert_true(again.p[PROXY_RELAY].set);
}

static void a_bad_proxy_changes_nothing(void **state)
{
	struct place *p = *state;
	struct proxies all = { 0 };
	struct err why = { { 0 } };
	AUTO(buf_done) struct buf b = { 0 };
	assert_int_equal(proxies_set(p->dir, &all, PROXY_DSM, "dsm_proxy://a:1/", &b, &why), 0);
	assert_true(proxies_set(p->dir, &all, PROXY_DSM, "socks://b:1/", &b, &why) < 0);
	assert_true(proxies_set(p->dir, &all, PROXY_DSM, "dsm_proxy://b/", &b, &why) < 0);
	assert_true(proxies_set_user(p->dir, &all, PROXY_DSM, "nopassword", &b, &why) < 0);
	assert_string_equal(all.p[PROXY_DSM].address.host, "a");
	assert_true(all.p[PROXY_DSM].set);
}

/* ---- a manager's answer ---- */

struct authority {
	struct buf ca_key, ca, policy_key;
	struct issuer issuer;
};

static void authority_make(struct authority *a)
{
	struct err why = { { 0 } };
	*a = (struct authority){ 0 };
	if (key_new(KEY_TLS, &a->ca_key, &why) < 0 ||
	    cert_new_ca(buf_view(&a->ca_key), "test CA", 10, &a->ca, &why) < 0 ||
	    key_new(KEY_SIGNING, &a->policy_key, &why) < 0)
		fail_msg("%s", why.text);
	a->issuer = (struct issuer){ buf_view(&a->ca), buf_view(&a->ca_key) };
}

static void authority_done(struct authority *a)
{
	buf_done(&a->ca_key);
	buf_done(&a->ca);
	buf_done(&a->policy_key);
}

static void answer_make(const struct authority *a, struct str key, struct buf *out)
{
	struct err why = { { 0 } };
	uint8_t public[PUBLIC_KEY_LEN];
	AUTO(buf_done) struct buf csr = { 0 }, cert = { 0 }, text = { 0 };
	if (csr_new(key, "agent", &csr, &why) < 0 ||
	    cert_new_client(&a->issuer, buf_view(&csr), "GUID-1", 10, &cert, &why) < 0 ||
	    key_public(buf_view(&a->policy_key), public, &why) < 0)
		fail_msg("%s", why.text);
	base64_encode(&text, (struct str){ (const char *)public, sizeof(public) });
	AUTO(json_decrefp) json_t *j = json_object();
	json_set_text(j, "certificate", cert.p);
	json_set_text(j, "policyKey", text.p);
	json_set_text(j, "hostGUID", "GUID-1");
	json_set_text(j, "tenantID", "TENANT");
	json_set_text(j, "managerGUID", "MANAGER");
	json_set_int(j, "computerID", 7);
	json_write(out, j);
}

static void activate(struct place *p, const struct authority *a, struct identity *id)
{
	struct err why = { { 0 } };
	AUTO(buf_done) struct buf key = { 0 }, answer = { 0 };
	const struct address manager = { "manager.example", 4120 };
	assert_int_equal(key_new(KEY_TLS, &key, &why), 0);
	answer_make(a, buf_view(&key), &answer);
	if (identity_keep(p->dir, &manager, buf_view(&key), buf_view(&a->ca), buf_view(&answer), id,
	                  &why) < 0)
		fail_msg("%s", why.text);
}

static void an_identity_is_kept_and_forgotten(void **state)
{
	struct place *p = *state;
	AUTO(authority_done) struct authority a;
	struct identity id = { 0 }, again = { 0 };
	struct err why = { { 0 } };
	struct stat st;
	authority_make(&a);
	assert_int_equal(identity_load(p->dir, &again, &why), 0);
	assert_false(again.valid);
	activate(p, &a, &id);
	assert_int_equal(identity_load(p->dir, &again, &why), 0);
	assert_memory_equal(&id, &again, sizeof(id));
	assert_true(again.valid);
	assert_int_equal(fstatat(p->dir, IDENTITY_KEY, &st, 0), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(identity_forget(p->dir), 0);
	assert_int_equal(identity_load(p->dir, &again, &why), 0);
	assert_false(again.valid);
	assert_int_equal(fstatat(p->dir, IDENTITY_KEY, &st, 0), -1);
}

static void a_certificate_for_another_key_or_of_another_ca_is_refused(void **state)
{
	struct place *p = *state;
	AUTO(authority_done) struct authority a, other;
	struct identity id = { 0 };
	struct err why = { { 0 } };
	const struct address manager = { "m", 1 };
	AUTO(buf_done) struct buf mine = { 0 }, theirs = { 0 }, answer = { 0 };
	authority_make(&a);
	authority_make(&other);
	assert_int_equal(key_new(KEY_TLS, &mine, &why), 0);
	assert_int_equal(key_new(KEY_TLS, &theirs, &why), 0);
	answer_make(&a, buf_view(&theirs), &answer);
	assert_true(identity_keep(p->dir, &manager, buf_view(&mine), buf_view(&a.ca),
	                          buf_view(&answer), &id, &why) < 0);
	buf_clear(&answer);
	answer_make(&a, buf_view(&mine), &answer);
	assert_true(identity_keep(p->dir, &manager, buf_view(&mine), buf_view(&other.ca),
	                          buf_view(&answer), &id, &why) < 0);
	assert_false(id.valid);
	assert_int_equal(identity_load(p->dir, &id, &why), 0);
	assert_false(id.valid);
}

static void damaged_files_are_an_error_and_not_a_new_agent(void **state)
{
	struct place *p = *state;
	AUTO(authority_done) struct authority a;
	struct identity id = { 0 };
	struct err why = { { 0 } };
	authority_make(&a);
	activate(p, &a, &id);
	assert_int_equal(file_replace(p->dir, IDENTITY_KEY, "x", 1, 0600), 0);
	assert_true(identity_load(p->dir, &id, &why) < 0);
	assert_int_equal(file_replace(p->dir, "identity.json", "{", 1, 0600), 0);
	assert_true(identity_load(p->dir, &id, &why) < 0);
}

/* ---- policies ---- */

static void sign(const struct authority *a, const char *text, struct buf *signature)
{
	uint8_t bytes[SIGNATURE_LEN];
	struct err why = { { 0 } };
	assert_int_equal(key_sign(buf_view(&a->policy_key), str_of(text), bytes, &why), 0);
	buf_clear(signature);
	buf_add(signature, bytes, sizeof(bytes));
}

static void only_a_whole_policy_of_ours_is_taken(void **state)
{
	struct place *p = *state;
	AUTO(authority_done) struct authority a, other;
	struct identity id = { 0 };
	authority_make(&a);
	authority_make(&other);
	activate(p, &a, &id);
	static const struct {
		const char *why, *text;
		uint64_t have;
		bool foreign;
		int rc;
	} cases[] = {
		{ "good", "{\"version\":3,\"hostGUID\":\"GUID-1\",\"sections\":{}}", 2, false, 0 },
		{ "the same again", "{\"version\":3,\"hostGUID\":\"GUID-1\",\"sections\":{}}", 3,
		  false, 0 },
		{ "older", "{\"version\":3,\"hostGUID\":\"GUID-1\",\"sections\":{}}", 4, false,
		  -1 },
		{ "another host's", "{\"version\":3,\"hostGUID\":\"GUID-2\",\"sections\":{}}", 0,
		  false, -1 },
		{ "another manager's", "{\"version\":3,\"hostGUID\":\"GUID-1\",\"sections\":{}}", 0,
		  true, -1 },
		{ "no version", "{\"hostGUID\":\"GUID-1\",\"sections\":{}}", 0, false, -1 },
		{ "no sections", "{\"version\":3,\"hostGUID\":\"GUID-1\"}", 0, false, -1 },
		{ "no JSON", "version 3", 0, false, -1 },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(policy_done) struct policy policy = { 0 };
		AUTO(buf_done) struct buf signature = { 0 };
		struct err why = { { 0 } };
		sign(cases[i].foreign ? &other : &a, cases[i].text, &signature);
		int rc = policy_check(str_of(cases[i].text), buf_view(&signature), &id,
		                      cases[i].have, &policy, &why);
		if ((rc < 0) != (cases[i].rc < 0) || (rc < 0 && !*why.text))
			fail_msg("%s: %d %s", cases[i].why, rc, why.text);
	}
}

static void one_changed_bit_in_the_kept_policy_is_found(void **state)
{
	struct place *p = *state;
	static const char text[] =
		"{\"version\":9,\"hostGUID\":\"GUID-1\",\"settings\":"
		"{\"platformSettingHeartbeatInterval\":\"1 Minute\"},\"sections\":{}}";
	AUTO(authority_done) struct authority a;
	AUTO(buf_done) struct buf signature = { 0 }, file = { 0 };
	AUTO(policy_done) struct policy policy = { 0 };
	struct identity id = { 0 };
	struct err why = { { 0 } };
	authority_make(&a);
	activate(p, &a, &id);
	assert_int_equal(policy_load(p->dir, &id, &policy, &why), -ENOENT);
	sign(&a, text, &signature);
	assert_int_equal(policy_keep(p->dir, str_of(text), buf_view(&signature)), 0);
	assert_int_equal(policy_load(p->dir, &id, &policy, &why), 0);
	assert_int_equal(policy.version, 9);
	assert_string_equal(policy_setting(&policy, "platformSettingHeartbeatInterval", ""),
	                    "1 Minute");
	assert_int_equal(file_read(p->dir, "policy.json", 1 << 20, &file), 0);
	for (size_t bit = 0; bit < file.n * 8; bit += 13) {
		AUTO(policy_done) struct policy bad = { 0 };
		file.p[bit / 8] = (char)(file.p[bit / 8] ^ (1 << bit % 8));
		assert_int_equal(file_replace(p->dir, "policy.json", file.p, file.n, 0600), 0);
		assert_int_equal(policy_load(p->dir, &id, &bad, &why), -EPERM);
		file.p[bit / 8] = (char)(file.p[bit / 8] ^ (1 << bit % 8));
	}
	assert_int_equal(file_replace(p->dir, "policy.json", file.p, 40, 0600), 0);
	AUTO(policy_done) struct policy cut = { 0 };
	assert_int_equal(policy_load(p->dir, &id, &cut, &why), -EBADMSG);
}

static void durations_are_read_as_the_settings_write_them(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		uint64_t ms;
	} cases[] = { { "10 Minutes", 600000 }, { "1 Minute", 60000 },
		      { "60 Seconds", 60000 },  { "2 Hours", 7200000 },
		      { "1 hour", 3600000 },    { "0 Minutes", 0 },
		      { "Minutes", 0 },         { "10", 0 },
		      { "10 Years", 0 },        { "", 0 },
		      { "10 Minutess", 0 } };
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(policy_duration(cases[i].text), cases[i].ms);
}

static int python(const char *script, const char *path)
{
	int status = -1;
	pid_t child = fork();
	if (child == 0) {
		execlp("python3", "python3", "-c", script, path, (char *)NULL);
		_exit(127);
	}
	return waitpid(child, &status, 0) == child ? status : -1;
}

static void a_zip_is_one_that_other_programs_read(void **state)
{
	struct place *p = *state;
	AUTO(zip_done) struct zip z = { 0 };
	char path[256];
	zip_add(&z, "a.txt", STR("first"));
	zip_add(&z, "b.txt", STR(""));
	zip_add(&z, "c.txt", STR("third\n"));
	zip_end(&z);
	assert_int_equal(file_replace(p->dir, "x.zip", z.out.p, z.out.n, 0600), 0);
	snprintf(path, sizeof(path), "%s/x.zip", p->path);
	assert_int_equal(
		python("import zipfile,sys; z=zipfile.ZipFile(sys.argv[1]); "
	               "sys.exit(z.testzip() is not None or z.read('a.txt') != b'first' or "
	               "z.namelist() != ['a.txt','b.txt','c.txt'])",
	               path),
		0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(addresses_are_taken_as_dsa_control_users_write_them),
		T(proxies_are_kept_and_answered_as_scripts_expect),
		T(a_bad_proxy_changes_nothing),
		T(an_identity_is_kept_and_forgotten),
		T(a_certificate_for_another_key_or_of_another_ca_is_refused),
		T(damaged_files_are_an_error_and_not_a_new_agent),
		T(only_a_whole_policy_of_ours_is_taken),
		T(one_changed_bit_in_the_kept_policy_is_found),
		T(durations_are_read_as_the_settings_write_them),
		T(a_zip_is_one_that_other_programs_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
