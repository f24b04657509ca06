/* The manager's processes as they run, around a made-up core: this program is the manager, too. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/base64.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/test.h"
#include "manager/manager.h"
#include "net/client.h"

enum { PATIENCE_MS = 60000 };

struct fixture {
	char dir[64], ca[100];
	unsigned console, agent;
	pid_t pid;
	struct loop loop;
	struct client *client;
};

struct result {
	bool done;
	int rc, status;
	struct buf body;
	char type[128], error[512];
};

static unsigned free_port(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(a);
	AUTO(closep) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
	return ntohs(a.sin_port);
}

/* Starts this program as the manager with the fixture's options and, maybe, one more. */
static pid_t start(struct fixture *f, const char *more, const char *out)
{
	char ports[2][12], dirs[4][100];
	static const char *const names[] = { "etc", "lib", "run", "console" };
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		snprintf(dirs[i], sizeof(dirs[i]), "--%s=%s/%s", names[i], f->dir, names[i]);
	snprintf(ports[0], sizeof(ports[0]), "%u", f->console);
	snprintf(ports[1], sizeof(ports[1]), "%u", f->agent);
	const char *const argv[] = { "manager", dirs[0],          dirs[1],           dirs[2],
		                     dirs[3],   "--console-port", ports[0],          "--agent-port",
		                     ports[1],  "--host",         "manager.example", more,
		                     NULL };
	pid_t pid = fork();
	if (pid == 0) {
		int fd = open(out, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
		if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0)
			_exit(126);
		execv("/proc/self/exe", (char **)(uintptr_t)argv);
		_exit(127);
	}
	assert_true(pid > 0);
	return pid;
}

static int wait_for(pid_t pid)
{
	int status = -1;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void run_setup(struct fixture *f, struct buf *printed, int expected)
{
	char out[100];
	snprintf(out, sizeof(out), "%s/setup.out", f->dir);
	unlink(out);
	assert_int_equal(wait_for(start(f, "--setup", out)), expected);
	assert_int_equal(file_read(AT_FDCWD, out, 100000, printed), 0);
}

static void put(struct fixture *f, const char *name, const char *text)
{
	char path[200];
	snprintf(path, sizeof(path), "%s/%s", f->dir, name);
	char *slash = strrchr(path, '/');
	*slash = '\0';
	assert_int_equal(file_mkdirs(AT_FDCWD, path, 0755, (uid_t)-1, (gid_t)-1), 0);
	*slash = '/';
	assert_int_equal(file_replace(AT_FDCWD, path, text, strlen(text), 0644), 0);
}

static void done(void *arg, const struct reply *reply)
{
	struct result *r = arg;
	r->done = true;
	r->rc = reply->rc;
	r->status = reply->status;
	buf_str(&r->body, reply->body);
	snprintf(r->type, sizeof(r->type), "%s", reply->type);
	snprintf(r->error, sizeof(r->error), "%s", reply->error ? reply->error : "");
}

static void result_done(struct result *r)
{
	buf_done(&r->body);
}

static struct call_options options(const struct fixture *f, bool agent, const char *method,
                                   const char *path)
{
	static char url[300];
	snprintf(url, sizeof(url), "https://localhost:%u%s", agent ? f->agent : f->console, path);
	return (struct call_options){
		.method = method, .url = url, .ca_file = f->ca, .done = done, .fresh = true
	};
}

static void call(struct fixture *f, struct call_options *o, struct result *r)
{
	struct err why = { { 0 } };
	*r = (struct result){ 0 };
	o->arg = r;
	if (client_call(f->client, o, NULL, &why) < 0)
		fail_msg("%s", why.text);
	while (!r->done)
		loop_once(&f->loop, 1000);
}

/* Until the manager serves; it starts its processes one after the other. */
static void until_up(struct fixture *f)
{
	uint64_t end = clock_mono_ms() + PATIENCE_MS;
	for (bool up = false; !up;) {
		AUTO(result_done) struct result r;
		struct call_options o = options(f, false, "GET", "/api/x");
		call(f, &o, &r);
		up = r.status == 200;
		assert_true(clock_mono_ms() < end);
		if (!up)
			usleep(50000);
	}
}

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	AUTO(buf_done) struct buf printed = { 0 };
	struct err why = { { 0 } };
	char log[100];
	snprintf(f->dir, sizeof(f->dir), "/tmp/yagura-manager.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	assert_int_equal(chmod(f->dir, 0755), 0);
	snprintf(f->ca, sizeof(f->ca), "%s/etc/ca.pem", f->dir);
	f->console = free_port();
	f->agent = free_port();
	put(f, "console/index.html", "<!doctype html><title>console</title>");
	put(f, "console/assets/app-1a2b.js", "plain();");
	put(f, "console/assets/app-1a2b.js.gz", "compressed");
	run_setup(f, &printed, 0);
	snprintf(log, sizeof(log), "%s/log", f->dir);
	f->pid = start(f, NULL, log);
	assert_int_equal(loop_init(&f->loop), 0);
	assert_int_equal(client_new(&f->client, &f->loop, &why), 0);
	*state = f;
	until_up(f);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	AUTO(buf_done) struct buf log = { 0 };
	char path[100];
	kill(f->pid, SIGTERM);
	int status = wait_for(f->pid);
	snprintf(path, sizeof(path), "%s/log", f->dir);
	file_read(AT_FDCWD, path, 1 << 20, &log);
	if (status != 0 || strstr(log.p, "Sanitizer"))
		fail_msg("ended with %d: %s", status, log.p);
	client_free(f->client);
	loop_done(&f->loop);
	file_remove_tree(AT_FDCWD, f->dir);
	free(f);
	return 0;
}

static void setup_prints_a_password_once_and_changes_nothing_afterwards(void **state)
{
	struct fixture *f = *state;
	AUTO(buf_done) struct buf again = { 0 }, before = { 0 }, after = { 0 };
	assert_int_equal(file_read(AT_FDCWD, f->ca, 10000, &before), 0);
	run_setup(f, &again, 0);
	assert_non_null(strstr(again.p, "already"));
	assert_null(strstr(again.p, "Password"));
	assert_int_equal(file_read(AT_FDCWD, f->ca, 10000, &after), 0);
	assert_string_equal(before.p, after.p);
	struct stat st;
	char path[200];
	snprintf(path, sizeof(path), "%s/etc/ca", f->dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_true(st.st_uid != 0);
	snprintf(path, sizeof(path), "%s/etc/ca/ca.key", f->dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	/* Without its CA a database is not touched. */
	snprintf(path, sizeof(path), "%s/etc/ca/ca.pem", f->dir);
	assert_int_equal(unlink(path), 0);
	AUTO(buf_done) struct buf refused = { 0 };
	run_setup(f, &refused, 2);
	assert_non_null(strstr(refused.p, "its CA"));
	assert_int_equal(file_replace(AT_FDCWD, path, before.p, before.n, 0644), 0);
}

static void the_api_is_asked_through_front_and_core(void **state)
{
	struct fixture *f = *state;
	AUTO(result_done) struct result r;
	AUTO(buf_done) struct buf big = { 0 };
	for (int i = 0; i < 200000; i++)
		buf_char(&big, 'x');
	struct call_options o = options(f, false, "POST", "/api/a?q=1&q=2");
	o.body = buf_view(&big);
	call(f, &o, &r);
	assert_int_equal(r.status, 200);
	assert_string_equal(r.type, "application/json");
	AUTO(json_decrefp) json_t *j = json_parse(buf_view(&r.body), NULL);
	assert_string_equal(json_text(j, "method", ""), "POST");
	assert_int_equal(json_int(j, "length", 0), 200000);
	assert_false(json_bool(j, "agent", true));
	assert_int_equal(json_array_size(json_array_at(json_object_at(j, "query"), "q")), 2);
	AUTO(result_done) struct result large;
	o = options(f, false, "GET", "/api/big");
	call(f, &o, &large);
	assert_int_equal(large.body.n, 500000);
}

static void the_console_s_files_are_served_as_they_should(void **state)
{
	struct fixture *f = *state;
	static const char *const gzip[] = { "Accept-Encoding: br, gzip", NULL };
	static const struct {
		const char *why, *method, *path;
		const char *const *headers;
		int status;
		const char *begins, *type;
	} cases[] = {
		{ "the page", "GET", "/", NULL, 200, "<!doctype", "text/html; charset=utf-8" },
		{ "a route of its own", "GET", "/computers/5", NULL, 200, "<!doctype",
		  "text/html; charset=utf-8" },
		{ "a script", "GET", "/assets/app-1a2b.js", NULL, 200, "plain",
		  "text/javascript; charset=utf-8" },
		{ "compressed", "GET", "/assets/app-1a2b.js", gzip, 200, "compressed",
		  "text/javascript; charset=utf-8" },
		{ "a missing script", "GET", "/assets/x.js", NULL, 404, "{\"message\":\"",
		  "application/json" },
		{ "a missing file", "GET", "/favicon.ico", NULL, 404, "{\"message\":\"",
		  "application/json" },
		{ "another method", "POST", "/", NULL, 405, "{\"message\":\"", "application/json" },
		{ "no agents here", "GET", "/agent/ca", NULL, 200, "<!doctype",
		  "text/html; charset=utf-8" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(result_done) struct result r;
		struct call_options o = options(f, false, cases[i].method, cases[i].path);
		o.headers = cases[i].headers;
		call(f, &o, &r);
		if (r.status != cases[i].status || strcmp(r.type, cases[i].type) != 0 ||
		    !str_starts(buf_view(&r.body), str_of(cases[i].begins)))
			fail_msg("%s: %d %s %s", cases[i].why, r.status, r.type, r.body.p);
	}
}

static void an_agent_gets_a_certificate_and_is_known_by_it(void **state)
{
	struct fixture *f = *state;
	AUTO(buf_done) struct buf key = { 0 }, csr = { 0 };
	struct err why = { { 0 } };
	char cert_file[200], key_file[200];
	assert_int_equal(key_new(KEY_TLS, &key, &why), 0);
	assert_int_equal(csr_new(buf_view(&key), "me", &csr, &why), 0);
	AUTO(result_done) struct result r;
	struct call_options o = options(f, true, "POST", "/agent/activate");
	o.body = buf_view(&csr);
	call(f, &o, &r);
	if (r.status != 200)
		fail_msg("%d %s %s", r.status, r.error, r.body.p);
	struct cert_facts facts;
	assert_int_equal(cert_facts(buf_view(&r.body), &facts, &why), 0);
	assert_string_equal(facts.cn, "00000000-0000-4000-8000-000000000001");
	put(f, "cert.pem", r.body.p);
	put(f, "key.pem", key.p);
	snprintf(cert_file, sizeof(cert_file), "%s/cert.pem", f->dir);
	snprintf(key_file, sizeof(key_file), "%s/key.pem", f->dir);
	AUTO(result_done) struct result known;
	o = options(f, true, "GET", "/agent/policy");
	o.cert_file = cert_file;
	o.key_file = key_file;
	call(f, &o, &known);
	assert_non_null(strstr(known.body.p, "\"agent\":true"));
	assert_non_null(strstr(known.body.p, facts.cn));
	AUTO(result_done) struct result refused;
	o = options(f, true, "POST", "/agent/wrongname");
	o.body = buf_view(&csr);
	call(f, &o, &refused);
	assert_int_equal(refused.status, 400);
	AUTO(result_done) struct result hostile;
	o = options(f, true, "POST", "/agent/activate");
	o.body = STR("no request at all");
	call(f, &o, &hostile);
	assert_int_equal(hostile.status, 400);
	AUTO(result_done) struct result elsewhere;
	o = options(f, true, "GET", "/api/computers");
	call(f, &o, &elsewhere);
	assert_int_equal(elsewhere.status, 404);
}

static void a_policy_is_signed_with_the_key_that_is_told(void **state)
{
	struct fixture *f = *state;
	AUTO(result_done) struct result r, about;
	AUTO(buf_done) struct buf key = { 0 }, signature = { 0 };
	struct call_options o = options(f, false, "POST", "/api/sign");
	o.body = STR("a policy");
	call(f, &o, &r);
	o = options(f, false, "GET", "/api/x");
	call(f, &o, &about);
	AUTO(json_decrefp) json_t *j = json_parse(buf_view(&about.body), NULL);
	assert_int_equal(base64_decode(&key, str_of(json_text(j, "policyKey", ""))), 0);
	assert_int_equal(base64_decode(&signature, buf_view(&r.body)), 0);
	assert_int_equal(key.n, PUBLIC_KEY_LEN);
	assert_int_equal(signature_check((uint8_t *)key.p, STR("a policy"), buf_view(&signature)),
	                 0);
	assert_int_equal(signature_check((uint8_t *)key.p, STR("a polizy"), buf_view(&signature)),
	                 -EPERM);
}

static void a_stream_comes_through_and_a_dead_core_ends_it(void **state)
{
	struct fixture *f = *state;
	AUTO(result_done) struct result stream = { 0 };
	struct err why = { { 0 } };
	struct call_options o = options(f, false, "GET", "/api/stream");
	o.arg = &stream;
	assert_int_equal(client_call(f->client, &o, NULL, &why), 0);
	for (int i = 0; i < 20; i++)
		loop_once(&f->loop, 50);
	AUTO(result_done) struct result said;
	o = options(f, false, "POST", "/api/say");
	o.body = STR("data: 2\n\n");
	call(f, &o, &said);
	for (int i = 0; i < 20; i++)
		loop_once(&f->loop, 50);
	assert_false(stream.done);
	AUTO(result_done) struct result died;
	o = options(f, false, "POST", "/api/die");
	call(f, &o, &died);
	assert_int_equal(died.status, 503);
	assert_string_equal(died.body.p, "{\"message\":\"The manager is starting again\"}");
	while (!stream.done)
		loop_once(&f->loop, 1000);
	assert_string_equal(stream.body.p, "data: 1\n\ndata: 2\n\n");
	until_up(f);
}

static void time_passes_in_the_core(void **state)
{
	struct fixture *f = *state;
	int64_t ticks = 0;
	uint64_t end = clock_mono_ms() + PATIENCE_MS;
	while (ticks < 2) {
		AUTO(result_done) struct result r;
		struct call_options o = options(f, false, "GET", "/api/x");
		call(f, &o, &r);
		AUTO(json_decrefp) json_t *j = json_parse(buf_view(&r.body), NULL);
		ticks = json_int(j, "ticks", 0);
		assert_true(clock_mono_ms() < end);
		usleep(100000);
	}
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return proc_main(&manager_program, argc, argv);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(setup_prints_a_password_once_and_changes_nothing_afterwards),
		cmocka_unit_test(the_api_is_asked_through_front_and_core),
		cmocka_unit_test(the_console_s_files_are_served_as_they_should),
		cmocka_unit_test(an_agent_gets_a_certificate_and_is_known_by_it),
		cmocka_unit_test(a_policy_is_signed_with_the_key_that_is_told),
		cmocka_unit_test(a_stream_comes_through_and_a_dead_core_ends_it),
		cmocka_unit_test(time_passes_in_the_core),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
