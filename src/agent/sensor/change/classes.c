#include "agent/sensor/change/classes.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"

enum {
	ROUND_MS = 2000,    /* directories that were made since are watched */
	PORTS_MS = 500,     /* the list of listening sockets is read */
	PROCESSES_MS = 500, /* without a connector, processes are */
	PATIENCE_MS = 300,  /* the same file's event may tell who it was */
	SETTLE_MS = 100,
	DATAGRAMS = 2048
};

/* clang-format off */
static const struct {
	const char *path;
	const char *name; /* NULL: whatever is in it */
	bool parts;       /* also in NAME.d, NAME.wants, NAME.requires below it */
	uint32_t classes;
} folders[] = {
	{ "/etc",                         "passwd", false, 1u << IM_USER | 1u << IM_GROUP },
	{ "/etc",                         "group",  false, 1u << IM_USER | 1u << IM_GROUP },
	{ "/etc",                         "shadow", false, 1u << IM_USER },
	{ "/var/lib/dpkg",                "status", false, 1u << IM_SOFTWARE },
	{ "/var/lib/rpm",                 NULL,     false, 1u << IM_SOFTWARE },
	{ "/usr/lib/sysimage/rpm",        NULL,     false, 1u << IM_SOFTWARE },
	{ "/etc/systemd/system",          NULL,     true,  1u << IM_SERVICE },
	{ "/run/systemd/system",          NULL,     true,  1u << IM_SERVICE },
	{ "/usr/local/lib/systemd/system", NULL,    true,  1u << IM_SERVICE },
	{ "/usr/lib/systemd/system",      NULL,     true,  1u << IM_SERVICE },
	/* A service that runs has a group of processes. */
	{ "/sys/fs/cgroup/system.slice",  NULL,     false, 1u << IM_SERVICE },
};
/* clang-format on */

const char *const classes_files[] = {
	"/etc/passwd",         "/var/lib/dpkg/status",    "/var/lib/rpm", "/usr/lib/sysimage/rpm",
	"/etc/systemd/system", "/usr/lib/systemd/system", NULL,
};

static void touch(struct classes *c, uint32_t classes, struct person *by, uint64_t due_ms)
{
	for (int i = 0; i < IM_LINUX_CLASSES; i++) {
		if (!(classes & (1u << i)) || !c->watched[i])
			continue;
		if (by) {
			person_drop(c->touched[i].by);
			c->touched[i].by = person_hold(by);
		}
		if (!c->touched[i].due_ms || due_ms < c->touched[i].due_ms)
			c->touched[i].due_ms = due_ms;
	}
}

enum im_class classes_take(struct classes *c, uint64_t now_ms, struct person **by)
{
	for (int i = 0; i < IM_LINUX_CLASSES; i++) {
		if (!c->touched[i].due_ms || now_ms < c->touched[i].due_ms)
			continue;
		c->touched[i].due_ms = 0;
		*by = TAKE(c->touched[i].by);
		return (enum im_class)i;
	}
	return IM_LINUX_CLASSES;
}

/* ---- directories ---- */

static uint32_t classes_of(const char *folder, struct str name)
{
	uint32_t all = 0;
	for (size_t i = 0; i < ARRAY_LEN(folders); i++)
		if (strcmp(folders[i].path, folder) == 0 &&
		    (!folders[i].name || str_is(name, folders[i].name)))
			all |= folders[i].classes;
	return all;
}

void classes_path(struct classes *c, struct str path, struct person *by, uint64_t now_ms)
{
	for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
		struct str dir = str_of(folders[i].path), rest;
		if (!str_starts(path, dir) || path.n <= dir.n + 1 || path.p[dir.n] != '/')
			continue;
		rest = str_skip(path, dir.n + 1);
		if (folders[i].name ? str_is(rest, folders[i].name)
		                    : folders[i].parts || !memchr(rest.p, '/', rest.n))
			touch(c, folders[i].classes, by, now_ms);
	}
}

static void watch_folder(struct classes *c, const char *path, size_t row)
{
	int w = inotify_add_watch(c->folders.fd, path,
	                          IN_CREATE | IN_DELETE | IN_CLOSE_WRITE | IN_MOVED_FROM |
	                                  IN_MOVED_TO | IN_ATTRIB | IN_ONLYDIR);
	if (w > 0 && (size_t)w < ARRAY_LEN(c->folder_of))
		c->folder_of[w] = (uint16_t)(row + 1);
}

static bool is_part(struct str name)
{
	return str_ends(name, STR(".d")) || str_ends(name, STR(".wants")) ||
	       str_ends(name, STR(".requires"));
}

static void watch_parts(struct classes *c, size_t row)
{
	DIR *d = opendir(folders[row].path);
	for (const struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d)) {
		char path[PATH_MAX];
		if (!is_part(str_of(e->d_name)))
			continue;
		snprintf(path, sizeof(path), "%s/%s", folders[row].path, e->d_name);
		watch_folder(c, path, row);
	}
	if (d)
		closedir(d);
}

static void watch_folders(struct classes *c)
{
	for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
		bool wanted = false;
		for (int class = 0; class < IM_LINUX_CLASSES; class ++)
			wanted |= c->watched[class] && (folders[i].classes & (1u << class));
		if (!wanted)
			continue;
		watch_folder(c, folders[i].path, i);
		if (folders[i].parts)
			watch_parts(c, i);
	}
}

static void folders_ready(struct watch *w, uint32_t events)
{
	struct classes *c = CONTAINER_OF(w, struct classes, folders);
	_Alignas(struct inotify_event) char room[16384];
	uint64_t due = clock_mono_ms() + PATIENCE_MS;
	(void)events;
	ssize_t n = read(w->fd, room, sizeof(room));
	for (ssize_t at = 0; at + (ssize_t)sizeof(struct inotify_event) <= n;) {
		const struct inotify_event *e = (const void *)(room + at);
		at += (ssize_t)sizeof(*e) + (ssize_t)e->len;
		if (e->mask & IN_Q_OVERFLOW)
			touch(c, UINT32_MAX & ~(1u << IM_PROCESS | 1u << IM_PORT), NULL, due);
		if (e->wd <= 0 || (size_t)e->wd >= ARRAY_LEN(c->folder_of) || !c->folder_of[e->wd])
			continue;
		size_t row = c->folder_of[e->wd] - 1u;
		touch(c, classes_of(folders[row].path, str_of(e->len ? e->name : "")), NULL, due);
		/* What was made in between is not seen otherwise. */
		if ((e->mask & IN_ISDIR) && folders[row].parts)
			watch_parts(c, row);
	}
}

/* ---- processes ---- */

void classes_drain(struct classes *c)
{
	for (int i = 0; c->connector.fd >= 0 && i < DATAGRAMS; i++) {
		_Alignas(struct nlmsghdr) char room[1024];
		ssize_t n = recv(c->connector.fd, room, sizeof(room), MSG_DONTWAIT);
		if (n < 0 && errno == ENOBUFS) {
			whos_forget(c->whos);
			touch(c, 1u << IM_PROCESS, NULL, clock_mono_ms());
			continue;
		}
		if (n <= 0)
			return;
		if (whos_told(c->whos, (struct str){ room, (size_t)n }))
			touch(c, 1u << IM_PROCESS, NULL, clock_mono_ms() + SETTLE_MS);
	}
}

static void connector_ready(struct watch *w, uint32_t events)
{
	(void)events;
	classes_drain(CONTAINER_OF(w, struct classes, connector));
}

/* ---- ports ---- */

static int ask_sockets(int fd, int family, int protocol, unsigned states)
{
	struct {
		struct nlmsghdr head;
		struct inet_diag_req_v2 ask;
	} m = { .head = { .nlmsg_len = sizeof(m),
		          .nlmsg_type = SOCK_DIAG_BY_FAMILY,
		          .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
		.ask = { .sdiag_family = (uint8_t)family,
		         .sdiag_protocol = (uint8_t)protocol,
		         .idiag_states = states } };
	return send(fd, &m, sizeof(m), 0) < 0 ? -errno : 0;
}

/* A number for the set of sockets, in whatever order they come; 1: there is more, 0, or -errno. */
static int add_sockets(const char *p, size_t n, uint64_t *sum)
{
	static const uint64_t key[2] = { 0x70f4a1c3u, 0x1d2b90e5u };
	while (n >= sizeof(struct nlmsghdr)) {
		struct nlmsghdr h;
		memcpy(&h, p, sizeof(h));
		if (h.nlmsg_len < sizeof(h) || h.nlmsg_len > n)
			return -EBADMSG;
		/* The end, or there is no such family or protocol. */
		if (h.nlmsg_type == NLMSG_DONE || h.nlmsg_type == NLMSG_ERROR)
			return 0;
		if (h.nlmsg_len >= NLMSG_HDRLEN + sizeof(struct inet_diag_msg)) {
			struct inet_diag_msg m;
			memcpy(&m, p + NLMSG_HDRLEN, sizeof(m));
			/* Who it is and where it listens; not how busy it is. */
			m.idiag_timer = m.idiag_retrans = 0;
			m.idiag_expires = m.idiag_rqueue = m.idiag_wqueue = 0;
			*sum += siphash(key, &m, sizeof(m));
		}
		size_t whole = NLMSG_ALIGN(h.nlmsg_len);
		if (whole >= n)
			break;
		p += whole;
		n -= whole;
	}
	return 1;
}

static int sum_sockets(int fd, int family, int protocol, unsigned states, uint64_t *sum)
{
	_Alignas(struct nlmsghdr) char room[32768];
	int rc = ask_sockets(fd, family, protocol, states);
	if (rc < 0)
		return rc;
	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		ssize_t n = poll(&p, 1, 1000) == 1 ? recv(fd, room, sizeof(room), 0) : -1;
		if (n <= 0)
			return -EIO;
		rc = add_sockets(room, (size_t)n, sum);
		if (rc <= 0)
			return rc;
	}
}

static void look_at_ports(struct classes *c, uint64_t now_ms)
{
	static const int families[] = { AF_INET, AF_INET6 };
	uint64_t sum = 0;
	for (size_t i = 0; i < ARRAY_LEN(families) && c->sockets >= 0; i++) {
		int rc = sum_sockets(c->sockets, families[i], IPPROTO_TCP, 1u << TCP_LISTEN, &sum);
		if (rc == 0)
			rc = sum_sockets(c->sockets, families[i], IPPROTO_UDP, 1u << TCP_CLOSE,
			                 &sum);
		/* Half an answer: rather look once too often. */
		if (rc < 0)
			sum += now_ms;
	}
	if (sum != c->ports_seen)
		touch(c, 1u << IM_PORT, NULL, now_ms);
	c->ports_seen = sum;
}

/* ---- all ---- */

void classes_tick(struct classes *c, uint64_t now_ms)
{
	if (now_ms - c->round_ms >= ROUND_MS) {
		c->round_ms = now_ms;
		watch_folders(c);
	}
	if (c->watched[IM_PORT] && now_ms - c->ports_ms >= PORTS_MS) {
		c->ports_ms = now_ms;
		look_at_ports(c, now_ms);
	}
	if (c->watched[IM_PROCESS] && c->connector.fd < 0 &&
	    now_ms - c->processes_ms >= PROCESSES_MS) {
		c->processes_ms = now_ms;
		touch(c, 1u << IM_PROCESS, NULL, now_ms);
	}
}

void classes_want(struct classes *c, const struct im_rules *watched)
{
	memset(c->watched, 0, sizeof(c->watched));
	for (size_t i = 0; i < watched->nsets; i++)
		if (watched->sets[i].class < IM_LINUX_CLASSES)
			c->watched[watched->sets[i].class] = true;
	c->round_ms = 0;
	watch_folders(c);
}

bool classes_any(const struct classes *c)
{
	for (int i = 0; i < IM_LINUX_CLASSES; i++)
		if (c->watched[i] && !im_classes[i].paths)
			return true;
	return false;
}

int classes_init(struct classes *c, struct loop *l, struct whos *w, int connector, int sockets)
{
	*c = (struct classes){ .loop = l,
		               .whos = w,
		               .connector = { connector, connector_ready },
		               .folders = { inotify_init1(IN_CLOEXEC | IN_NONBLOCK),
		                            folders_ready },
		               .sockets = sockets };
	int rc = c->folders.fd < 0 ? -errno : loop_add(l, &c->folders, EPOLLIN);
	if (rc == 0 && connector >= 0)
		rc = loop_add(l, &c->connector, EPOLLIN);
	return rc;
}

void classes_done(struct classes *c)
{
	loop_del(c->loop, &c->folders);
	loop_del(c->loop, &c->connector);
	if (c->sockets >= 0)
		close(c->sockets);
	for (int i = 0; i < IM_LINUX_CLASSES; i++)
		person_drop(c->touched[i].by);
}
