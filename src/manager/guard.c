#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/file.h"
#include "base/log.h"
#include "base/rand.h"
#include "manager/manager.h"

/* What the guard opens: the listening sockets, which may have ports that need root; the key of the
 * secrets in the database, which is root's and lies apart from the database. */

enum { BACKLOG = 512, KEY = 32 };

struct address {
	struct sockaddr_storage at;
	socklen_t n;
};

static int address_of(const char *text, uint16_t port, struct address *out)
{
	struct address a = { 0 };
	struct sockaddr_in *v4 = (void *)&a.at;
	struct sockaddr_in6 *v6 = (void *)&a.at;
	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		a.n = sizeof(*v4);
	} else if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(port);
		a.n = sizeof(*v6);
	} else {
		return -EINVAL;
	}
	*out = a;
	return 0;
}

static int listen_at(const struct address *a, bool both)
{
	const int on = 1, only = !both;
	AUTO(closep)
	int fd = socket(a->at.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0)
		return -errno;
	if (a->at.ss_family == AF_INET6 &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof(only)) < 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)&a->at, a->n) < 0 || listen(fd, BACKLOG) < 0)
		return -errno;
	return TAKE_FD(fd);
}

static int open_one(const char *text, uint16_t port)
{
	struct address a;
	bool all = *text == '\0';
	int rc = address_of(all ? "::" : text, port, &a);
	if (rc == 0)
		rc = listen_at(&a, all);
	if (rc == -EAFNOSUPPORT && all) { /* a host without IPv6 */
		rc = address_of("0.0.0.0", port, &a);
		if (rc == 0)
			rc = listen_at(&a, false);
	}
	if (rc < 0)
		log_error("listen on %s port %u: %s", all ? "all addresses" : text, port,
		          strerror(-rc));
	return rc;
}

/* Both ports at each address; when they are the same, one socket serves both. */
int front_prepare(struct self *guard, unsigned instance, struct birth_fd out[static BIRTH_FDS_MAX])
{
	(void)instance;
	const struct options *o = guard->options;
	const uint64_t ports[] = { o->number[SET_CONSOLE_PORT], o->number[SET_AGENT_PORT] };
	static const char *const names[] = { "console", "agent" };
	unsigned nports = ports[0] == ports[1] ? 1 : 2;
	int n = 0;
	struct str rest = str_trim(str_of(o->text[SET_LISTEN]));
	for (int i = 0; i < LISTEN_MAX && (rest.p || i == 0); i++) {
		struct str word = str_cut(&rest, ' ');
		AUTO(freep) char *text = str_dup(word);
		rest = str_trim(rest);
		for (unsigned k = 0; k < nports; k++) {
			int fd = open_one(text, (uint16_t)ports[k]);
			if (fd < 0) {
				while (n > 0)
					close(out[--n].fd);
				return fd;
			}
			out[n].fd = fd;
			snprintf(out[n++].name, sizeof(out[0].name), "%s%d", names[k], i);
		}
	}
	return n;
}

static int make_key(const char *path)
{
	uint8_t key[KEY];
	rand_bytes(key, sizeof(key));
	int rc = file_replace(AT_FDCWD, path, key, sizeof(key), 0600);
	explicit_bzero(key, sizeof(key));
	return rc;
}

/* The core reads what is in it. A new one for an old database is noticed there. */
int core_prepare(struct self *guard, unsigned instance, struct birth_fd out[static BIRTH_FDS_MAX])
{
	AUTO(freep) char *path = NULL;
	(void)instance;
	if (asprintf(&path, "%s/secrets.key", guard->etc) < 0)
		abort();
	int rc = access(path, F_OK) < 0 && errno == ENOENT ? make_key(path) : 0;
	int fd = rc < 0 ? rc : open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0) {
		rc = rc < 0 ? rc : -errno;
		log_error("open %s: %s", path, strerror(-rc));
		return rc;
	}
	out[0].fd = fd;
	snprintf(out[0].name, sizeof(out[0].name), "secrets");
	return 1;
}
