#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/comms/comms.h"
#include "base/auto.h"
#include "base/base64.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/test.h"
#include "base/wire.h"
#include "net/server.h"

/* comms between a manager, the other processes and a tool, all of them made up here. */

enum { PATIENCE = 20000 /* ms, for a machine that is busy */ };

/* ---- the manager ---- */

struct fake_manager {
	struct buf ca_key, ca, key, cert, policy_key, other_key;
	char fingerprint[FINGERPRINT_LEN];
	struct server *server;
	uint16_t port;
	int version;     /* of the policy that it has */
	bool tampered;   /* its signature is another's */
	bool gone;       /* answers 410 */
	int fail_events; /* so many uploads are answered with 503 */
	int activations, heartbeats, uploads;
	uint64_t acked;
	struct request *waiting; /* GET /agent/commands */
	const char *command;     /* JSON to be handed out once */
	json_t *results;         /* of the last POST /agent/results */
	json_t *body;            /* of the last activation */
	json_t *files;           /* of the last POST /agent/identifiedfiles */
	char sent_file[64];
};

struct world {
	char path[64];
	struct self me;
	struct program program;
	struct peer others[P_COUNT]; /* their ends */
	struct buf said[P_COUNT];    /* "TYPE body\n" of what they were told */
	int control;
	struct fake_manager m;
	/* the tool */
	struct watch tool;
	struct buf tool_in;
	bool tool_done;
};

static void answer(struct request *r, int status, json_t *j)
{
	AUTO(buf_done) struct buf b = { 0 };
	static const struct pair type = { { "Content-Type", 12 }, { "application/json", 16 } };
	const struct reply_head head = { status, &type, 1 };
	json_write(&b, j);
	json_decref(j);
	request_answer(r, &head, buf_view(&b));
}

static void on_activate(struct fake_manager *m, struct request *r)
{
	struct err why = { { 0 } };
	AUTO(buf_done) struct buf cert = { 0 }, text = { 0 };
	uint8_t public[PUBLIC_KEY_LEN];
	const struct issuer issuer = { buf_view(&m->ca), buf_view(&m->ca_key) };
	m->activations++;
	json_decref(m->body);
	m->body = json_parse(r->body, &why);
	assert_non_null(m->body);
	if (strcmp(json_text(m->body, "token", ""), "RIGHT") != 0) {
		request_fail(r, 400, "the token is wrong");
		return;
	}
	struct str csr = str_of(json_text(m->body, "csr", ""));
	if (csr_check(csr, &why) < 0 ||
	    cert_new_client(&issuer, csr, "GUID-1", 10, &cert, &why) < 0 ||
	    key_public(buf_view(&m->policy_key), public, &why) < 0)
		fail_msg("%s", why.text);
	base64_encode(&text, (struct str){ (const char *)public, sizeof(public) });
	json_t *j = json_object();
	json_set_text(j, "certificate", cert.p);
	json_set_text(j, "ca", m->ca.p);
	json_set_text(j, "policyKey", text.p);
	json_set_text(j, "hostGUID", "GUID-1");
	json_set_text(j, "tenantID", "TENANT");
	json_set_text(j, "managerGUID", "MANAGER");
	json_set_int(j, "computerID", 7);
	answer(r, 200, j);
}

static void on_policy(struct fake_manager *m, struct request *r)
{
	AUTO(buf_done) struct buf policy = { 0 }, p64 = { 0 }, s64 = { 0 };
	uint8_t signature[SIGNATURE_LEN];
	struct err why = { { 0 } };
	buf_fmt(&policy,
	        "{\"version\":%d,\"hostGUID\":\"GUID-1\",\"settings\":"
	        "{\"platformSettingHeartbeatInterval\":\"1 Seconds\"},\"sections\":{}}",
	        m->version);
	const struct buf *key = m->tampered ? &m->other_key : &m->policy_key;
	assert_int_equal(key_sign(buf_view(key), buf_view(&policy), signature, &why), 0);
	base64_encode(&p64, buf_view(&policy));
	base64_encode(&s64, (struct str){ (const char *)signature, sizeof(signature) });
	json_t *j = json_object();
	json_set_text(j, "policy", p64.p);
	json_set_text(j, "signature", s64.p);
	answer(r, 200, j);
}

static void hand_out(struct fake_manager *m, struct request *r)
{
	AUTO(buf_done) struct buf b = { 0 };
	buf_fmt(&b, "{\"commands\":[%s],\"policyVersion\":%d}", m->command ? m->command : "",
	        m->version);
	m->command = NULL;
	m->waiting = NULL;
	answer(r, 200, json_parse(buf_view(&b), NULL));
}

/* Lets the long poll go, with the command or with the news of a policy. */
static void wake(struct fake_manager *m, const char *command)
{
	m->command = command;
	if (m->waiting)
		hand_out(m, m->waiting);
}

static void on_events(struct fake_manager *m, struct request *r)
{
	m->uploads++;
	if (m->fail_events > 0) {
		m->fail_events--;
		request_fail(r, 503, "busy");
		return;
	}
	AUTO(json_decrefp) json_t *j = json_parse(r->body, NULL);
	m->acked =
		(uint64_t)json_int(j, "first", 0) + json_array_size(json_array_at(j, "events")) - 1;
	json_t *a = json_object();
	json_set_int(a, "acked", (int64_t)m->acked);
	answer(r, 200, a);
}

static void handle(void *owner, struct request *r)
{
	struct fake_manager *m = owner;
	if (str_is(r->uri.path, "/agent/ca")) {
		json_t *j = json_object();
		json_set_text(j, "ca", m->ca.p);
		answer(r, 200, j);
	} else if (str_is(r->uri.path, "/agent/activate")) {
		on_activate(m, r);
	} else if (!r->trusted) {
		request_fail(r, 403, "untrusted peer");
	} else if (m->gone) {
		request_fail(r, 410, "computer is not activated");
	} else if (str_is(r->uri.path, "/agent/policy")) {
		on_policy(m, r);
	} else if (str_is(r->uri.path, "/agent/heartbeat")) {
		m->heartbeats++;
		json_t *j = json_object();
		json_set_int(j, "policyVersion", m->version);
		answer(r, 200, j);
	} else if (str_is(r->uri.path, "/agent/commands")) {
		m->waiting = r;
		if (m->command)
			hand_out(m, r);
	} else if (str_is(r->uri.path, "/agent/events")) {
		on_events(m, r);
	} else if (str_is(r->uri.path, "/agent/results")) {
		json_decref(m->results);
		m->results = json_parse(r->body, NULL);
		answer(r, 200, json_object());
	} else if (str_is(r->uri.path, "/agent/identifiedfiles")) {
		json_decref(m->files);
		m->files = json_parse(r->body, NULL);
		answer(r, 200, json_object());
	} else if (str_starts(r->uri.path, STR("/agent/files/"))) {
		snprintf(m->sent_file, sizeof(m->sent_file), "%.*s=%.*s", STR_ARG(r->uri.path),
		         STR_ARG(r->body));
		answer(r, 200, json_object());
	} else {
		request_fail(r, 404, "no such path");
	}
}

static void gone(void *owner, struct request *r)
{
	struct fake_manager *m = owner;
	if (m->waiting == r)
		m->waiting = NULL;
}

static int listen_somewhere(uint16_t *port)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
		                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	at.sin_port = htons(*port);
	int on = 1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(fd, 16), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &n), 0);
	*port = ntohs(at.sin_port);
	return fd;
}

static void manager_keys(struct fake_manager *m)
{
	struct err why = { { 0 } };
	static const char *const names[] = { "127.0.0.1", "localhost" };
	struct cert_facts facts;
	if (key_new(KEY_TLS, &m->ca_key, &why) < 0 ||
	    cert_new_ca(buf_view(&m->ca_key), "test CA", 10, &m->ca, &why) < 0 ||
	    key_new(KEY_TLS, &m->key, &why) < 0 ||
	    cert_new_server(&(struct issuer){ buf_view(&m->ca), buf_view(&m->ca_key) },
	                    buf_view(&m->key), names, 2, 10, &m->cert, &why) < 0 ||
	    key_new(KEY_SIGNING, &m->policy_key, &why) < 0 ||
	    key_new(KEY_SIGNING, &m->other_key, &why) < 0 ||
	    cert_facts(buf_view(&m->ca), &facts, &why) < 0)
		fail_msg("%s", why.text);
	snprintf(m->fingerprint, sizeof(m->fingerprint), "%s", facts.fingerprint);
	buf_str(&m->cert, buf_view(&m->ca)); /* the chain */
}

static void manager_start(struct world *w)
{
	struct fake_manager *m = &w->m;
	struct err why = { { 0 } };
	int fd = listen_somewhere(&m->port);
	const struct server_options o = { .loop = &w->me.loop,
		                          .ask_cert = true,
		                          .port = m->port,
		                          .handle = handle,
		                          .gone = gone,
		                          .owner = m };
	const struct server_tls tls = { buf_view(&m->cert), buf_view(&m->key), buf_view(&m->ca) };
	if (server_new(&m->server, &o, &tls, &why) < 0 || server_listen(m->server, fd, &why) < 0)
		fail_msg("%s", why.text);
}

static void manager_stop(struct world *w)
{
	server_free(w->m.server);
	w->m.server = NULL;
	w->m.waiting = NULL;
}

/* ---- the other processes ---- */

static int other_got(struct peer *p, struct imsg *m)
{
	struct world *w = p->owner;
	AUTO(imsg_body_done) struct imsg_body body = { 0 };
	unsigned me = (unsigned)(p - w->others);
	assert_int_equal(imsg_body(m, 1 << 20, &body), 0);
	buf_fmt(&w->said[me], "%s %u ", agent_rules[m->type].name, m->id);
	if (m->type == M_BATCH_DONE) {
		struct rd r = rd_init(body.s.p, body.s.n);
		buf_fmt(&w->said[me], "%" PRIu64, rd_u64(&r));
	} else {
		buf_safe(&w->said[me], body.s);
	}
	buf_char(&w->said[me], '\n');
	if (m->type == M_EVENT)
		return peer_send_big(p, M_EVENT_KEPT, m->id, (struct str){ 0 });
	return 0;
}

static void other_lost(struct peer *p)
{
	(void)p;
}

static int comms_got(struct peer *p, struct imsg *m)
{
	struct self *me = p->owner;
	assert_non_null(comms_on[m->type]);
	return comms_on[m->type](me, p, m);
}

static void join(struct world *w, unsigned who)
{
	int pair[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	struct peer *mine = &w->me.peers[(size_t)who * INSTANCES_MAX], *other = &w->others[who];
	mine->owner = &w->me;
	mine->got = comms_got;
	mine->lost = other_lost;
	other->owner = w;
	other->got = other_got;
	other->lost = other_lost;
	assert_int_equal(peer_init(mine, &w->me.loop, pair[0], who, 0), 0);
	assert_int_equal(peer_init(other, &w->me.loop, pair[1], P_COMMS, 0), 0);
}

static void tell(struct world *w, unsigned who, uint32_t type, uint32_t id, const char *body)
{
	assert_int_equal(peer_send_big(&w->others[who], type, id, str_of(body)), 0);
}

/* ---- the world ---- */

static void start_comms(struct world *w)
{
	struct birth_fd fds[BIRTH_FDS_MAX] = { 0 };
	struct self guard = { .program = &w->program, .lib = w->path, .run = w->path };
	int n = comms_prepare(&guard, 0, fds);
	assert_int_equal(n, 3);
	memcpy(w->me.fds, fds, sizeof(fds));
	w->me.nfds = 3;
	assert_int_equal(comms_start(&w->me), 0);
	for (unsigned i = 0; i < P_COUNT; i++)
		if (i != P_COMMS)
			comms_up(&w->me, self_peer(&w->me, i, 0));
}

static const struct proc rows[P_COUNT] = { { .name = "guard" },
	                                   { .name = "comms" },
	                                   { .name = "spool" },
	                                   { .name = "files" },
	                                   { .name = "tree" },
	                                   { .name = "scan" },
	                                   [P_PACKET] = { .name = "packet", .instances = 2 } };

static int setup(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));
	strcpy(w->path, "/tmp/comms_test.XXXXXX");
	assert_non_null(mkdtemp(w->path));
	w->program = (struct program){
		.procs = rows, .nprocs = P_COUNT, .rules = agent_rules, .nrules = M_COUNT
	};
	w->me = (struct self){ .program = &w->program,
		               .proc = &rows[P_COMMS],
		               .id = P_COMMS,
		               .lib = w->path,
		               .run = w->path };
	w->me.peers = xcalloc((size_t)P_COUNT * INSTANCES_MAX, sizeof(*w->me.peers));
	assert_int_equal(loop_init(&w->me.loop), 0);
	w->tool.fd = -1;
	for (unsigned i = 0; i < P_COUNT; i++)
		if (i != P_COMMS)
			join(w, i);
	manager_keys(&w->m);
	w->m.version = 1;
	manager_start(w);
	start_comms(w);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	comms_stop(&w->me);
	manager_stop(w);
	loop_del(&w->me.loop, &w->tool);
	for (unsigned i = 0; i < P_COUNT; i++) {
		peer_done(&w->others[i]);
		peer_done(&w->me.peers[(size_t)i * INSTANCES_MAX]);
		buf_done(&w->said[i]);
	}
	loop_done(&w->me.loop);
	struct buf *keys[] = { &w->m.ca_key,     &w->m.ca,        &w->m.key,  &w->m.cert,
		               &w->m.policy_key, &w->m.other_key, &w->tool_in };
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		buf_done(keys[i]);
	json_decref(w->m.results);
	json_decref(w->m.body);
	json_decref(w->m.files);
	free(w->me.peers);
	assert_int_equal(chdir("/"), 0);
	file_remove_tree(AT_FDCWD, w->path);
	free(w);
	return 0;
}

/* Runs the loop until the text was told to a process, which is then forgotten. */
static void until_told(struct world *w, unsigned who, const char *text)
{
	uint64_t end = clock_mono_ms() + PATIENCE;
	while (!w->said[who].p || !strstr(w->said[who].p, text)) {
		if (clock_mono_ms() > end)
			fail_msg("%s was not told \"%s\" but:\n%s", rows[who].name, text,
			         w->said[who].p ? w->said[who].p : "nothing");
		assert_int_equal(loop_once(&w->me.loop, 50), 0);
	}
	buf_clear(&w->said[who]);
}

#define UNTIL(w, condition)                                               \
	for (uint64_t end_ = clock_mono_ms() + PATIENCE; !(condition);) { \
		if (clock_mono_ms() > end_)                               \
			fail_msg("never came: %s", #condition);           \
		assert_int_equal(loop_once(&(w)->me.loop, 50), 0);        \
	}

static void tool_ready(struct watch *watch, uint32_t events)
{
	(void)events;
	struct world *w = CONTAINER_OF(watch, struct world, tool);
	char *room = buf_room(&w->tool_in, 4096);
	ssize_t n = read(watch->fd, room, 4096);
	if (n > 0)
		w->tool_in.n += (size_t)n;
	if (n <= 0) {
		w->tool_done = true;
		loop_del(&w->me.loop, watch);
	}
	buf_char(&w->tool_in, '\0');
	w->tool_in.n--;
}

/* Asks like dsa_control does. */
static void ask(struct world *w, const char *request)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	snprintf(to.sun_path, sizeof(to.sun_path), "%s/control.sock", w->path);
	w->tool = (struct watch){ socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), tool_ready };
	assert_int_equal(connect(w->tool.fd, (struct sockaddr *)&to, sizeof(to)), 0);
	buf_clear(&w->tool_in);
	w->tool_done = false;
	assert_int_equal(file_write_all(w->tool.fd, request, strlen(request)), 0);
	assert_int_equal(file_write_all(w->tool.fd, "\n", 1), 0);
	assert_int_equal(loop_add(&w->me.loop, &w->tool, EPOLLIN), 0);
}

/* The end of the exchange: the exit status; *text holds the response. */
static int told(struct world *w, char *text, size_t n)
{
	UNTIL(w, w->tool_done);
	struct str rest = buf_view(&w->tool_in);
	int exit = -1;
	while (rest.p && rest.n) {
		struct err why = { { 0 } };
		AUTO(json_decrefp) json_t *j = json_parse(str_cut(&rest, '\n'), &why);
		if (!j)
			fail_msg("%s", why.text);
		if (json_text(j, "line", NULL))
			continue;
		exit = (int)json_int(j, "exit", -1);
		snprintf(text, n, "%d %s", (int)json_int(j, "status", 0),
		         json_text(j, "response", ""));
	}
	return exit;
}

static int activate(struct world *w, const char *words, char *text, size_t n)
{
	char request[512];
	snprintf(request, sizeof(request),
	         "{\"verb\":\"activate\",\"args\":{\"url\":\"dsm://127.0.0.1:%u/\",\"pairs\":{%s},"
	         "\"retries\":0,\"interval\":1}}",
	         w->m.port, words);
	ask(w, request);
	return told(w, text, n);
}

static void activate_well(struct world *w)
{
	char text[2048] = "";
	if (activate(w, "\"token\":\"RIGHT\"", text, sizeof(text)) != 0)
		fail_msg("%s", text);
	until_told(w, P_FILES, "\"version\":1");
}

/* ---- tests ---- */

static void the_right_token_activates_and_brings_the_policy(void **state)
{
	struct world *w = *state;
	char text[2048] = "", words[256];
	until_told(w, P_FILES, "POLICY 0 \n");
	snprintf(words, sizeof(words),
	         "\"tenantID\":\"T\",\"token\":\"RIGHT\",\"policyid\":\"3\",\"displayname\":\"me\","
	         "\"cafingerprint\":\"%s\"",
	         w->m.fingerprint);
	assert_int_equal(activate(w, words, text, sizeof(text)), 0);
	assert_non_null(strstr(text, "200 Attempting to connect to https://127.0.0.1:"));
	assert_non_null(strstr(text, "SSL handshake completed successfully - initiating command "
	                             "session.\nConnected with (NONE) to peer at 127.0.0.1\n"));
	assert_non_null(strstr(text, "Command session completed."));
	assert_int_equal(json_int(w->m.body, "policyid", 0), 3);
	assert_string_equal(json_text(w->m.body, "displayName", ""), "me");
	assert_int_equal(strlen(json_text(w->m.body, "nonce", "")), 32);
	until_told(w, P_GUARD, "IDENTITY 0 \\x01");
	until_told(w, P_FILES, "\"version\":1");
	until_told(w, P_SPOOL, "policy-applied");
	UNTIL(w, w->m.heartbeats > 0);
}

static void what_is_wrong_is_refused_with_a_sentence(void **state)
{
	struct world *w = *state;
	static const struct {
		const char *why, *words, *sentence;
	} cases[] = {
		{ "a wrong token", "\"token\":\"WRONG\"", "the token is wrong" },
		{ "no token", "", "the token is wrong" },
		{ "another CA",
		  "\"token\":\"RIGHT\",\"cafingerprint\":\"00112233445566778899AABBCCDDEEFF00112233445"
		  "566778899aabbccddeeff\"",
		  "the manager's CA has the fingerprint" },
		{ "no fingerprint", "\"cafingerprint\":\"12\"", "no SHA-256 fingerprint" },
		{ "an unknown word", "\"colour\":\"red\"", "activation knows no word colour" },
		{ "no number", "\"policyid\":\"three\"", "policyid takes a number" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char text[2048] = "";
		int rc = activate(w, cases[i].words, text, sizeof(text));
		if (rc != 1 || !strstr(text, cases[i].sentence) || strncmp(text, "400 ", 4) != 0)
			fail_msg("%s: %d %s", cases[i].why, rc, text);
	}
	assert_int_equal(faccessat(AT_FDCWD, "identity.json", F_OK, 0), -1);
}

static void an_activated_agent_must_be_reset_first(void **state)
{
	struct world *w = *state;
	char text[2048] = "";
	activate_well(w);
	assert_int_equal(activate(w, "\"token\":\"RIGHT\"", text, sizeof(text)), 101);
	ask(w, "{\"verb\":\"reset\",\"args\":{}}");
	assert_int_equal(told(w, text, sizeof(text)), 0);
	until_told(w, P_FILES, "POLICY 0 \n");
	until_told(w, P_GUARD, "IDENTITY 0 \\x00");
	activate_well(w);
	assert_int_equal(w->m.activations, 2);
}

static void a_manager_that_is_away_is_tried_again(void **state)
{
	struct world *w = *state;
	char request[256], text[2048] = "";
	manager_stop(w);
	snprintf(request, sizeof(request),
	         "{\"verb\":\"activate\",\"args\":{\"url\":\"dsm://127.0.0.1:%u/\",\"pairs\":{"
	         "\"token\":\"RIGHT\"},\"retries\":5,\"interval\":1}}",
	         w->m.port);
	ask(w, request);
	UNTIL(w, w->tool_in.n && strstr(w->tool_in.p, "will be re-attempted 5 time(s)"));
	assert_non_null(strstr(w->tool_in.p, "HTTP Status: 400 - OK"));
	manager_start(w);
	assert_int_equal(told(w, text, sizeof(text)), 0);
}

static void events_go_up_and_the_spool_hears_when_they_are_stored(void **state)
{
	struct world *w = *state;
	tell(w, P_SPOOL, M_BATCH, 0, "{\"first\":41,\"events\":[{},{}]}");
	activate_well(w); /* what happened before waits for a manager */
	until_told(w, P_SPOOL, "BATCH_DONE 0 42");
	w->m.fail_events = 2;
	tell(w, P_SPOOL, M_BATCH, 0, "{\"first\":43,\"events\":[{}]}");
	until_told(w, P_SPOOL, "BATCH_DONE 0 43");
	assert_int_equal(w->m.uploads, 4);
}

static void a_tampered_policy_is_refused_and_the_last_good_one_stays(void **state)
{
	struct world *w = *state;
	activate_well(w);
	until_told(w, P_SPOOL, "policy-applied");
	w->m.version = 2;
	w->m.tampered = true;
	UNTIL(w, w->m.waiting);
	wake(&w->m, NULL);
	until_told(w, P_SPOOL, "policy-refused");
	assert_true(w->said[P_FILES].n == 0 || !strstr(w->said[P_FILES].p, "\"version\":2"));
	char text[8192] = "";
	ask(w, "{\"verb\":\"status\"}");
	assert_int_equal(told(w, text, sizeof(text)), 0);
	assert_non_null(strstr(text, "AgentStatus.agentState: red"));
	w->m.tampered = false;
	until_told(w, P_FILES, "\"version\":2");
}

static void the_last_good_policy_is_in_force_while_the_manager_is_away(void **state)
{
	struct world *w = *state;
	activate_well(w);
	manager_stop(w);
	comms_stop(&w->me);
	start_comms(w);
	until_told(w, P_FILES, "\"version\":1");
	char text[8192] = "";
	ask(w, "{\"verb\":\"status\"}");
	assert_int_equal(told(w, text, sizeof(text)), 0);
	assert_non_null(strstr(text, "AgentStatus.agentState: yellow"));
	manager_start(w);
	UNTIL(w, w->m.waiting);
	ask(w, "{\"verb\":\"status\"}");
	assert_int_equal(told(w, text, sizeof(text)), 0);
	assert_non_null(strstr(text, "AgentStatus.agentState: green"));
}

static void a_manager_that_forgot_us_ends_the_protection(void **state)
{
	struct world *w = *state;
	activate_well(w);
	UNTIL(w, w->m.waiting);
	w->m.gone = true;
	wake(&w->m, NULL);
	until_told(w, P_FILES, "POLICY 0 \n");
	until_told(w, P_SPOOL, "deactivated");
	assert_int_equal(faccessat(AT_FDCWD, IDENTITY_KEY, F_OK, 0), -1);
	char text[8192] = "";
	ask(w, "{\"verb\":\"status\"}");
	assert_int_equal(told(w, text, sizeof(text)), 0);
	assert_non_null(strstr(text, "AgentStatus.agentState: grey"));
}

static void commands_are_carried_out_and_their_results_posted(void **state)
{
	struct world *w = *state;
	activate_well(w);
	UNTIL(w, w->m.waiting);
	wake(&w->m, "{\"ID\":5,\"kind\":\"scan\",\"args\":{\"type\":\"manual\"}}");
	until_told(w, P_TREE, "COMMAND 0 {\"ID\":5,\"kind\":\"scan\"");
	tell(w, P_TREE, M_PROGRESS, 0, "{\"ID\":5,\"state\":\"done\",\"progress\":{\"files\":3}}");
	UNTIL(w, w->m.results);
	const json_t *first = json_array_get(json_array_at(w->m.results, "results"), 0);
	assert_string_equal(json_text(first, "state", ""), "done");
	assert_int_equal(json_int(first, "ID", 0), 5);
	json_decref(w->m.results);
	w->m.results = NULL;
	UNTIL(w, w->m.waiting);
	wake(&w->m, "{\"ID\":6,\"kind\":\"dance\",\"args\":{}}");
	UNTIL(w, w->m.results);
	first = json_array_get(json_array_at(w->m.results, "results"), 0);
	assert_string_equal(json_text(first, "state", ""), "failed");
}

static void a_deactivation_is_answered_before_all_is_forgotten(void **state)
{
	struct world *w = *state;
	activate_well(w);
	UNTIL(w, w->m.waiting);
	wake(&w->m, "{\"ID\":9,\"kind\":\"deactivate\",\"args\":{}}");
	UNTIL(w, w->m.results);
	until_told(w, P_GUARD, "IDENTITY 0 \\x00");
	const json_t *first = json_array_get(json_array_at(w->m.results, "results"), 0);
	assert_int_equal(json_int(first, "ID", 0), 9);
	assert_string_equal(json_text(first, "state", ""), "done");
}

static void the_quarantine_is_told_restored_from_and_sent(void **state)
{
	struct world *w = *state;
	char text[2048] = "";
	activate_well(w);
	until_told(w, P_GUARD, "STORE 1 {\"op\":\"list\"}");
	static const char list[] =
		"{\"files\":[{\"recordID\":\"r1\",\"path\":\"/x/bad\",\"time\":1,"
		"\"state\":\"quarantined\"}]}";
	tell(w, P_GUARD, M_STORE_DONE, 1, list);
	UNTIL(w, w->m.files && json_bool(w->m.files, "complete", false));
	tell(w, P_GUARD, M_STORE_CHANGED, 0, "{\"recordID\":\"r2\",\"state\":\"quarantined\"}");
	UNTIL(w, !json_bool(w->m.files, "complete", true));
	ask(w, "{\"verb\":\"restore\",\"args\":{\"value\":\"/x/bad\"}}");
	until_told(w, P_GUARD, "STORE 2 {\"op\":\"list\"}");
	tell(w, P_GUARD, M_STORE_DONE, 2, list);
	until_told(w, P_GUARD, "STORE 3 {\"op\":\"restore\",\"recordID\":\"r1\"}");
	tell(w, P_GUARD, M_STORE_DONE, 3, "{}");
	assert_int_equal(told(w, text, sizeof(text)), 0);
	ask(w, "{\"verb\":\"restore\",\"args\":{\"value\":\"/not/there\"}}");
	until_told(w, P_GUARD, "STORE 4 ");
	tell(w, P_GUARD, M_STORE_DONE, 4, list);
	assert_int_equal(told(w, text, sizeof(text)), 1);
	assert_non_null(strstr(text, "no such file is in quarantine"));
	wake(&w->m, "{\"ID\":8,\"kind\":\"send-file\",\"args\":{\"recordID\":\"r1\"}}");
	until_told(w, P_GUARD, "STORE 5 {\"op\":\"fetch\",\"recordID\":\"r1\"}");
	AUTO(closep) int fd = file_memfd("file", "cipher", 6);
	static const char password[] = "{\"password\":\"secret\"}";
	const struct imsg m = { .type = M_STORE_DONE,
		                .id = 5,
		                .fd = fd,
		                .data = (const uint8_t *)password,
		                .len = sizeof(password) - 1 };
	assert_int_equal(peer_send(&w->others[P_GUARD], &m), 0);
	UNTIL(w, w->m.results);
	assert_string_equal(w->m.sent_file, "/agent/files/8=cipher");
	const json_t *sent = json_array_get(json_array_at(w->m.results, "results"), 0);
	assert_string_equal(json_text(json_object_at(sent, "result"), "password", ""), "secret");
	wake(&w->m, "{\"ID\":9,\"kind\":\"restore\",\"args\":{\"recordID\":\"r1\",\"path\":\"/x\","
	            "\"overwrite\":true}}");
	until_told(w, P_GUARD,
	           "STORE 6 {\"op\":\"restore\",\"path\":\"/x\",\"overwrite\":true,"
	           "\"recordID\":\"r1\"}");
}

static void the_parts_of_the_status_are_merged(void **state)
{
	struct world *w = *state;
	char text[8192] = "";
	tell(w, P_FILES, M_STATUS, 0,
	     "{\"modules\":{\"antimalware\":{\"state\":\"on\"}},\"messages\":[\"a\"]}");
	tell(w, P_SCAN, M_STATUS, 0,
	     "{\"modules\":{\"antimalware\":{\"engine\":{\"libclamav\":\"1.4\"}}},\"messages\":[\"b\"]}");
	for (int i = 0; i < 10; i++)
		loop_once(&w->me.loop, 10);
	ask(w, "{\"verb\":\"status\"}");
	assert_int_equal(told(w, text, sizeof(text)), 0);
	assert_non_null(strstr(text, "AgentStatus.modules.antimalware.state: on\n"));
	assert_non_null(strstr(text, "AgentStatus.messages: [\"a\",\"b\"]\n"));
	ask(w, "{\"verb\":\"components\"}");
	assert_int_equal(told(w, text, sizeof(text)), 0);
	assert_non_null(strstr(text, "Component.AM.engine.libclamav: 1.4\n"));
}

/* Of two processes that judge packets the second has a policy later than the first. */
static void what_is_in_force_is_in_force_in_every_instance(void **state)
{
	static const char first[] =
		"{\"modules\":{\"firewall\":{\"state\":\"on\",\"message\":\"On, Inline\","
		"\"policyVersion\":8}}}";
	static const char *const second[] = {
		"{\"modules\":{\"firewall\":{\"message\":\"On, loading rules\",\"policyVersion\":7}},"
		"\"messages\":[\"deaf\"]}",
		"{\"modules\":{\"firewall\":{\"message\":\"On, loading rules\",\"policyVersion\":8}}}",
	};
	static const char *const said[][2] = {
		{ "firewall.message: On, Inline\n", "firewall.policyVersion: 0\n" },
		{ "firewall.message: On, loading rules\n", "firewall.policyVersion: 7\n" },
		{ "firewall.message: On, Inline\n", "firewall.policyVersion: 8\n" },
	};
	struct comms *c = ((struct world *)*state)->me.state;
	const struct peer packet[] = { { .who = P_PACKET }, { .who = P_PACKET, .instance = 1 } };
	status_take(c, &packet[0], json_parse(str_of(first), NULL));
	for (size_t i = 0; i < ARRAY_LEN(said); i++) {
		AUTO(buf_done) struct buf text = { 0 };
		if (i > 0)
			status_take(c, &packet[1], json_parse(str_of(second[i - 1]), NULL));
		status_text(c, &text);
		assert_int_equal(buf_end(&text), 0);
		assert_non_null(strstr(text.p, said[i][0]));
		assert_non_null(strstr(text.p, said[i][1]));
		assert_non_null(strstr(text.p, "firewall.state: on\n"));
		assert_true((strstr(text.p, "deaf") != NULL) == (i == 1));
	}
}

static void a_diagnostic_package_holds_no_secret(void **state)
{
	struct world *w = *state;
	char text[2048] = "";
	AUTO(buf_done) struct buf zip = { 0 }, key = { 0 };
	ask(w, "{\"verb\":\"dsm-proxy-user\",\"args\":{\"value\":\"me:sesame-open\"}}");
	assert_int_equal(told(w, text, sizeof(text)), 0);
	activate_well(w);
	ask(w, "{\"verb\":\"diag\"}");
	assert_int_equal(told(w, text, sizeof(text)), 0);
	const char *name = strstr(text, w->path);
	assert_non_null(name);
	assert_int_equal(file_read(AT_FDCWD, name, 8 << 20, &zip), 0);
	assert_int_equal(file_read(AT_FDCWD, IDENTITY_KEY, 1 << 16, &key), 0);
	assert_non_null(memmem(zip.p, zip.n, "GUID-1", 6));
	assert_null(memmem(zip.p, zip.n, "sesame-open", 11));
	assert_null(memmem(zip.p, zip.n, "PRIVATE KEY", 11));
	assert_null(memmem(zip.p, zip.n, key.p + 40, 40));
}

static void what_no_tool_sends_is_answered_with_an_error(void **state)
{
	struct world *w = *state;
	static const char *const bad[] = { "",
		                           "{",
		                           "[]",
		                           "{\"verb\":7}",
		                           "{\"verb\":\"fly\"}",
		                           "{\"verb\":\"heartbeat\"}",
		                           "{\"verb\":\"activate\",\"args\":7}",
		                           "{\"verb\":\"restore\",\"args\":[]}" };
	for (size_t i = 0; i < ARRAY_LEN(bad) - 1; i++) {
		char text[2048] = "";
		ask(w, bad[i]);
		assert_int_equal(told(w, text, sizeof(text)), 1);
		assert_memory_equal(text, "400 ", 4);
	}
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(the_right_token_activates_and_brings_the_policy),
		T(what_is_wrong_is_refused_with_a_sentence),
		T(an_activated_agent_must_be_reset_first),
		T(a_manager_that_is_away_is_tried_again),
		T(events_go_up_and_the_spool_hears_when_they_are_stored),
		T(a_tampered_policy_is_refused_and_the_last_good_one_stays),
		T(the_last_good_policy_is_in_force_while_the_manager_is_away),
		T(a_manager_that_forgot_us_ends_the_protection),
		T(commands_are_carried_out_and_their_results_posted),
		T(a_deactivation_is_answered_before_all_is_forgotten),
		T(the_quarantine_is_told_restored_from_and_sent),
		T(the_parts_of_the_status_are_merged),
		T(what_is_in_force_is_in_force_in_every_instance),
		T(a_diagnostic_package_holds_no_secret),
		T(what_no_tool_sends_is_answered_with_an_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
