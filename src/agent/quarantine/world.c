#include "agent/quarantine/world.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/file.h"
#include "base/json.h"
#include "base/test.h"

void make_file(const char *path, size_t n, char c)
{
	AUTO(freep) char *bytes = xcalloc(1, n + 1);
	memset(bytes, c, n);
	AUTO(closep) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	assert_true(fd >= 0);
	assert_int_equal(file_write_all(fd, bytes, n), 0);
}

void holds(const char *path, size_t n, char c)
{
	AUTO(buf_done) struct buf b = { 0 };
	assert_int_equal(file_read(AT_FDCWD, path, BIG + 1, &b), 0);
	assert_int_equal(b.n, n);
	for (size_t i = 0; i < n; i++)
		if (b.p[i] != c)
			fail_msg("byte %zu is another one", i);
}

bool there(const char *path)
{
	struct stat st;
	return lstat(path, &st) == 0;
}

const char *in(const struct world *w, const char *name)
{
	static char room[4][200];
	static unsigned next;
	char *out = room[next++ % 4];
	snprintf(out, sizeof(room[0]), "%s/%s", w->lib, name);
	return out;
}

/* ---- the store ---- */

static void changed(void *arg, const json_t *entry)
{
	struct world *w = arg;
	assert_true(*json_text(entry, "recordID", ""));
	w->changed++;
}

static void dropped(void *arg, const char *path)
{
	struct world *w = arg;
	assert_true(*path == '/');
	w->dropped++;
}

static void full(void *arg, unsigned count)
{
	((struct world *)arg)->full += count;
}

static void exempted(void *arg)
{
	((struct world *)arg)->exempted++;
}

static void tell(void *arg, const char *event, const char *record_id)
{
	assert_string_equal(event, "the event");
	assert_true(*record_id);
	((struct world *)arg)->told++;
}

void open_store(struct world *w)
{
	struct err why = { { 0 } };
	const struct quarantine_ears ears = { w, changed, dropped, full, exempted, tell };
	w->q = quarantine_new(&w->loop, w->lib, &ears, &why);
	if (!w->q)
		fail_msg("%s", why.text);
}

void begin(struct world *w)
{
	*w = (struct world){ 0 };
	snprintf(w->lib, sizeof(w->lib), "/tmp/quarantine.XXXXXX");
	assert_non_null(mkdtemp(w->lib));
	snprintf(w->path, sizeof(w->path), "%s/bad file", w->lib);
	make_file(w->path, BIG, 'x');
	assert_int_equal(loop_init(&w->loop), 0);
	open_store(w);
}

void end(struct world *w)
{
	quarantine_free(w->q);
	loop_done(&w->loop);
	assert_int_equal(file_remove_tree(AT_FDCWD, w->lib), 0);
}

void start_again(struct world *w)
{
	quarantine_free(w->q);
	open_store(w);
}

void answered(void *arg, const struct quarantine_answer *a)
{
	struct outcome *o = arg;
	assert_false(o->done);
	*o = (struct outcome){ .done = true, .full = a->full, .rc = a->rc, .fd = -1 };
	snprintf(o->id, sizeof(o->id), "%s", a->record_id);
	snprintf(o->error, sizeof(o->error), "%s", a->error ? a->error : "");
	snprintf(o->note, sizeof(o->note), "%s", a->note ? a->note : "");
	snprintf(o->password, sizeof(o->password), "%s", a->password ? a->password : "");
	if (a->fd >= 0)
		o->fd = fcntl(a->fd, F_DUPFD_CLOEXEC, 3);
	assert_true((a->rc < 0) == (a->error != NULL));
}

void wait_for(struct world *w, const struct outcome *o)
{
	for (int i = 0; i < 600 && !o->done; i++)
		assert_true(loop_once(&w->loop, 100) >= 0);
	assert_true(o->done);
}

void ask_put(struct world *w, const char *path, int fd, uint64_t max, struct outcome *o)
{
	struct stat st;
	AUTO(json_decrefp) json_t *detail = json_object();
	assert_int_equal(fstat(fd, &st), 0);
	json_set_text(detail, "malware", "Test");
	json_set_text(detail, "unique", path);
	json_set_text(detail, "event", "the event");
	const struct quarantine_file f = { .fd = fd,
		                           .path = path,
		                           .dev = st.st_dev,
		                           .ino = st.st_ino,
		                           .max = max,
		                           .detail = detail };
	quarantine_put(w->q, &f, (struct quarantine_caller){ answered, o });
}

struct outcome put_file(struct world *w, const char *path, uint64_t max)
{
	struct outcome o = { 0 };
	AUTO(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	ask_put(w, path, fd, max, &o);
	wait_for(w, &o);
	return o;
}

void put(struct world *w, char id[static 64])
{
	struct outcome o = put_file(w, w->path, 0);
	if (o.rc < 0)
		fail_msg("%s", o.error);
	snprintf(id, 64, "%s", o.id);
}

struct outcome restore_as(struct world *w, const struct quarantine_return *what)
{
	struct outcome o = { 0 };
	quarantine_restore(w->q, what, (struct quarantine_caller){ answered, &o });
	wait_for(w, &o);
	return o;
}

void restore(struct world *w, const char *id)
{
	struct outcome o = restore_as(w, &(struct quarantine_return){ .id = id });
	if (o.rc < 0)
		fail_msg("%s", o.error);
}

size_t kept(const struct world *w, char id[static 64])
{
	AUTO(json_decrefp) json_t *list = quarantine_list(w->q);
	size_t n = 0;
	id[0] = '\0';
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *o = json_array_get(list, i);
		if (strcmp(json_text(o, "state", ""), "quarantined") != 0)
			continue;
		if (n++ == 0)
			snprintf(id, 64, "%s", json_text(o, "recordID", ""));
	}
	return n;
}

unsigned files_in_store(const struct world *w)
{
	char command[200], line[300];
	unsigned n = 0;
	snprintf(command, sizeof(command), "ls '%s/quarantine'", w->lib);
	FILE *f = popen(command, "re"); /* NOLINT(cert-env33-c): a test's own words */
	while (f && fgets(line, sizeof(line), f))
		n += strncmp(line, "key", 3) != 0 && strncmp(line, "exempt", 6) != 0 &&
		     strncmp(line, "told", 4) != 0;
	if (f)
		pclose(f);
	return n;
}

void set_flags(const char *path, int flags)
{
	int now = 0;
	AUTO(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(ioctl(fd, FS_IOC_GETFLAGS, &now), 0);
	now = (now & ~(FS_IMMUTABLE_FL | FS_APPEND_FL)) | flags;
	assert_int_equal(ioctl(fd, FS_IOC_SETFLAGS, &now), 0);
}

int get_flags(const char *path)
{
	int flags = 0;
	AUTO(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(ioctl(fd, FS_IOC_GETFLAGS, &flags), 0);
	return flags & (FS_IMMUTABLE_FL | FS_APPEND_FL);
}
