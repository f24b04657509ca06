#include "agent/sensor/tls/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/file.h"

enum { FORMAT_MAX = 16384 };

#define FORMAT_AT "/sys/kernel/tracing/events/tcp/tcp_rcv_space_adjust/format"

/* ---- the tracepoint ---- */

/* "	field:__u16 sport;	offset:16;	size:2;	signed:0;" */
static bool field_of(struct str line, struct str *name, uint32_t *offset)
{
	static const struct str begin = { "field:", 6 }, where = { "offset:", 7 };
	struct str rest = str_trim(line);
	uint64_t n = 0;
	if (!str_starts(rest, begin))
		return false;
	struct str declared = str_cut(&rest, ';');
	size_t at = declared.n;
	while (at > 0 && declared.p[at - 1] != ' ')
		at--;
	*name = (struct str){ declared.p + at, declared.n - at };
	for (size_t i = 0; i < name->n; i++)
		if (name->p[i] == '[')
			name->n = i;
	struct str second = str_trim(str_cut(&rest, ';'));
	if (!str_starts(second, where))
		return false;
	second = (struct str){ second.p + where.n, second.n - where.n };
	if (str_u64(second, 0, 4096, &n) < 0)
		return false;
	*offset = (uint32_t)n;
	return true;
}

int trace_format(struct str text, int64_t *number, struct tls_fields *at)
{
	const struct {
		const char *name;
		tls_u32 *to;
		bool must;
	} fields[] = {
		{ "sport", &at->sport, true },       { "dport", &at->dport, true },
		{ "family", &at->family, false },    { "saddr", &at->saddr, true },
		{ "daddr", &at->daddr, true },       { "saddr_v6", &at->saddr_v6, true },
		{ "daddr_v6", &at->daddr_v6, true }, { "sock_cookie", &at->sock_cookie, true }
	};
	uint64_t n = 0;
	*at = (struct tls_fields){ 0 };
	*number = 0;
	while (text.p) {
		struct str line = str_cut(&text, '\n'), name = { 0 };
		uint32_t offset = 0;
		if (str_starts(line, STR("ID: ")) &&
		    str_u64((struct str){ line.p + 4, line.n - 4 }, 1, INT32_MAX, &n) == 0)
			*number = (int64_t)n;
		if (!field_of(line, &name, &offset))
			continue;
		for (size_t i = 0; i < ARRAY_LEN(fields); i++)
			if (str_is(name, fields[i].name))
				*fields[i].to = offset;
	}
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		if (fields[i].must && !*fields[i].to)
			return -EBADMSG;
	return *number ? 0 : -EBADMSG;
}

/* In a process of its own, whose mounts nobody else sees. */
static _Noreturn void read_format(int out)
{
	AUTO(buf_done) struct buf b = { 0 };
	if (access(FORMAT_AT, R_OK) < 0 &&
	    (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	     mount("tracefs", "/sys/kernel/tracing", "tracefs", 0, NULL) < 0))
		_exit(1);
	if (file_read(AT_FDCWD, FORMAT_AT, FORMAT_MAX, &b) < 0 || file_write_all(out, b.p, b.n) < 0)
		_exit(1);
	_exit(0);
}

int trace_tcp(int64_t *number, struct tls_fields *at, struct err *why)
{
	int ends[2];
	char text[FORMAT_MAX];
	size_t n = 0;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_set(why, -errno, "pipe: %s", strerror(errno));
	pid_t pid = fork();
	if (pid == 0)
		read_format(ends[1]);
	close(ends[1]);
	for (ssize_t got = 1; pid > 0 && got > 0 && n < sizeof(text);) {
		got = read(ends[0], text + n, sizeof(text) - n);
		n += got > 0 ? (size_t)got : 0;
	}
	close(ends[0]);
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	if (trace_format((struct str){ text, n }, number, at) < 0)
		return err_set(why, -ENOTSUP,
		               "this kernel has no tracepoint tcp_rcv_space_adjust that tells "
		               "addresses");
	return 0;
}

/* ---- events ---- */

static int event_open(struct perf_event_attr *a, int program)
{
	a->size = sizeof(*a);
	/* The program runs on every processor; the event itself is of one and counts nothing. */
	AUTO(closep) int fd = (int)syscall(SYS_perf_event_open, a, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (ioctl(fd, PERF_EVENT_IOC_SET_BPF, program) < 0 ||
	    ioctl(fd, PERF_EVENT_IOC_ENABLE, 0) < 0)
		return -errno;
	return TAKE_FD(fd);
}

int trace_point(int64_t number, int program)
{
	struct perf_event_attr a = { .type = PERF_TYPE_TRACEPOINT, .config = (uint64_t)number };
	return event_open(&a, program);
}

static int device_number(const char *path, const char *prefix, uint64_t *out)
{
	AUTO(buf_done) struct buf b = { 0 };
	struct str start = str_of(prefix);
	int rc = file_read(AT_FDCWD, path, 64, &b);
	if (rc < 0)
		return rc;
	struct str s = str_trim(buf_view(&b));
	if (!str_starts(s, start))
		return -EBADMSG;
	return str_u64((struct str){ s.p + start.n, s.n - start.n }, 0, 1 << 20, out);
}

int trace_function(int file, uint64_t offset, bool at_return, int program)
{
	char path[64];
	uint64_t type = 0, bit = 0;
	int rc = device_number("/sys/bus/event_source/devices/uprobe/type", "", &type);
	if (rc == 0)
		rc = device_number("/sys/bus/event_source/devices/uprobe/format/retprobe",
		                   "config:", &bit);
	if (rc < 0)
		return rc;
	if (bit > 63)
		return -EBADMSG;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	struct perf_event_attr a = { .type = (uint32_t)type,
		                     .config = at_return ? 1ull << bit : 0,
		                     .uprobe_path = (uint64_t)(uintptr_t)path,
		                     .probe_offset = offset };
	return event_open(&a, program);
}
