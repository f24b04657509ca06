#include "agent/sensor/log/journal.h"

#include <dlfcn.h>
#include <errno.h>
#include <gcrypt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/sensor/log/logs.h"
#include "base/auto.h"
#include "base/json.h"
#include "base/log.h"
#include "module/loginspection/policy.h"

enum { FILES_MAX = 512, AT_ONCE = 500, FIELD_MAX = LI_LINE_MAX };

const char *const journal_places[JOURNAL_PLACES + 1] = { "/var/log/journal/*/*.journal",
	                                                 "/var/log/journal/*.journal",
	                                                 "/run/log/journal/*/*.journal",
	                                                 "/run/log/journal/*.journal", NULL };

struct sd_journal;

/* sd-journal(3): the functions that are used, found in the library when there is one. */
static struct library {
	bool there;
	int (*open_files_fd)(struct sd_journal **j, int fds[], unsigned n, int flags);
	void (*close)(struct sd_journal *j);
	int (*next)(struct sd_journal *j);
	int (*previous)(struct sd_journal *j);
	int (*seek_tail)(struct sd_journal *j);
	int (*seek_head)(struct sd_journal *j);
	int (*seek_cursor)(struct sd_journal *j, const char *cursor);
	int (*test_cursor)(struct sd_journal *j, const char *cursor);
	int (*get_cursor)(struct sd_journal *j, char **cursor);
	int (*get_data)(struct sd_journal *j, const char *field, const void **data, size_t *n);
	int (*get_realtime)(struct sd_journal *j, uint64_t *us);
	int (*add_match)(struct sd_journal *j, const void *data, size_t n);
	int (*add_disjunction)(struct sd_journal *j);
} lib;

struct journal_file {
	uint64_t dev, ino;
	int fd;
};

struct journal_reader {
	struct logs *logs;
	struct journal_file files[FILES_MAX];
	size_t nfiles;
	bool news;
	struct sd_journal *journal;
	struct follow *as; /* what its lines are told as */
	char trouble[200];
};

static bool find(void *handle, const char *name, void *to)
{
	void *f = dlsym(handle, name);
	memcpy(to, &f, sizeof(f));
	return f != NULL;
}

void journal_early(void)
{
	void *h = dlopen("libsystemd.so.0", RTLD_NOW | RTLD_LOCAL);
	lib.there = h && find(h, "sd_journal_open_files_fd", &lib.open_files_fd) &&
	            find(h, "sd_journal_close", &lib.close) &&
	            find(h, "sd_journal_next", &lib.next) &&
	            find(h, "sd_journal_previous", &lib.previous) &&
	            find(h, "sd_journal_seek_tail", &lib.seek_tail) &&
	            find(h, "sd_journal_seek_head", &lib.seek_head) &&
	            find(h, "sd_journal_seek_cursor", &lib.seek_cursor) &&
	            find(h, "sd_journal_test_cursor", &lib.test_cursor) &&
	            find(h, "sd_journal_get_cursor", &lib.get_cursor) &&
	            find(h, "sd_journal_get_data", &lib.get_data) &&
	            find(h, "sd_journal_get_realtime_usec", &lib.get_realtime) &&
	            find(h, "sd_journal_add_match", &lib.add_match) &&
	            find(h, "sd_journal_add_disjunction", &lib.add_disjunction);
}

/* ---- opening ---- */

static void trouble(struct journal_reader *j, const char *what, int rc)
{
	char text[sizeof(j->trouble)];
	snprintf(text, sizeof(text), "%s: %s", what, strerror(-rc));
	if (strcmp(text, j->trouble) != 0)
		log_error("journal: %s", text);
	memcpy(j->trouble, text, sizeof(text));
}

static void shut(struct journal_reader *j)
{
	if (j->journal)
		lib.close(j->journal);
	j->journal = NULL;
}

/* "_COMM=sshd _UID=0": all of a source's, any of several sources'. */
static int add_matches(struct journal_reader *j)
{
	const struct rules *r = j->logs->rules;
	int rc = 0;
	for (size_t i = 0; i < r->nsources; i++)
		if (r->sources[i].format == LI_JOURNALD && !r->sources[i].location[0])
			return 0;
	for (size_t i = 0; i < r->nsources && rc >= 0; i++) {
		struct str rest = str_of(r->sources[i].location);
		if (r->sources[i].format != LI_JOURNALD)
			continue;
		rc = lib.add_disjunction(j->journal);
		while (rest.p && rc >= 0) {
			struct str match = str_cut(&rest, ' ');
			rc = match.n ? lib.add_match(j->journal, match.p, match.n) : 0;
		}
	}
	return rc;
}

static void keep_cursor(struct journal_reader *j)
{
	char *cursor = NULL;
	if (lib.get_cursor(j->journal, &cursor) < 0)
		return;
	free(j->logs->cursor);
	j->logs->cursor = cursor;
	j->logs->dirty = true;
}

/* Where it was left; the first time, at its end. */
static int find_place(struct journal_reader *j)
{
	const char *cursor = j->logs->cursor;
	int rc = 0;
	if (!cursor) {
		rc = lib.seek_tail(j->journal);
		if (rc >= 0)
			rc = lib.previous(j->journal);
		if (rc > 0)
			keep_cursor(j);
		return rc;
	}
	rc = lib.seek_cursor(j->journal, cursor);
	if (rc >= 0)
		rc = lib.next(j->journal);
	/* What was there was vacuumed away: the next one is new. */
	if (rc > 0 && lib.test_cursor(j->journal, cursor) <= 0)
		rc = lib.previous(j->journal);
	return rc;
}

static void open_again(struct journal_reader *j)
{
	int fds[FILES_MAX];
	for (size_t i = 0; i < j->nfiles; i++)
		fds[i] = j->files[i].fd;
	shut(j);
	j->news = false;
	j->trouble[0] = '\0';
	if (!j->nfiles)
		return;
	int rc = lib.open_files_fd(&j->journal, fds, (unsigned)j->nfiles, 0);
	if (rc < 0) {
		j->journal = NULL;
		trouble(j, "open", rc);
		return;
	}
	rc = add_matches(j);
	if (rc >= 0)
		rc = find_place(j);
	if (rc < 0) {
		trouble(j, "find the place", rc);
		shut(j);
	}
}

void journal_file(struct journal_reader *j, const char *path, int fd, const struct stat *st)
{
	size_t i = 0;
	while (j && i < j->nfiles &&
	       (j->files[i].dev != st->st_dev || j->files[i].ino != st->st_ino))
		i++;
	if (!j || i < j->nfiles || i == FILES_MAX) {
		close(fd);
		return;
	}
	log_debug("journal: %s", path);
	j->files[j->nfiles++] = (struct journal_file){ st->st_dev, st->st_ino, fd };
	j->news = true;
}

/* Those that were removed hold their space as long as we have them. */
static void drop_removed(struct journal_reader *j)
{
	struct stat st;
	for (size_t i = 0; i < j->nfiles; i++) {
		if (fstat(j->files[i].fd, &st) == 0 && st.st_nlink)
			continue;
		shut(j);
		close(j->files[i].fd);
		j->files[i--] = j->files[--j->nfiles];
		j->news = true;
	}
}

void journal_ready(struct journal_reader *j)
{
	if (!j || !lib.there)
		return;
	drop_removed(j);
	if (j->news)
		open_again(j);
}

/* ---- entries ---- */

static struct str field(struct journal_reader *j, const char *name)
{
	const void *data = NULL;
	size_t n = 0, head = strlen(name) + 1;
	if (lib.get_data(j->journal, name, &data, &n) < 0 || n < head)
		return (struct str){ 0 };
	struct str s = { (const char *)data + head, n - head };
	return s.n > FIELD_MAX ? str_utf8_cut(s, FIELD_MAX) : s;
}

/* As syslog would write it: the next call for a field may take its bytes away. */
static void write_line(struct journal_reader *j, struct buf *out)
{
	uint64_t us = 0;
	struct tm tm;
	char stamp[32] = "";
	lib.get_realtime(j->journal, &us);
	time_t when = (time_t)(us / 1000000);
	if (localtime_r(&when, &tm))
		strftime(stamp, sizeof(stamp), "%b %e %H:%M:%S", &tm);
	struct str host = field(j, "_HOSTNAME");
	buf_fmt(out, "%s %.*s ", stamp, STR_ARG(host.n ? host : STR("localhost")));
	struct str name = field(j, "SYSLOG_IDENTIFIER");
	if (!name.n)
		name = field(j, "_COMM");
	buf_str(out, name.n ? name : STR("unknown"));
	struct str pid = field(j, "SYSLOG_PID");
	if (!pid.n)
		pid = field(j, "_PID");
	if (pid.n)
		buf_fmt(out, "[%.*s]", STR_ARG(pid));
	buf_z(out, ": ");
	size_t from = out->n;
	buf_str(out, field(j, "MESSAGE"));
	for (char *p = out->p + from; p < out->p + out->n; p++)
		if (*p == '\n' || *p == '\r')
			*p = ' ';
}

static void entry(struct journal_reader *j)
{
	AUTO(buf_done) struct buf line = { 0 };
	uint8_t hash[32];
	keep_cursor(j);
	const char *cursor = j->logs->cursor ? j->logs->cursor : "";
	gcry_md_hash_buffer(GCRY_MD_SHA256, hash, cursor, strlen(cursor));
	memcpy(j->as->at.stream, hash, STREAM_ID);
	write_line(j, &line);
	logs_line(j->logs, j->as, buf_view(&line), 0, false);
}

bool journal_read(struct journal_reader *j)
{
	if (!j || !j->journal)
		return false;
	for (unsigned i = 0; i < AT_ONCE; i++) {
		int rc = lib.next(j->journal);
		if (rc < 0)
			trouble(j, "read", rc);
		if (rc <= 0)
			return false;
		entry(j);
	}
	return true;
}

/* ---- life ---- */

static bool is_wanted(const struct logs *l)
{
	for (size_t i = 0; l->rules && i < l->rules->nsources; i++)
		if (l->rules->sources[i].format == LI_JOURNALD)
			return true;
	return false;
}

void journal_obey(struct journal_reader **out, struct logs *l)
{
	struct journal_reader *j = *out;
	if (!is_wanted(l)) {
		journal_free(j);
		*out = NULL;
		return;
	}
	if (!j) {
		j = xcalloc(1, sizeof(*j));
		j->logs = l;
		j->as = follow_new(STR("journal"), LI_JOURNALD);
		if (!lib.there)
			snprintf(j->trouble, sizeof(j->trouble), "libsystemd is not there");
	}
	j->news = true; /* other matches */
	*out = j;
}

void journal_status(const struct journal_reader *j, json_t *list)
{
	if (!j)
		return;
	json_t *o = json_object();
	json_set_text(o, "path", "journal");
	json_set_text(o, "format", li_format_names[LI_JOURNALD]);
	json_set_int(o, "lines", (int64_t)j->as->nlines);
	json_set_int(o, "events", (int64_t)j->as->nevents);
	json_set_text(o, "state",
	              j->trouble[0] ? j->trouble
	              : j->journal  ? "followed"
	                            : "not found");
	json_array_append_new(list, o);
}

void journal_free(struct journal_reader *j)
{
	if (!j)
		return;
	shut(j);
	for (size_t i = 0; i < j->nfiles; i++)
		close(j->files[i].fd);
	follow_free(j->as);
	free(j);
}
