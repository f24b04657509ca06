#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/test.h"
#include "manager/forward/mail.h"
#include "net/identity.h"

/* A small mail server (RFC 5321) with STARTTLS, and a web server, in a child; what it was told
 * comes through a pipe. */

struct pems {
	struct buf ca_key, ca, key, cert;
};

struct side {
	int fd;
	gnutls_session_t tls; /* NULL: plain */
};

static void make(struct pems *p)
{
	static const char *const names[] = { "127.0.0.1", "localhost" };
	assert_int_equal(key_new(KEY_TLS, &p->ca_key, NULL), 0);
	assert_int_equal(cert_new_ca(buf_view(&p->ca_key), "test", 10, &p->ca, NULL), 0);
	const struct issuer ca = { buf_view(&p->ca), buf_view(&p->ca_key) };
	assert_int_equal(key_new(KEY_TLS, &p->key, NULL), 0);
	assert_int_equal(cert_new_server(&ca, buf_view(&p->key), names, 2, 10, &p->cert, NULL), 0);
}

static void unmake(struct pems *p)
{
	buf_done(&p->ca_key);
	buf_done(&p->ca);
	buf_done(&p->key);
	buf_done(&p->cert);
}

static void say(struct side *s, const char *text)
{
	ssize_t n = s->tls ? gnutls_record_send(s->tls, text, strlen(text))
	                   : send(s->fd, text, strlen(text), MSG_NOSIGNAL);
	if (n < 0)
		_exit(2);
}

/* A line without CR LF; false at the end. */
static bool hear(struct side *s, char *line, size_t size)
{
	size_t n = 0;
	for (char c = 0; n + 1 < size; line[n++] = c) {
		ssize_t got = s->tls ? gnutls_record_recv(s->tls, &c, 1) : recv(s->fd, &c, 1, 0);
		if (got != 1)
			return false;
		if (c == '\n')
			break;
	}
	while (n && line[n - 1] == '\r')
		n--;
	line[n] = '\0';
	return true;
}

static void begin_tls(struct side *s, const struct pems *p)
{
	gnutls_certificate_credentials_t c;
	const gnutls_datum_t cert = { (unsigned char *)p->cert.p, (unsigned)p->cert.n },
			     key = { (unsigned char *)p->key.p, (unsigned)p->key.n };
	gnutls_certificate_allocate_credentials(&c);
	gnutls_certificate_set_x509_key_mem(c, &cert, &key, GNUTLS_X509_FMT_PEM);
	gnutls_init(&s->tls, GNUTLS_SERVER);
	gnutls_set_default_priority(s->tls);
	gnutls_credentials_set(s->tls, GNUTLS_CRD_CERTIFICATE, c);
	gnutls_transport_set_int(s->tls, s->fd);
	if (gnutls_handshake(s->tls) != GNUTLS_E_SUCCESS)
		_exit(3);
}

static void serve_mail(struct side *s, int out, const struct pems *p)
{
	char line[1000];
	bool data = false;
	say(s, "220 mail.test\r\n");
	while (hear(s, line, sizeof(line))) {
		dprintf(out, "%s%s\n", s->tls ? "+" : "-", line);
		if (data) {
			data = strcmp(line, ".") != 0;
			if (!data)
				say(s, "250 taken\r\n");
		} else if (strncmp(line, "EHLO", 4) == 0) {
			say(s, s->tls ? "250-mail.test\r\n250 AUTH PLAIN\r\n"
			              : "250-mail.test\r\n250 STARTTLS\r\n");
		} else if (strcmp(line, "STARTTLS") == 0) {
			say(s, "220 go on\r\n");
			begin_tls(s, p);
		} else if (strncmp(line, "AUTH", 4) == 0) {
			say(s,
			    strstr(line, "AHlhZ3VyYQBzZWNyZXQ=") ? "235 welcome\r\n" : "334 \r\n");
		} else if (strstr(line, "AHlhZ3VyYQBzZWNyZXQ=")) {
			say(s, "235 welcome\r\n");
		} else if (strstr(line, "nobody@")) {
			say(s, "550 who is that\r\n");
		} else if (strcmp(line, "DATA") == 0) {
			data = true;
			say(s, "354 tell\r\n");
		} else {
			say(s, "250 well\r\n");
		}
	}
	_exit(0);
}

static void serve_web(struct side *s, int out, const struct pems *p)
{
	char line[1000];
	size_t length = 0;
	begin_tls(s, p);
	while (hear(s, line, sizeof(line)) && *line) {
		dprintf(out, "%s\n", line);
		if (strncmp(line, "Content-Length: ", 16) == 0)
			length = strtoul(line + 16, NULL, 10);
	}
	if (length < sizeof(line) && gnutls_record_recv(s->tls, line, length) == (ssize_t)length)
		dprintf(out, "%.*s\n", (int)length, line);
	say(s, "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
	gnutls_bye(s->tls, GNUTLS_SHUT_WR);
	_exit(0);
}

struct server {
	struct pems pems;
	uint16_t port;
	int out;
	pid_t pid;
};

static void start(struct server *v, void (*serve)(struct side *s, int out, const struct pems *p))
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t n = sizeof(at);
	int pair[2];
	make(&v->pems);
	AUTO(closep) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(fd, 4), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &n), 0);
	assert_int_equal(pipe(pair), 0);
	v->port = ntohs(at.sin_port);
	v->pid = fork();
	assert_true(v->pid >= 0);
	if (v->pid == 0) {
		alarm(30); /* when nobody comes */
		struct side s = { accept(fd, NULL, NULL), NULL };
		serve(&s, pair[1], &v->pems);
	}
	close(pair[1]);
	v->out = pair[0];
}

static void heard(struct server *v, char *out, size_t size)
{
	size_t n = 0;
	for (ssize_t got = 1; got > 0 && n + 1 < size; n += got > 0 ? (size_t)got : 0)
		got = read(v->out, out + n, size - n - 1);
	out[n] = '\0';
	waitpid(v->pid, NULL, 0);
	close(v->out);
	unmake(&v->pems);
}

static json_t *mail_to(const struct server *v, const char *to)
{
	char at[40];
	snprintf(at, sizeof(at), "127.0.0.1:%u", v->port);
	return json_pack("{s:s,s:b,s:s,s:s,s:s,s:s,s:[s],s:s}", "server", at, "startTls", 1, "user",
	                 "yagura", "password", "secret", "ca", v->pems.ca.p, "from",
	                 "y@example.org", "to", to, "text",
	                 "Subject: hello\r\n\r\n.a line with a dot\r\n");
}

static void mail_goes_through_starttls_with_a_password(void **state)
{
	(void)state;
	struct server v = { .out = -1 };
	struct err why = { { 0 } };
	char all[8000];
	start(&v, serve_mail);
	AUTO(json_decrefp) json_t *order = mail_to(&v, "soc@example.org");
	if (mail_send(order, -1, &why) < 0)
		fail_msg("%s", why.text);
	heard(&v, all, sizeof(all));
	assert_non_null(strstr(all, "-STARTTLS\n"));
	assert_null(strstr(all, "-AUTH"));
	assert_null(strstr(all, "-MAIL"));
	assert_non_null(strstr(all, "+MAIL FROM:<y@example.org>"));
	assert_non_null(strstr(all, "+RCPT TO:<soc@example.org>"));
	assert_non_null(strstr(all, "+Subject: hello\n"));
	assert_non_null(strstr(all, "+..a line with a dot\n"));
}

static void a_refused_receiver_is_an_error_without_secrets(void **state)
{
	(void)state;
	struct server v = { .out = -1 };
	struct err why = { { 0 } };
	char all[8000];
	start(&v, serve_mail);
	AUTO(json_decrefp) json_t *order = mail_to(&v, "nobody@example.org");
	assert_int_equal(mail_send(order, -1, &why), -EIO);
	assert_non_null(strstr(why.text, "550"));
	assert_null(strstr(why.text, "secret"));
	heard(&v, all, sizeof(all));
}

static void a_server_of_another_authority_gets_no_password(void **state)
{
	(void)state;
	struct server v = { .out = -1 };
	struct pems other = { 0 };
	char all[8000];
	start(&v, serve_mail);
	make(&other);
	AUTO(json_decrefp) json_t *order = mail_to(&v, "soc@example.org");
	json_set_text(order, "ca", other.ca.p);
	assert_int_equal(mail_send(order, -1, NULL), -EIO);
	heard(&v, all, sizeof(all));
	assert_null(strstr(all, "AUTH"));
	assert_null(strstr(all, "MAIL"));
	unmake(&other);
}

static void a_web_hook_is_posted_by_https(void **state)
{
	(void)state;
	struct server v = { .out = -1 };
	struct err why = { { 0 } };
	char all[8000], url[60];
	start(&v, serve_web);
	snprintf(url, sizeof(url), "https://127.0.0.1:%u/alerts", v.port);
	AUTO(json_decrefp)
	json_t *order = json_pack("{s:s,s:s,s:s,s:[s]}", "url", url, "ca", v.pems.ca.p, "body",
	                          "{\"alert\":1}", "headers", "Authorization: Bearer x");
	if (hook_send(order, -1, &why) < 0)
		fail_msg("%s", why.text);
	heard(&v, all, sizeof(all));
	assert_non_null(strstr(all, "POST /alerts HTTP/1.1\n"));
	assert_non_null(strstr(all, "Authorization: Bearer x\n"));
	assert_non_null(strstr(all, "\n{\"alert\":1}\n"));
}

static void a_web_hook_without_tls_is_refused(void **state)
{
	(void)state;
	AUTO(json_decrefp)
	json_t *order = json_pack("{s:s,s:s}", "url", "http://127.0.0.1:1/", "ca", "");
	assert_true(hook_send(order, -1, NULL) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mail_goes_through_starttls_with_a_password),
		cmocka_unit_test(a_refused_receiver_is_an_error_without_secrets),
		cmocka_unit_test(a_server_of_another_authority_gets_no_password),
		cmocka_unit_test(a_web_hook_is_posted_by_https),
		cmocka_unit_test(a_web_hook_without_tls_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
