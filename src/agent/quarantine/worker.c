#include "agent/quarantine/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <gnutls/crypto.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/quarantine/fault.h"
#include "base/auto.h"
#include "base/file.h"
#include "base/log.h"
#include "module/antimalware/seal/seal.h"

/* A file with more holes than this is not hashed: it would take minutes of zeros. */
enum { HASHED_MAX = 1 << 30, TIME_MS = 300000, BYTES_A_MS = 5000 };

/* ---- the work, in the child ---- */

struct hash {
	gnutls_hash_hd_t h; /* NULL: not wanted */
};

static void hash_add(const struct hash *h, const void *p, size_t n)
{
	if (h->h)
		gnutls_hash(h->h, p, n);
}

static int seal_data(struct seal *s, const struct work *what, const struct hash *h, uint64_t at,
                     uint64_t end)
{
	while (at < end) {
		size_t want = end - at < SEAL_PIECE ? (size_t)(end - at) : SEAL_PIECE;
		ssize_t n = pread(what->in, s->plain, want, (off_t)at);
		if (n <= 0)
			return n < 0 ? -errno : -EAGAIN; /* shorter than it was */
		hash_add(h, s->plain, (size_t)n);
		int rc = seal_add(s, SEAL_DATA, s->plain, (size_t)n);
		if (rc < 0)
			return rc;
		at += (uint64_t)n;
		fault_point("half");
	}
	return 0;
}

static int seal_gap(struct seal *s, const struct hash *h, uint64_t n)
{
	memset(s->plain, 0, sizeof(s->plain));
	for (uint64_t left = h->h ? n : 0; left;) {
		size_t part = left < SEAL_PIECE ? (size_t)left : SEAL_PIECE;
		hash_add(h, s->plain, part);
		left -= part;
	}
	return seal_hole(s, n);
}

/* lseek(2): where data goes on from here; at the end of the file ENXIO. */
static uint64_t next_data(int fd, uint64_t at, uint64_t size)
{
	off_t to = lseek(fd, (off_t)at, SEEK_DATA);
	if (to < 0)
		return errno == ENXIO ? size : at; /* a file system without holes */
	return (uint64_t)to < size ? (uint64_t)to : size;
}

static uint64_t next_hole(int fd, uint64_t at, uint64_t size)
{
	off_t to = lseek(fd, (off_t)at, SEEK_HOLE);
	return to < 0 || (uint64_t)to > size ? size : (uint64_t)to;
}

static int seal_all(const struct work *what, struct seal *s, struct work_report *r)
{
	struct hash h = { 0 };
	const struct seal_key key = { .store = what->key };
	int rc = seal_begin(s, &key);
	if (what->size <= HASHED_MAX && gnutls_hash_init(&h.h, GNUTLS_DIG_SHA256) < 0)
		h.h = NULL;
	for (uint64_t at = 0; rc == 0 && at < what->size;) {
		uint64_t data = next_data(what->in, at, what->size);
		rc = data > at ? seal_gap(s, &h, data - at) : 0;
		at = data < what->size ? next_hole(what->in, data, what->size) : data;
		if (rc == 0)
			rc = seal_data(s, what, &h, data, at);
	}
	if (rc == 0)
		rc = seal_end(s);
	if (h.h) {
		gnutls_hash_deinit(h.h, r->sha256);
		r->hashed = true;
	}
	return rc;
}

static int pack(const struct work *what, struct seal *to)
{
	const struct seal_key store = { .store = what->key },
			      other = { .password = what->password };
	AUTO(seal_freep) struct seal *from = seal_new(what->in);
	struct seal_piece piece;
	int rc = seal_begin(to, &other);
	if (rc == 0)
		rc = seal_add(to, SEAL_TEXT, what->text.p, what->text.n);
	if (rc == 0)
		rc = unseal_begin(from, &store, NULL);
	while (rc == 0 && (rc = unseal_next(from, &piece)) == 1)
		rc = seal_add(to, piece.kind, from->plain, piece.n);
	return rc == 0 ? seal_end(to) : rc;
}

static void work(const struct work *what, struct work_report *r)
{
	const struct seal_key key = { .store = what->key };
	AUTO(seal_freep) struct seal *s = seal_new(what->out);
	s->max = what->max;
	switch (what->kind) {
	case WORK_SEAL:
		r->rc = seal_all(what, s, r);
		break;
	case WORK_UNSEAL:
		r->rc = unseal_file(&key, what->in, what->out, NULL, NULL);
		break;
	case WORK_PACK:
		r->rc = pack(what, s);
		break;
	}
	r->bytes = s->bytes;
	if (r->rc == 0 && fsync(what->out) < 0)
		r->rc = -errno;
}

/* ---- the child ---- */

static int by_number(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* What the guard has open is not this process's business. */
static void close_others(int a, int b, int c)
{
	int keep[] = { a, b, c };
	unsigned from = 3;
	qsort(keep, ARRAY_LEN(keep), sizeof(keep[0]), by_number);
	for (size_t i = 0; i < ARRAY_LEN(keep); i++) {
		if ((unsigned)keep[i] > from)
			close_range(from, (unsigned)keep[i] - 1, 0);
		from = (unsigned)keep[i] + 1;
	}
	close_range(from, ~0u, 0);
}

_Noreturn static void child(const struct work *what, int report, pid_t guard)
{
	static const struct sandbox box = { 0 };
	struct work_report r = { 0 };
	struct err why = { { 0 } };
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != guard)
		_exit(1);
	close_others(what->in, what->out, report);
	r.rc = sandbox_enter(&box, "yagura-vault", P_COUNT, NULL, &why);
	if (r.rc < 0)
		log_error("quarantine: %s", why.text);
	else
		work(what, &r);
	fault_point("sealed");
	_exit(file_write_all(report, &r, sizeof(r)) < 0);
}

/* ---- the guard's side ---- */

static void ended(struct watch *watch, uint32_t events)
{
	struct worker *w = CONTAINER_OF(watch, struct worker, watch);
	struct work_report r = { 0 };
	int status = 0;
	(void)events;
	if (waitpid(w->pid, &status, WNOHANG) != w->pid)
		return;
	loop_del(w->loop, &w->watch);
	loop_del(w->loop, &w->late);
	if (read(w->report, &r, sizeof(r)) != (ssize_t)sizeof(r) || !WIFEXITED(status))
		r = (struct work_report){ .rc = -EIO };
	close(w->report);
	w->report = -1;
	w->done(w, &r);
}

/* A file system that does not answer must not keep the others waiting for ever. */
static void late(struct watch *watch, uint32_t events)
{
	struct worker *w = CONTAINER_OF(watch, struct worker, late);
	(void)events;
	loop_tick(watch);
	log_error("quarantine: a file is not read in time: its process is ended");
	kill(w->pid, SIGKILL);
}

int worker_start(struct worker *w, struct loop *l, const struct work *what)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	pid_t guard = getpid(), pid = fork();
	if (pid == 0)
		child(what, ends[1], guard);
	int rc = pid < 0 ? -errno : 0;
	close(ends[1]);
	w->pid = pid;
	w->loop = l;
	w->report = ends[0];
	w->watch.ready = ended;
	if (rc == 0)
		rc = loop_child(l, &w->watch, pid);
	w->late.ready = late;
	if (rc == 0)
		rc = loop_timer(l, &w->late, TIME_MS + what->size / BYTES_A_MS, 0);
	if (rc == 0)
		return 0;
	if (w->watch.fd >= 0)
		loop_del(l, &w->watch);
	if (pid > 0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	close(ends[0]);
	w->watch.fd = w->late.fd = -1;
	return rc;
}

void worker_stop(struct worker *w)
{
	if (w->watch.fd < 0)
		return;
	kill(w->pid, SIGKILL);
	waitpid(w->pid, NULL, 0);
	loop_del(w->loop, &w->watch);
	loop_del(w->loop, &w->late);
	close(w->report);
	w->report = -1;
}
