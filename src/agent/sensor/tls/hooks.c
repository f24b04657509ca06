#include "agent/sensor/tls/hooks.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/sensor/tls/functions.h"
#include "agent/sensor/tls/hook_object.h"
#include "agent/sensor/tls/trace.h"
#include "base/auto.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"

/* A library is a program or a shared object that wanted processes have mapped. */
enum { LIBRARIES_MAX = 64, LINKS_MAX = 32, MAPS_MAX = 4 << 20, TELL_MAX = 65536 };

struct library {
	uint64_t dev, ino;
	int fd; /* owned: until its functions are known */
	char path[256];
	int links[LINKS_MAX]; /* owned */
	unsigned nlinks;
	char trouble[120];
};

struct hooks {
	struct self *me;
	struct bpf_object *object; /* owned; NULL: not loaded */
	int tcp;                   /* owned: the tracepoint's event, -1 */
	char trouble[200];
	struct library libraries[LIBRARIES_MAX];
	unsigned n;
};

struct hooks *hooks_new(struct self *me)
{
	struct hooks *h = xcalloc(1, sizeof(*h));
	h->me = me;
	h->tcp = -1;
	return h;
}

static void library_done(struct library *l)
{
	for (unsigned i = 0; i < l->nlinks; i++)
		close(l->links[i]);
	if (l->fd >= 0)
		close(l->fd);
}

void hooks_down(struct hooks *h)
{
	for (unsigned i = 0; h && i < h->n; i++)
		library_done(&h->libraries[i]);
	if (!h)
		return;
	h->n = 0;
	if (h->tcp >= 0)
		close(TAKE_FD(h->tcp));
	bpf_object__close(h->object);
	h->object = NULL;
}

void hooks_free(struct hooks *h)
{
	hooks_down(h);
	free(h);
}

/* ---- the programs ---- */

static int silent(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level, (void)format, (void)args;
	return 0;
}

static int program_fd(const struct hooks *h, const char *name)
{
	const struct bpf_program *p = bpf_object__find_program_by_name(h->object, name);
	return p ? bpf_program__fd(p) : -ENOENT;
}

static int map_fd(const struct hooks *h, const char *name)
{
	const struct bpf_map *m = bpf_object__find_map_by_name(h->object, name);
	return m ? bpf_map__fd(m) : -ENOENT;
}

static int set_fields(struct bpf_object *o, const struct tls_fields *at)
{
	struct bpf_map *m = NULL;
	bpf_object__for_each_map(m, o)
	{
		size_t n = 0;
		const void *now = bpf_map__initial_value(m, &n);
		if (now && n == sizeof(*at))
			return bpf_map__set_initial_value(m, at, sizeof(*at));
	}
	return -ENOENT;
}

static int load(struct hooks *h, struct err *why)
{
	int64_t number = 0;
	struct tls_fields at;
	int rc = trace_tcp(&number, &at, why);
	if (rc < 0)
		return rc;
	libbpf_set_print(silent);
	h->object = bpf_object__open_mem(hook_object, hook_object_size, NULL);
	if (!h->object)
		return err_set(why, -errno, "open the programs: %s", strerror(errno));
	rc = set_fields(h->object, &at);
	if (rc == 0)
		rc = bpf_object__load(h->object);
	if (rc < 0)
		return err_set(why, rc, "the kernel refuses the programs: %s", strerror(-rc));
	h->tcp = trace_point(number, program_fd(h, "received"));
	if (h->tcp < 0)
		return err_set(why, h->tcp, "the kernel's tracepoint: %s", strerror(-h->tcp));
	return 0;
}

int hooks_prepare(struct hooks *h, struct birth_fd out[static BIRTH_FDS_MAX])
{
	struct err why = { { 0 } };
	int n = 0;
	if (!h)
		return 0;
	hooks_down(h);
	h->trouble[0] = '\0';
	if (load(h, &why) < 0) {
		hooks_down(h);
		snprintf(h->trouble, sizeof(h->trouble), "%.190s", why.text);
		log_warning("TLS: %s", why.text);
		return 0;
	}
	int fd = fcntl(map_fd(h, "ring"), F_DUPFD_CLOEXEC, 3);
	if (fd >= 0)
		out[n++] = (struct birth_fd){ "ring", fd };
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_SOCK_DIAG);
	if (fd >= 0)
		out[n++] = (struct birth_fd){ "diag", fd };
	return n;
}

/* ---- what is told ---- */

static void send_to_tls(const struct hooks *h, uint32_t type, const json_t *o, int fd)
{
	AUTO(buf_done) struct buf b = { .max = TELL_MAX };
	json_write(&b, o);
	if (buf_end(&b) < 0)
		return;
	int rc = fd < 0 ? self_send(h->me, P_TLS, 0, type, 0, buf_view(&b))
	                : self_send_fd(h->me, P_TLS, type, 0, buf_view(&b), fd);
	if (rc < 0 && rc != -ENOTCONN)
		log_error("tell tls: %s", strerror(-rc));
}

static uint64_t lost(const struct hooks *h)
{
	uint32_t key = TLS_COUNT_LOST;
	int cpus = libbpf_num_possible_cpus();
	uint64_t sum = 0;
	if (!h->object || cpus <= 0)
		return 0;
	AUTO(freep) uint64_t *each = xcalloc((size_t)cpus, sizeof(*each));
	if (bpf_map_lookup_elem(map_fd(h, "counts"), &key, each) == 0)
		for (int i = 0; i < cpus; i++)
			sum += each[i];
	return sum;
}

static void tell_state(const struct hooks *h)
{
	AUTO(json_decrefp) json_t *o = json_object();
	json_t *list = json_array();
	if (h->trouble[0])
		json_set_text(o, "error", h->trouble);
	json_set_int(o, "lost", (int64_t)lost(h));
	for (unsigned i = 0; i < h->n; i++) {
		const struct library *l = &h->libraries[i];
		json_t *row = json_object();
		json_set_bytes(row, "path", str_of(l->path));
		json_set_int(row, "hooks", l->nlinks);
		if (l->trouble[0])
			json_set_text(row, "error", l->trouble);
		json_array_append_new(list, row);
	}
	json_set(o, "libraries", list);
	send_to_tls(h, M_TLS_STATE, o, -1);
}

/* ---- libraries ---- */

static bool is_known(const struct hooks *h, uint64_t dev, uint64_t ino)
{
	for (unsigned i = 0; i < h->n; i++)
		if (h->libraries[i].dev == dev && h->libraries[i].ino == ino)
			return true;
	return false;
}

/* The file behind a mapping, by the kernel's own link to it: no path is walked. */
static void look_at_mapping(struct hooks *h, const char *pid, struct str range, struct str path)
{
	char link[400];
	struct stat st;
	snprintf(link, sizeof(link), "/proc/%s/map_files/%.*s", pid, STR_ARG(range));
	AUTO(closep) int fd = open(link, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
	    is_known(h, st.st_dev, st.st_ino) || h->n == LIBRARIES_MAX)
		return;
	struct library *l = &h->libraries[h->n];
	*l = (struct library){ .dev = st.st_dev, .ino = st.st_ino, .fd = -1 };
	snprintf(l->path, sizeof(l->path), "%.*s", STR_ARG(path));
	AUTO(json_decrefp) json_t *o = json_object();
	json_set_int(o, "library", (int64_t)h->n);
	send_to_tls(h, M_TLS_LIBRARY, o, fd);
	l->fd = TAKE_FD(fd);
	h->n++;
}

/* "55d0c0a00000-55d0c0b00000 r-xp 00000000 08:01 123    /usr/lib/libssl.so.3" (proc(5)) */
static void look_at_line(struct hooks *h, const char *pid, struct str line, struct str exe)
{
	struct str rest = line, range = str_cut(&rest, ' '), rights = str_cut(&rest, ' ');
	str_cut(&rest, ' ');
	str_cut(&rest, ' ');
	str_cut(&rest, ' ');
	struct str path = str_trim(rest), name = path;
	if (rights.n < 3 || rights.p[2] != 'x' || !path.n || path.p[0] != '/')
		return;
	for (size_t i = 0; i < path.n; i++)
		if (path.p[i] == '/')
			name = (struct str){ path.p + i + 1, path.n - i - 1 };
	/* A program may have the library inside itself. */
	if (str_starts(name, STR("libssl")) || str_eq(path, exe))
		look_at_mapping(h, pid, range, path);
}

static void look_at_process(struct hooks *h, const char *pid)
{
	char at[300], exe[4096];
	AUTO(buf_done) struct buf b = { 0 };
	snprintf(at, sizeof(at), "/proc/%s/exe", pid);
	ssize_t n = readlink(at, exe, sizeof(exe));
	snprintf(at, sizeof(at), "/proc/%s/maps", pid);
	if (n < 0 || file_read(AT_FDCWD, at, MAPS_MAX, &b) < 0)
		return;
	struct str rest = buf_view(&b);
	while (rest.p)
		look_at_line(h, pid, str_cut(&rest, '\n'), (struct str){ exe, (size_t)n });
}

static bool is_wanted(const json_t *programs, const char *pid)
{
	char at[300];
	AUTO(buf_done) struct buf b = { 0 };
	snprintf(at, sizeof(at), "/proc/%s/comm", pid);
	if (file_read(AT_FDCWD, at, 64, &b) < 0)
		return false;
	struct str name = str_trim(buf_view(&b));
	for (size_t i = 0; i < json_array_size(programs); i++)
		if (str_is(name, json_string_value(json_array_get(programs, i))))
			return true;
	return false;
}

/* The kernel looks into processes of these names and no others. */
static void set_names(const struct hooks *h, const json_t *programs)
{
	int fd = map_fd(h, "names");
	char key[TLS_NAME];
	uint8_t one = 1;
	while (bpf_map_get_next_key(fd, NULL, key) == 0 && bpf_map_delete_elem(fd, key) == 0)
		;
	for (size_t i = 0; i < json_array_size(programs) && i < TLS_NAMES_MAX; i++) {
		const char *name = json_string_value(json_array_get(programs, i));
		memset(key, 0, sizeof(key));
		snprintf(key, sizeof(key), "%s", name);
		bpf_map_update_elem(fd, key, &one, BPF_ANY);
	}
}

static bool are_names(const json_t *programs)
{
	for (size_t i = 0; i < json_array_size(programs); i++) {
		const char *name = json_string_value(json_array_get(programs, i));
		if (!name || !*name)
			return false;
	}
	return json_is_array(programs);
}

int hooks_look(struct hooks *h, const json_t *message)
{
	const json_t *programs = json_array_at(message, "programs");
	if (!are_names(programs))
		return -EBADMSG;
	if (h->object) {
		if (json_bool(message, "changed", false))
			set_names(h, programs);
		DIR *proc = json_array_size(programs) ? opendir("/proc") : NULL;
		for (const struct dirent *e = proc ? readdir(proc) : NULL; e; e = readdir(proc))
			if (e->d_name[0] >= '1' && e->d_name[0] <= '9' &&
			    is_wanted(programs, e->d_name))
				look_at_process(h, e->d_name);
		if (proc)
			closedir(proc);
	}
	tell_state(h);
	return 0;
}

/* ---- functions ---- */

static void attach(struct library *l, uint64_t offset, bool at_return, int program)
{
	int fd =
		l->nlinks < LINKS_MAX ? trace_function(l->fd, offset, at_return, program) : -ENOSPC;
	if (fd >= 0)
		l->links[l->nlinks++] = fd;
	else
		snprintf(l->trouble, sizeof(l->trouble), "%s", strerror(-fd));
}

int hooks_hook(struct hooks *h, const json_t *message)
{
	int64_t i = json_int(message, "library", -1);
	const json_t *found = json_object_at(message, "functions");
	if (i < 0 || i >= LIBRARIES_MAX || !found)
		return -EBADMSG;
	/* Of a former life of the other side. */
	if (i >= (int64_t)h->n || h->libraries[i].fd < 0)
		return 0;
	struct library *l = &h->libraries[i];
	for (const struct tls_function *f = tls_functions; f->name; f++) {
		int64_t offset = json_int(found, f->name, -1);
		if (offset < 0)
			continue;
		attach(l, (uint64_t)offset, false, program_fd(h, f->enter));
		if (f->returns)
			attach(l, (uint64_t)offset, true, program_fd(h, "returns"));
	}
	close(TAKE_FD(l->fd));
	return 0;
}
