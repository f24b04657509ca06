#include "manager/forward/scan.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/str.h"

enum { PORTS = 65536, AT_ONCE = 128, ANSWER_MS = 1000 };

struct scan {
	struct sockaddr_storage to;
	socklen_t to_len;
	char address[NI_MAXHOST];
	bool wanted[PORTS];
	json_t *open; /* owned */
	unsigned scanned;
	struct pollfd fds[AT_ONCE + 1]; /* the last: stop */
	struct {
		unsigned port; /* 0: free */
		uint64_t since_ms;
	} tries[AT_ONCE];
};

static void scan_done(struct scan *s)
{
	for (int i = 0; i < AT_ONCE; i++)
		if (s->tries[i].port)
			close(s->fds[i].fd);
	json_decref(s->open);
	free(s);
}

static void scan_freep(struct scan **s)
{
	if (*s)
		scan_done(*s);
}

static int want(struct scan *s, const char *ports, struct err *why)
{
	for (struct str rest = str_of(ports); rest.p;) {
		struct str item = str_trim(str_cut(&rest, ',')), high = item;
		struct str low = str_cut(&high, '-');
		uint64_t from = 0, to = 0;
		int rc = str_u64(str_trim(low), 1, PORTS - 1, &from);
		to = from;
		if (rc == 0 && high.p)
			rc = str_u64(str_trim(high), from, PORTS - 1, &to);
		if (rc < 0)
			return err_set(why, -EINVAL, "\"%.*s\" is no range of ports",
			               STR_ARG(item));
		for (uint64_t p = from; p <= to; p++)
			s->wanted[p] = true;
	}
	return 0;
}

static int find(struct scan *s, const char *host, struct err *why)
{
	const struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
	struct addrinfo *list = NULL;
	int rc = *host ? getaddrinfo(host, NULL, &hints, &list) : EAI_NONAME;
	if (rc != 0)
		return err_set(why, -EHOSTUNREACH, "%.200s is not found: %s", host,
		               gai_strerror(rc));
	memcpy(&s->to, list->ai_addr, list->ai_addrlen);
	s->to_len = list->ai_addrlen;
	getnameinfo(list->ai_addr, list->ai_addrlen, s->address, sizeof(s->address), NULL, 0,
	            NI_NUMERICHOST);
	freeaddrinfo(list);
	return 0;
}

static void ended(struct scan *s, int i, bool open)
{
	if (open)
		json_array_append_new(s->open, json_integer(s->tries[i].port));
	close(s->fds[i].fd);
	s->fds[i].fd = -1;
	s->tries[i].port = 0;
	s->scanned++;
}

static int begin(struct scan *s, int i, unsigned port)
{
	int fd = socket(s->to.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	/* Both families keep the port at the same place. */
	((struct sockaddr_in *)(void *)&s->to)->sin_port = htons((uint16_t)port);
	s->fds[i] = (struct pollfd){ .fd = fd, .events = POLLOUT };
	s->tries[i].port = port;
	s->tries[i].since_ms = clock_mono_ms();
	if (connect(fd, (const struct sockaddr *)&s->to, s->to_len) == 0)
		ended(s, i, true);
	else if (errno != EINPROGRESS)
		ended(s, i, false);
	return 0;
}

static bool connected(int fd)
{
	int error = 0;
	socklen_t n = sizeof(error);
	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n) == 0 && error == 0;
}

static unsigned look(struct scan *s)
{
	uint64_t now = clock_mono_ms();
	unsigned under_way = 0;
	for (int i = 0; i < AT_ONCE; i++) {
		if (!s->tries[i].port)
			continue;
		if (s->fds[i].revents)
			ended(s, i, connected(s->fds[i].fd));
		else if (now - s->tries[i].since_ms >= ANSWER_MS)
			ended(s, i, false);
		else
			under_way++;
	}
	return under_way;
}

static int fill(struct scan *s, unsigned *next)
{
	for (int i = 0; i < AT_ONCE; i++) {
		while (!s->tries[i].port && *next < PORTS) {
			unsigned port = (*next)++;
			int rc = s->wanted[port] ? begin(s, i, port) : 0;
			if (rc < 0)
				return rc;
		}
	}
	return 0;
}

static int run(struct scan *s, int stop, struct err *why)
{
	unsigned next = 1, under_way = 0;
	for (int i = 0; i < AT_ONCE; i++)
		s->fds[i].fd = -1;
	s->fds[AT_ONCE] = (struct pollfd){ .fd = stop, .events = POLLIN };
	do {
		int rc = fill(s, &next);
		if (rc < 0)
			return err_set(why, rc, "open a socket: %s", strerror(-rc));
		if (poll(s->fds, AT_ONCE + 1, ANSWER_MS / 10) < 0 && errno != EINTR)
			return err_set(why, -errno, "wait for answers: %s", strerror(errno));
		if (s->fds[AT_ONCE].revents)
			return err_set(why, -EAGAIN, "the manager ends");
		under_way = look(s);
	} while (under_way || next < PORTS);
	return 0;
}

static int by_number(const void *a, const void *b)
{
	const json_int_t x = *(const json_int_t *)a, y = *(const json_int_t *)b;
	return x < y ? -1 : x > y;
}

/* Answers came in any order. */
static json_t *sorted(const json_t *list)
{
	size_t n = json_array_size(list);
	AUTO(freep) json_int_t *ports = xcalloc(n + 1, sizeof(*ports));
	json_t *out = json_array();
	for (size_t i = 0; i < n; i++)
		ports[i] = json_integer_value(json_array_get(list, i));
	qsort(ports, n, sizeof(*ports), by_number);
	for (size_t i = 0; i < n; i++)
		json_array_append_new(out, json_integer(ports[i]));
	return out;
}

int scan_ports(const json_t *order, int stop, struct buf *out, struct err *why)
{
	AUTO(scan_freep) struct scan *s = xcalloc(1, sizeof(*s));
	AUTO(json_decrefp) json_t *o = json_object();
	s->open = json_array();
	int rc = want(s, json_text(order, "ports", ""), why);
	if (rc == 0)
		rc = find(s, json_text(order, "host", ""), why);
	if (rc == 0)
		rc = run(s, stop, why);
	if (rc < 0)
		return rc;
	json_set_text(o, "address", s->address);
	json_set(o, "openPorts", sorted(s->open));
	json_set_int(o, "scanned", s->scanned);
	json_write(out, o);
	return 0;
}
