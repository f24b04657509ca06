#include "net/syslog.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <linux/sockios.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/clock.h"

enum { WAIT_MS = 5000, SLICE_MS = 200, DATAGRAM_MAX = 65000, POLLS_MAX = 250 };

struct syslog {
	int fd, stop, protocol;
	bool tls;
	gnutls_session_t session;
	gnutls_certificate_credentials_t credentials;
};

/* ---- waiting ---- */

/* Until fd can be read or written: 0, -ETIMEDOUT, -EINTR when we are to end, or -errno. */
static int wait_for(const struct syslog *s, bool write)
{
	struct pollfd p[2] = { { .fd = s->fd, .events = write ? POLLOUT : POLLIN },
		               { .fd = s->stop, .events = POLLIN } };
	for (uint64_t end = clock_mono_ms() + WAIT_MS; clock_mono_ms() < end;) {
		int n = poll(p, 2, SLICE_MS);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0 && p[1].revents)
			return -EINTR;
		if (n > 0 && p[0].revents)
			return 0;
	}
	return -ETIMEDOUT;
}

/* ---- connecting ---- */

static int connect_to(struct syslog *s, const struct addrinfo *a)
{
	closep(&s->fd);
	s->fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, a->ai_protocol);
	if (s->fd < 0)
		return -errno;
	int rc = connect(s->fd, a->ai_addr, a->ai_addrlen) < 0 ? -errno : 0;
	if (rc == -EINPROGRESS) {
		socklen_t n = sizeof(rc);
		rc = wait_for(s, true);
		if (rc == 0 && getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &rc, &n) < 0)
			rc = errno;
		rc = rc > 0 ? -rc : rc;
	}
	return rc;
}

static int open_socket(struct syslog *s, const struct syslog_target *t, struct err *why)
{
	char port[8];
	struct addrinfo *list = NULL;
	const struct addrinfo hints = { .ai_socktype = t->protocol == SYSLOG_UDP ? SOCK_DGRAM
		                                                                 : SOCK_STREAM };
	snprintf(port, sizeof(port), "%u", t->port);
	int rc = getaddrinfo(t->host, port, &hints, &list);
	if (rc != 0)
		return err_set(why, -EHOSTUNREACH, "look up %s: %s", t->host, gai_strerror(rc));
	rc = -EHOSTUNREACH;
	for (const struct addrinfo *a = list; a && rc < 0 && rc != -EINTR; a = a->ai_next)
		rc = connect_to(s, a);
	freeaddrinfo(list);
	return rc < 0 ? err_set(why, rc, "connect to %s port %s: %s", t->host, port, strerror(-rc))
	              : 0;
}

static int trust(gnutls_certificate_credentials_t c, const struct syslog_target *t, struct err *why)
{
	const gnutls_datum_t ca = { (unsigned char *)(uintptr_t)t->ca, (unsigned)strlen(t->ca) };
	int n = *t->ca ? gnutls_certificate_set_x509_trust_mem(c, &ca, GNUTLS_X509_FMT_PEM)
	               : gnutls_certificate_set_x509_system_trust(c);
	return n > 0 ? 0 : err_set(why, -EPERM, "there is no certificate authority to trust");
}

static int identify(gnutls_certificate_credentials_t c, const struct syslog_target *t,
                    struct err *why)
{
	const gnutls_datum_t cert = { (unsigned char *)(uintptr_t)t->certificate,
		                      (unsigned)strlen(t->certificate) },
			     key = { (unsigned char *)(uintptr_t)t->key, (unsigned)strlen(t->key) };
	if (!*t->certificate)
		return 0;
	int rc = gnutls_certificate_set_x509_key_mem(c, &cert, &key, GNUTLS_X509_FMT_PEM);
	return rc < 0 ? err_set(why, -EINVAL, "the client certificate cannot be used: %s",
	                        gnutls_strerror(rc))
	              : 0;
}

/* 0 to try again, or -errno. */
static int tls_wait(struct syslog *s, int rc)
{
	if (rc == GNUTLS_E_AGAIN || rc == GNUTLS_E_INTERRUPTED)
		return wait_for(s, gnutls_record_get_direction(s->session) == 1);
	return gnutls_error_is_fatal(rc) ? -EPROTO : 0;
}

static int handshake(struct syslog *s, struct err *why)
{
	for (int i = 0; i < POLLS_MAX; i++) {
		int rc = gnutls_handshake(s->session);
		if (rc == GNUTLS_E_SUCCESS)
			return 0;
		int wait = tls_wait(s, rc);
		if (rc == GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR)
			return err_set(why, -EPERM, "the receiver's certificate is not trusted");
		if (wait < 0)
			return err_set(why, wait, "TLS: %s",
			               wait == -EPROTO ? gnutls_strerror(rc) : strerror(-wait));
	}
	return err_set(why, -EPROTO, "TLS: the handshake does not end");
}

static int start_tls(struct syslog *s, const struct syslog_target *t, struct err *why)
{
	s->tls = true;
	if (gnutls_certificate_allocate_credentials(&s->credentials) < 0 ||
	    gnutls_init(&s->session, GNUTLS_CLIENT | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL) < 0)
		return err_set(why, -ENOMEM, "no memory");
	int rc = trust(s->credentials, t, why);
	if (rc == 0)
		rc = identify(s->credentials, t, why);
	if (rc < 0)
		return rc;
	if (gnutls_set_default_priority(s->session) < 0 ||
	    gnutls_credentials_set(s->session, GNUTLS_CRD_CERTIFICATE, s->credentials) < 0)
		return err_set(why, -EIO, "TLS cannot be set up");
	gnutls_server_name_set(s->session, GNUTLS_NAME_DNS, t->host, strlen(t->host));
	gnutls_session_set_verify_cert(s->session, t->host, 0);
	gnutls_transport_set_int(s->session, s->fd);
	return handshake(s, why);
}

int syslog_open(struct syslog **out, const struct syslog_target *t, struct err *why)
{
	struct syslog *s = xcalloc(1, sizeof(*s));
	s->fd = -1;
	s->stop = t->stop;
	s->protocol = (int)t->protocol;
	int rc = open_socket(s, t, why);
	if (rc == 0 && t->protocol == SYSLOG_TLS)
		rc = start_tls(s, t, why);
	if (rc < 0) {
		syslog_close(s);
		return rc;
	}
	*out = s;
	return 0;
}

void syslog_close(struct syslog *s)
{
	if (!s)
		return;
	if (s->session) {
		gnutls_bye(s->session, GNUTLS_SHUT_WR);
		gnutls_deinit(s->session);
	}
	if (s->credentials)
		gnutls_certificate_free_credentials(s->credentials);
	closep(&s->fd);
	free(s);
}

/* ---- sending ---- */

/* A receiver says nothing: what can be read is the end (or TLS's own business). */
bool syslog_alive(struct syslog *s)
{
	char c = 0;
	if (s->protocol == SYSLOG_UDP)
		return true;
	if (s->tls) {
		ssize_t n = gnutls_record_recv(s->session, &c, 1);
		return n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED || n > 0;
	}
	ssize_t n = recv(s->fd, &c, 1, MSG_PEEK | MSG_DONTWAIT);
	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

static int write_tls(struct syslog *s, struct str m)
{
	while (m.n) {
		ssize_t n = gnutls_record_send(s->session, m.p, m.n);
		int rc = n < 0 ? tls_wait(s, (int)n) : 0;
		if (rc < 0)
			return rc;
		if (n > 0)
			m = str_skip(m, (size_t)n);
	}
	return 0;
}

static int write_tcp(struct syslog *s, struct str m)
{
	while (m.n) {
		ssize_t n = send(s->fd, m.p, m.n, MSG_NOSIGNAL);
		int rc = 0;
		if (n < 0)
			rc = errno == EAGAIN || errno == EINTR ? wait_for(s, true) : -errno;
		if (rc < 0)
			return rc;
		if (n > 0)
			m = str_skip(m, (size_t)n);
	}
	return 0;
}

static int write_udp(struct syslog *s, struct str m)
{
	struct str cut = str_utf8_cut(m, DATAGRAM_MAX);
	ssize_t n = send(s->fd, cut.p, cut.n, MSG_NOSIGNAL);
	/* ECONNREFUSED tells of an earlier datagram; this one has not been sent. */
	return n < 0 ? -errno : 0;
}

int syslog_send(struct syslog *s, struct str message, struct err *why)
{
	AUTO(buf_done) struct buf b = { 0 };
	int rc = 0;
	if (s->protocol == SYSLOG_UDP) {
		rc = write_udp(s, message);
	} else if (s->tls) {
		buf_fmt(&b, "%zu ", message.n);
		buf_str(&b, message);
		rc = buf_end(&b) < 0 ? -ENOMEM : write_tls(s, buf_view(&b));
	} else {
		buf_str(&b, message);
		buf_char(&b, '\n');
		rc = buf_end(&b) < 0 ? -ENOMEM : write_tcp(s, buf_view(&b));
	}
	return rc < 0 ? err_set(why, rc, "send: %s", strerror(-rc)) : 0;
}

int syslog_flush(struct syslog *s, struct err *why)
{
	if (s->protocol == SYSLOG_UDP)
		return 0;
	for (uint64_t end = clock_mono_ms() + WAIT_MS; clock_mono_ms() < end;) {
		int left = 0;
		if (ioctl(s->fd, SIOCOUTQ, &left) < 0)
			return err_set(why, -errno, "ask how much is under way: %s",
			               strerror(errno));
		if (left == 0)
			return syslog_alive(s) ? 0 : err_set(why, -EPIPE, "the receiver closed");
		struct pollfd p = { .fd = s->stop, .events = POLLIN };
		if (poll(&p, 1, 5) > 0)
			return err_set(why, -EINTR, "this process ends");
	}
	return err_set(why, -ETIMEDOUT, "the receiver does not take what was sent");
}
