#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/test.h"
#include "net/identity.h"
#include "net/syslog.h"

static int listener(int type, uint16_t *port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t n = sizeof(at);
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &n), 0);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(fd, 4), 0);
	*port = ntohs(at.sin_port);
	return fd;
}

static struct syslog_target target(int protocol, uint16_t port)
{
	struct syslog_target t = { .host = "127.0.0.1",
		                   .port = port,
		                   .ca = "",
		                   .certificate = "",
		                   .key = "",
		                   .stop = -1 };
	t.protocol = protocol == SYSLOG_TLS   ? SYSLOG_TLS
	             : protocol == SYSLOG_TCP ? SYSLOG_TCP
	                                      : SYSLOG_UDP;
	return t;
}

static void udp_sends_a_datagram_each(void **state)
{
	(void)state;
	uint16_t port = 0;
	AUTO(closep) int fd = listener(SOCK_DGRAM, &port);
	struct syslog_target t = target(SYSLOG_UDP, port);
	struct syslog *s = NULL;
	char got[65536];
	assert_int_equal(syslog_open(&s, &t, NULL), 0);
	assert_int_equal(syslog_send(s, STR("<14>one"), NULL), 0);
	assert_int_equal(syslog_send(s, STR("<14>two"), NULL), 0);
	assert_int_equal(recv(fd, got, sizeof(got), 0), 7);
	assert_memory_equal(got, "<14>one", 7);
	assert_int_equal(recv(fd, got, sizeof(got), 0), 7);
	AUTO(freep) char *much = xcalloc(1, 70000);
	memset(much, 'x', 70000);
	assert_int_equal(syslog_send(s, (struct str){ much, 70000 }, NULL), 0);
	assert_int_equal(recv(fd, got, sizeof(got), 0), 65000);
	syslog_close(s);
}

static void tcp_ends_each_with_a_newline_and_sees_the_end(void **state)
{
	(void)state;
	uint16_t port = 0;
	AUTO(closep) int fd = listener(SOCK_STREAM, &port);
	struct syslog_target t = target(SYSLOG_TCP, port);
	struct syslog *s = NULL;
	char got[64] = "";
	assert_int_equal(syslog_open(&s, &t, NULL), 0);
	int peer = accept(fd, NULL, NULL);
	assert_int_equal(syslog_send(s, STR("<14>one"), NULL), 0);
	assert_int_equal(syslog_send(s, STR("<14>two"), NULL), 0);
	assert_int_equal(syslog_flush(s, NULL), 0);
	assert_int_equal(recv(peer, got, sizeof(got), 0), 16);
	assert_string_equal(got, "<14>one\n<14>two\n");
	assert_true(syslog_alive(s));
	close(peer);
	usleep(20000);
	assert_false(syslog_alive(s));
	syslog_close(s);
}

static void a_receiver_that_is_not_there_is_an_error(void **state)
{
	(void)state;
	uint16_t port = 0;
	struct err why = { { 0 } };
	close(listener(SOCK_STREAM, &port));
	struct syslog_target t = target(SYSLOG_TCP, port);
	struct syslog *s = NULL;
	assert_int_equal(syslog_open(&s, &t, &why), -ECONNREFUSED);
	assert_non_null(strstr(why.text, "refused"));
	assert_null(s);
}

static void one_that_takes_nothing_is_left_when_we_are_to_end(void **state)
{
	(void)state;
	uint16_t port = 0;
	int stop[2];
	AUTO(closep) int fd = listener(SOCK_STREAM, &port); /* nobody accepts */
	assert_true(fd >= 0);
	struct syslog_target t = target(SYSLOG_TCP, port);
	struct syslog *s = NULL;
	AUTO(freep) char *much = xcalloc(1, 32 << 20);
	memset(much, 'x', 32 << 20);
	assert_int_equal(pipe(stop), 0);
	t.stop = stop[0];
	assert_int_equal(syslog_open(&s, &t, NULL), 0);
	assert_int_equal(write(stop[1], "x", 1), 1);
	assert_int_equal(syslog_send(s, (struct str){ much, 32 << 20 }, NULL), -EINTR);
	syslog_close(s);
	close(stop[0]);
	close(stop[1]);
}

/* ---- TLS ---- */

struct pems {
	struct buf ca_key, ca, key, cert, client_key, csr, client;
};

static void make(struct pems *p)
{
	static const char *const names[] = { "127.0.0.1" };
	assert_int_equal(key_new(KEY_TLS, &p->ca_key, NULL), 0);
	assert_int_equal(cert_new_ca(buf_view(&p->ca_key), "test", 10, &p->ca, NULL), 0);
	const struct issuer ca = { buf_view(&p->ca), buf_view(&p->ca_key) };
	assert_int_equal(key_new(KEY_TLS, &p->key, NULL), 0);
	assert_int_equal(cert_new_server(&ca, buf_view(&p->key), names, 1, 10, &p->cert, NULL), 0);
	assert_int_equal(key_new(KEY_TLS, &p->client_key, NULL), 0);
	assert_int_equal(csr_new(buf_view(&p->client_key), "manager", &p->csr, NULL), 0);
	assert_int_equal(cert_new_client(&ca, buf_view(&p->csr), "manager", 10, &p->client, NULL),
	                 0);
}

static void unmake(struct pems *p)
{
	struct buf *all[] = { &p->ca_key,     &p->ca,  &p->key,   &p->cert,
		              &p->client_key, &p->csr, &p->client };
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		buf_done(all[i]);
}

/* A server that asks for a client certificate and passes on what it reads. */
static void serve(int fd, int out, const struct pems *p)
{
	gnutls_certificate_credentials_t c;
	gnutls_session_t s;
	const gnutls_datum_t ca = { (unsigned char *)p->ca.p, (unsigned)p->ca.n },
			     cert = { (unsigned char *)p->cert.p, (unsigned)p->cert.n },
			     key = { (unsigned char *)p->key.p, (unsigned)p->key.n };
	char got[256];
	int peer = accept(fd, NULL, NULL);
	gnutls_certificate_allocate_credentials(&c);
	gnutls_certificate_set_x509_trust_mem(c, &ca, GNUTLS_X509_FMT_PEM);
	gnutls_certificate_set_x509_key_mem(c, &cert, &key, GNUTLS_X509_FMT_PEM);
	gnutls_init(&s, GNUTLS_SERVER);
	gnutls_set_default_priority(s);
	gnutls_credentials_set(s, GNUTLS_CRD_CERTIFICATE, c);
	gnutls_certificate_server_set_request(s, GNUTLS_CERT_REQUIRE);
	gnutls_session_set_verify_cert(s, NULL, 0);
	gnutls_transport_set_int(s, peer);
	if (gnutls_handshake(s) == GNUTLS_E_SUCCESS) {
		ssize_t n = 0;
		while ((n = gnutls_record_recv(s, got, sizeof(got))) > 0)
			if (write(out, got, (size_t)n) != n)
				break;
	}
	_exit(0);
}

static pid_t start(int fd, int out, const struct pems *p)
{
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		serve(fd, out, p);
	return pid;
}

static void tls_counts_octets_and_shows_its_certificate(void **state)
{
	(void)state;
	struct pems p = { 0 };
	uint16_t port = 0;
	int out[2];
	char got[64] = "";
	struct err why = { { 0 } };
	make(&p);
	assert_int_equal(pipe(out), 0);
	AUTO(closep) int fd = listener(SOCK_STREAM, &port);
	pid_t pid = start(fd, out[1], &p);
	struct syslog_target t = target(SYSLOG_TLS, port);
	t.ca = p.ca.p;
	t.certificate = p.client.p;
	t.key = p.client_key.p;
	struct syslog *s = NULL;
	if (syslog_open(&s, &t, &why) < 0)
		fail_msg("%s", why.text);
	assert_int_equal(syslog_send(s, STR("<14>one"), &why), 0);
	assert_int_equal(syslog_send(s, STR("<14>three"), &why), 0);
	assert_int_equal(syslog_flush(s, &why), 0);
	assert_true(syslog_alive(s));
	syslog_close(s);
	waitpid(pid, NULL, 0);
	close(out[1]);
	assert_int_equal(read(out[0], got, sizeof(got)), 20);
	assert_string_equal(got, "7 <14>one9 <14>three");
	close(out[0]);
	unmake(&p);
}

static void a_receiver_of_another_authority_is_not_trusted(void **state)
{
	(void)state;
	struct pems p = { 0 }, other = { 0 };
	uint16_t port = 0;
	struct err why = { { 0 } };
	make(&p);
	make(&other);
	AUTO(closep) int fd = listener(SOCK_STREAM, &port);
	pid_t pid = start(fd, STDOUT_FILENO, &p);
	struct syslog_target t = target(SYSLOG_TLS, port);
	t.ca = other.ca.p;
	t.certificate = p.client.p;
	t.key = p.client_key.p;
	struct syslog *s = NULL;
	assert_int_equal(syslog_open(&s, &t, &why), -EPERM);
	assert_non_null(strstr(why.text, "not trusted"));
	waitpid(pid, NULL, 0);
	unmake(&p);
	unmake(&other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(udp_sends_a_datagram_each),
		cmocka_unit_test(tcp_ends_each_with_a_newline_and_sees_the_end),
		cmocka_unit_test(a_receiver_that_is_not_there_is_an_error),
		cmocka_unit_test(one_that_takes_nothing_is_left_when_we_are_to_end),
		cmocka_unit_test(tls_counts_octets_and_shows_its_certificate),
		cmocka_unit_test(a_receiver_of_another_authority_is_not_trusted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
