#include "manager/forward/sweep.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"

enum { WINDOW = 200, PATIENCE_MS = 800, ADDRESSES_MAX = 65536 };

/* What servers have open most often, the agent's own among them. A closed one answers, too. */
static const uint16_t ports[] = { 22, 443, 80, 4118, 3389, 445 };

/* A connection that is being tried. */
struct probe {
	uint32_t address;
	uint64_t until_ms;
};

struct sweeping {
	const struct sweep *s;
	uint8_t *there; /* a bit for each address */
	struct pollfd fds[WINDOW + 1];
	struct probe probes[WINDOW];
	size_t n;
};

static void found(struct sweeping *w, uint32_t address)
{
	uint32_t i = address - w->s->low;
	if (address >= w->s->low && address <= w->s->high)
		w->there[i / 8] |= (uint8_t)(1u << i % 8);
}

static bool is_found(const struct sweeping *w, uint32_t address)
{
	uint32_t i = address - w->s->low;
	return w->there[i / 8] >> i % 8 & 1;
}

static bool answered(int error)
{
	return error == 0 || error == ECONNREFUSED || error == ECONNRESET;
}

static int begin(struct sweeping *w, uint32_t address, uint16_t port)
{
	const struct sockaddr_in at = { .sin_family = AF_INET,
		                        .sin_port = htons(port),
		                        .sin_addr.s_addr = htonl(address) };
	AUTO(closep) int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	int error = connect(fd, (const struct sockaddr *)&at, sizeof(at)) < 0 ? errno : 0;
	if (error != EINPROGRESS) {
		if (answered(error))
			found(w, address);
		return 0;
	}
	w->probes[w->n] = (struct probe){ address, clock_mono_ms() + PATIENCE_MS };
	w->fds[w->n++] = (struct pollfd){ .fd = TAKE_FD(fd), .events = POLLOUT };
	return 0;
}

static void end(struct sweeping *w, size_t i)
{
	close(w->fds[i].fd);
	w->fds[i] = w->fds[--w->n];
	w->probes[i] = w->probes[w->n];
}

static void look(struct sweeping *w, size_t i)
{
	int error = 0;
	socklen_t n = sizeof(error);
	if (getsockopt(w->fds[i].fd, SOL_SOCKET, SO_ERROR, &error, &n) == 0 && answered(error))
		found(w, w->probes[i].address);
}

/* Waits until a place is free (all: until none is taken). */
static int settle(struct sweeping *w, bool all)
{
	while (w->n == WINDOW || (all && w->n)) {
		uint64_t now = clock_mono_ms();
		w->fds[w->n] = (struct pollfd){ .fd = w->s->stop, .events = POLLIN };
		if (poll(w->fds, w->n + 1, PATIENCE_MS / 8) < 0 && errno != EINTR)
			return -errno;
		if (w->s->stop >= 0 && w->fds[w->n].revents)
			return -ECANCELED;
		for (size_t i = w->n; i-- > 0;) {
			bool ready = w->fds[i].revents;
			if (ready)
				look(w, i);
			if (ready || w->probes[i].until_ms <= now)
				end(w, i);
		}
	}
	return 0;
}

static void neighbour(void *arg, uint32_t address)
{
	struct sweeping *w = arg;
	if (address >= w->s->low && address <= w->s->high)
		found(w, address);
}

/* Columns: address, type, flags, hardware address, mask, device; flag 2: it is complete. */
void sweep_neighbours(struct str text, void (*seen)(void *arg, uint32_t address), void *arg)
{
	str_cut(&text, '\n');
	while (text.n) {
		struct str line = str_cut(&text, '\n'), word[3] = { 0 };
		for (int i = 0; i < 3; i++) {
			line = str_trim(line);
			word[i] = str_cut(&line, ' ');
		}
		AUTO(freep) char *address = str_dup(word[0]), *flags = str_dup(word[2]);
		struct in_addr a;
		if (inet_pton(AF_INET, address, &a) == 1 && strtoul(flags, NULL, 16) & 2)
			seen(arg, ntohl(a.s_addr));
	}
}

static void look_at_neighbours(struct sweeping *w)
{
	AUTO(buf_done) struct buf b = { 0 };
	if (file_read(AT_FDCWD, "/proc/net/arp", 16 << 20, &b) == 0)
		sweep_neighbours(buf_view(&b), neighbour, w);
}

static int try_port(struct sweeping *w, uint16_t port)
{
	for (uint64_t a = w->s->low; a <= w->s->high; a++) {
		int rc = is_found(w, (uint32_t)a) ? 0 : settle(w, false);
		if (rc == 0 && !is_found(w, (uint32_t)a))
			rc = begin(w, (uint32_t)a, port);
		if (rc < 0)
			return rc;
	}
	int rc = settle(w, true);
	look_at_neighbours(w);
	return rc;
}

static bool name_of(uint32_t address, char *out, size_t size)
{
	const struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(address) };
	return getnameinfo((const struct sockaddr *)&at, sizeof(at), out, (socklen_t)size, NULL, 0,
	                   NI_NAMEREQD) == 0;
}

static bool stopped(const struct sweep *s)
{
	struct pollfd p = { .fd = s->stop, .events = POLLIN };
	return s->stop >= 0 && poll(&p, 1, 0) > 0;
}

static int tell(const struct sweeping *w, struct buf *out)
{
	AUTO(json_decrefp) json_t *list = json_array();
	for (uint64_t a = w->s->low; a <= w->s->high; a++) {
		char ip[INET_ADDRSTRLEN], name[NI_MAXHOST];
		struct in_addr at = { htonl((uint32_t)a) };
		if (!is_found(w, (uint32_t)a))
			continue;
		if (stopped(w->s))
			return -ECANCELED;
		json_t *o = json_object();
		inet_ntop(AF_INET, &at, ip, sizeof(ip));
		json_set_text(o, "ip", ip);
		if (w->s->names && name_of((uint32_t)a, name, sizeof(name)))
			json_set_bytes(o, "name", str_of(name));
		json_array_append_new(list, o);
	}
	json_write(out, list);
	return buf_end(out);
}

int sweep(const struct sweep *s, struct buf *out, struct err *why)
{
	if (s->high < s->low || s->high - s->low >= ADDRESSES_MAX)
		return err_set(why, -EINVAL, "at most %d addresses can be looked at",
		               ADDRESSES_MAX);
	struct sweeping *w = xcalloc(1, sizeof(*w));
	w->s = s;
	w->there = xcalloc(1, (s->high - s->low) / 8 + 1);
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(ports); i++)
		rc = try_port(w, ports[i]);
	if (rc == 0)
		rc = tell(w, out);
	while (w->n)
		end(w, w->n - 1);
	free(w->there);
	free(w);
	return rc < 0 ? err_set(why, rc, "look for computers: %s", strerror(-rc)) : 0;
}
