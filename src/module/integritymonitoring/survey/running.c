#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/file.h"
#include "module/integritymonitoring/survey/sources.h"

/* Processes and the ports that they listen on, from /proc (proc(5)). */

enum { PROC_MAX = 1 << 20, NET_MAX = 64 << 20, KERNEL_THREAD = 0x00200000 };

struct process {
	char pid[16], name[64], user[64], group[64], path[PATH_MAX];
	struct str parent, threads; /* into stat */
	struct buf stat, command;   /* owned */
};

static void process_done(struct process *p)
{
	buf_done(&p->stat);
	buf_done(&p->command);
}

static int read_of(int proc, const char *pid, const char *what, struct buf *out)
{
	char path[64];
	snprintf(path, sizeof(path), "%.15s/%.40s", pid, what);
	return file_read(proc, path, PROC_MAX, out);
}

/* The name that passwd(5) or group(5) gives a number, else the number. */
static void name_of(struct str list, struct str id, char *out, size_t max)
{
	snprintf(out, max, "%.*s", STR_ARG(id));
	while (list.p) {
		struct str line = str_cut(&list, '\n'), name = str_cut(&line, ':');
		str_cut(&line, ':');
		if (line.p && str_eq(str_cut(&line, ':'), id)) {
			snprintf(out, max, "%.*s", STR_ARG(name));
			return;
		}
	}
}

static struct str status_field(struct str status, struct str name)
{
	while (status.p) {
		struct str line = str_cut(&status, '\n');
		if (str_starts(line, name)) {
			line = str_trim(str_skip(line, name.n));
			return str_cut(&line, '\t');
		}
	}
	return (struct str){ 0 };
}

/* "12 (name) S 1 ...": the name may hold anything. false: none of user space. */
static bool parse_stat(struct process *p)
{
	struct str s = buf_view(&p->stat), f[20] = { 0 };
	uint64_t flags = 0;
	if (!s.p)
		return false;
	const char *open = memchr(s.p, '(', s.n), *close = memrchr(s.p, ')', s.n);
	if (!open || !close || close < open)
		return false;
	snprintf(p->name, sizeof(p->name), "%.*s", (int)(close - open - 1), open + 1);
	struct str rest = str_trim(str_skip(s, (size_t)(close - s.p) + 1));
	for (size_t i = 0; i < ARRAY_LEN(f); i++)
		f[i] = str_cut(&rest, ' ');
	p->parent = f[1];
	p->threads = f[17];
	return str_u64(f[6], 0, UINT64_MAX, &flags) == 0 && !(flags & KERNEL_THREAD);
}

static bool read_process(int proc, const char *pid, struct str passwd, struct str group,
                         struct process *p)
{
	AUTO(buf_done) struct buf status = { 0 };
	char link[64];
	snprintf(p->pid, sizeof(p->pid), "%.15s", pid);
	if (read_of(proc, pid, "stat", &p->stat) < 0 || !parse_stat(p) ||
	    read_of(proc, pid, "status", &status) < 0 ||
	    read_of(proc, pid, "cmdline", &p->command) < 0)
		return false;
	name_of(passwd, status_field(buf_view(&status), STR("Uid:")), p->user, sizeof(p->user));
	name_of(group, status_field(buf_view(&status), STR("Gid:")), p->group, sizeof(p->group));
	snprintf(link, sizeof(link), "%.15s/exe", pid);
	ssize_t n = readlinkat(proc, link, p->path, sizeof(p->path) - 1);
	p->path[n > 0 ? n : 0] = '\0';
	for (size_t i = 0; i < p->command.n; i++)
		if (!p->command.p[i])
			p->command.p[i] = ' ';
	return true;
}

/* Calls with every process of user space; what ends meanwhile is left out. */
static int each_process(struct gathered *g,
                        void (*with)(struct gathered *g, struct process *p, int proc, void *arg),
                        void *arg)
{
	AUTO(buf_done) struct buf passwd = { 0 }, group = { 0 };
	DIR *d = opendir("/proc");
	if (!d)
		return -errno;
	file_read(AT_FDCWD, "/etc/passwd", NET_MAX, &passwd);
	file_read(AT_FDCWD, "/etc/group", NET_MAX, &group);
	for (const struct dirent *e = readdir(d); e; e = readdir(d)) {
		struct process p = { 0 };
		if (e->d_name[0] >= '1' && e->d_name[0] <= '9' &&
		    read_process(dirfd(d), e->d_name, buf_view(&passwd), buf_view(&group), &p))
			with(g, &p, dirfd(d), arg);
		process_done(&p);
	}
	closedir(d);
	return 0;
}

static void add_process(struct gathered *g, struct process *p, int proc, void *arg)
{
	AUTO(buf_done) struct buf key = { 0 };
	(void)proc;
	(void)arg;
	buf_fmt(&key, "%s:%s", p->name, p->pid);
	struct im_entity *e = gathered_add(g, IM_PROCESS, buf_view(&key));
	gathered_set(g, e, "CommandLine", str_trim(buf_view(&p->command)));
	gathered_set(g, e, "Group", str_of(p->group));
	gathered_set(g, e, "Parent", p->parent);
	gathered_set(g, e, "Path", str_of(p->path));
	gathered_set(g, e, "Process", str_of(p->name));
	gathered_set(g, e, "Threads", p->threads);
	gathered_set(g, e, "User", str_of(p->user));
}

int gather_processes(struct gathered *g)
{
	return each_process(g, add_process, NULL);
}

/* ---- ports ---- */

static int nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* "0100007F:0050": words of the host's byte order, then the port. */
static bool parse_address(struct str s, char text[static INET6_ADDRSTRLEN], unsigned *port)
{
	struct str address = str_cut(&s, ':');
	uint32_t words[4] = { 0 };
	if ((address.n != 8 && address.n != 32) || s.n != 4)
		return false;
	for (size_t i = 0; i < address.n; i++) {
		int v = nibble(address.p[i]);
		if (v < 0)
			return false;
		words[i / 8] = words[i / 8] << 4 | (uint32_t)v;
	}
	*port = 0;
	for (size_t i = 0; i < s.n; i++) {
		int v = nibble(s.p[i]);
		if (v < 0)
			return false;
		*port = *port << 4 | (unsigned)v;
	}
	return inet_ntop(address.n == 8 ? AF_INET : AF_INET6, words, text, INET6_ADDRSTRLEN) !=
	       NULL;
}

/* The columns of a line, which any number of blanks separate. */
static size_t columns(struct str line, struct str *out, size_t max)
{
	size_t n = 0;
	while (n < max && (line = str_trim(line)).n)
		out[n++] = str_cut(&line, ' ');
	return n;
}

void parse_ports(struct gathered *g, const char *protocol, const char *listening, struct str table,
                 struct map *by_inode)
{
	str_cut(&table, '\n');
	while (table.p) {
		AUTO(buf_done) struct buf key = { 0 };
		struct str f[10];
		char address[INET6_ADDRSTRLEN];
		unsigned port = 0;
		if (columns(str_cut(&table, '\n'), f, 10) < 10 || !str_is(f[3], listening) ||
		    !parse_address(f[1], address, &port))
			continue;
		buf_fmt(&key, "%s/%s/%u", protocol, address, port);
		gathered_add(g, IM_PORT, buf_view(&key));
		/* The list moves as it grows: by number, from 1. */
		map_set(by_inode, f[9], (void *)(uintptr_t)g->n);
	}
}

static void own(struct gathered *g, struct process *p, int proc, void *arg)
{
	struct map *by_inode = arg;
	char path[64], target[64];
	snprintf(path, sizeof(path), "%s/fd", p->pid);
	int fd = openat(proc, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (!d && fd >= 0)
		close(fd);
	for (const struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d)) {
		ssize_t n = readlinkat(dirfd(d), e->d_name, target, sizeof(target));
		struct str inode = { target, n > 0 ? (size_t)n : 0 };
		if (!str_starts(inode, STR("socket:[")) || !str_ends(inode, STR("]")))
			continue;
		inode = (struct str){ inode.p + 8, inode.n - 9 };
		const void *found = map_get(by_inode, inode);
		uintptr_t at = (uintptr_t)found;
		/* Several that share one: the first that is found. */
		if (!at || g->list[at - 1].value[2].n)
			continue;
		gathered_set(g, &g->list[at - 1], "Path", str_of(p->path));
		gathered_set(g, &g->list[at - 1], "Process", str_of(p->name));
		gathered_set(g, &g->list[at - 1], "ProcessID", str_of(p->pid));
		gathered_set(g, &g->list[at - 1], "User", str_of(p->user));
	}
	if (d)
		closedir(d);
}

/* How many sockets listen on the same port. */
static void count_listeners(struct gathered *g, size_t from)
{
	for (size_t i = from; i < g->n; i++) {
		char text[16];
		unsigned n = 0;
		for (size_t j = from; j < g->n; j++)
			n += str_eq(g->list[i].key, g->list[j].key);
		int len = snprintf(text, sizeof(text), "%u", n);
		gathered_set(g, &g->list[i], "Listeners", (struct str){ text, (size_t)len });
	}
}

int gather_ports(struct gathered *g)
{
	static const struct {
		const char *path, *protocol, *listening;
	} tables[] = {
		{ "/proc/net/tcp", "TCP", "0A" },
		{ "/proc/net/tcp6", "TCP6", "0A" },
		{ "/proc/net/udp", "UDP", "07" },
		{ "/proc/net/udp6", "UDP6", "07" },
	};
	struct map by_inode = { 0 };
	size_t from = g->n;
	int rc = 0;
	for (size_t i = 0; i < ARRAY_LEN(tables) && rc == 0; i++) {
		AUTO(buf_done) struct buf table = { 0 };
		rc = file_read(AT_FDCWD, tables[i].path, NET_MAX, &table);
		if (rc == 0)
			parse_ports(g, tables[i].protocol, tables[i].listening, buf_view(&table),
			            &by_inode);
		else if (rc == -ENOENT)
			rc = 0; /* no IPv6 */
	}
	if (rc == 0)
		rc = each_process(g, own, &by_inode);
	count_listeners(g, from);
	map_done(&by_inode);
	return rc;
}
