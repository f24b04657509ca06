#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/log.h"
#include "cli/cli.h"
#include "module/loginspection/loginspection.h"

enum { FILE_MAX = 64 << 20, CHUNK = 256 << 10, OUT_MAX = 1 << 20, PENDING_MAX = 4 << 20 };

/* A folder's files, in the order of their names. */
struct folder {
	struct li_file *files; /* owned, with names and texts */
	size_t n;
};

static void folder_done(struct folder *f)
{
	for (size_t i = 0; i < f->n; i++) {
		free((void *)(uintptr_t)f->files[i].name);
		free((void *)(uintptr_t)f->files[i].text.p);
	}
	free(f->files);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct li_file *)a)->name, ((const struct li_file *)b)->name);
}

static bool wanted(const char *name, const char *ending)
{
	return name[0] != '.' && (!ending || str_ends(str_of(name), str_of(ending)));
}

static int add_file(struct folder *f, int dir, const char *name, const char *shown)
{
	AUTO(buf_done) struct buf text = { 0 };
	int rc = file_read(dir, name, FILE_MAX, &text);
	if (rc == -EISDIR)
		return 0;
	if (rc < 0)
		return rc;
	struct li_file *files = realloc(f->files, (f->n + 1) * sizeof(*files));
	if (!files)
		return -ENOMEM;
	f->files = files;
	size_t n = text.n;
	f->files[f->n++] = (struct li_file){ str_dup(str_of(shown)), { buf_take(&text), n } };
	return 0;
}

/* A folder, or a single file. ending: NULL takes every file. */
static int read_folder(const char *path, const char *ending, struct folder *out, struct err *why)
{
	AUTO(closep) int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = 0;
	if (dir < 0 && errno == ENOTDIR)
		rc = add_file(out, AT_FDCWD, path, path);
	else if (dir < 0)
		return err_set(why, -errno, "%s: %s", path, strerror(errno));
	DIR *d = dir >= 0 ? file_dir(dir) : NULL;
	for (struct dirent *e = NULL; rc == 0 && d && (e = readdir(d));)
		if (wanted(e->d_name, ending))
			rc = add_file(out, dir, e->d_name, e->d_name);
	if (d)
		closedir(d);
	if (out->n)
		qsort(out->files, out->n, sizeof(*out->files), by_name);
	return rc < 0 ? err_set(why, rc, "%s: %s", path, strerror(-rc)) : 0;
}

struct session {
	struct li_set *set;
	struct li_engine *engine;
	struct buf in, out; /* owned */
	int64_t time;       /* of the control line; or -1 */
	int64_t read_at;    /* when the lines at hand were read */
	unsigned told;      /* cuts that standard error knows of */
};

static int flush(struct session *s)
{
	int rc = file_write_all(STDOUT_FILENO, s->out.p, s->out.n);
	buf_clear(&s->out);
	return rc;
}

static void control(struct session *s, struct str line)
{
	int64_t t = 0;
	line = str_trim(line);
	if (str_is(line, "reset")) {
		li_engine_reset(s->engine);
		buf_z(&s->out, "{\"reset\": true}\n");
	} else if (str_starts(line, STR("time ")) &&
	           str_i64(str_trim(str_skip(line, 5)), 0, INT64_MAX / 2, &t) == 0) {
		s->time = t;
		buf_fmt(&s->out, "{\"time\": %lld}\n", (long long)t);
	} else {
		buf_z(&s->out, "{\"error\": \"reset or time N was expected\"}\n");
	}
}

static void tell_cuts(struct session *s)
{
	unsigned cut = li_engine_cut(s->engine) & ~s->told;
	s->told |= cut;
	for (unsigned bit = 1; bit <= cut; bit <<= 1)
		if (cut & bit)
			log_warning("%s", li_cut_text(bit));
}

static void one_line(struct session *s, struct str line)
{
	static struct li_answer answer;
	if (line.n && line.p[0] == '\x01') {
		control(s, str_skip(line, 1));
		return;
	}
	if (line.n && line.p[line.n - 1] == '\r')
		line.n--;
	li_engine_line(s->engine, line, (struct str){ 0 }, s->time >= 0 ? s->time : s->read_at,
	               &answer);
	li_answer_write(&s->out, &answer);
}

/* All complete lines; what is left begins an incomplete one. skipping: the rest of a line whose
 * beginning was judged already, since it is longer than anything we keep. */
static int take_lines(struct session *s, bool *skipping)
{
	struct str rest = buf_view(&s->in);
	const char *end = NULL;
	while (rest.n && (end = memchr(rest.p, '\n', rest.n))) {
		struct str line = { rest.p, (size_t)(end - rest.p) };
		rest = str_skip(rest, line.n + 1);
		if (!*skipping)
			one_line(s, line);
		*skipping = false;
		if (s->out.n > OUT_MAX) {
			int rc = flush(s);
			if (rc < 0)
				return rc;
		}
	}
	if (rest.n > PENDING_MAX) {
		if (!*skipping)
			one_line(s, rest);
		*skipping = true;
		rest.n = 0;
	}
	buf_drop(&s->in, s->in.n - rest.n);
	return 0;
}

static int serve(struct session *s)
{
	bool skipping = false;
	for (;;) {
		char *room = buf_room(&s->in, CHUNK);
		ssize_t n = room ? read(STDIN_FILENO, room, CHUNK) : -1;
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			if (s->in.n && !skipping)
				one_line(s, buf_view(&s->in));
			tell_cuts(s);
			return n < 0 ? -errno : flush(s);
		}
		s->in.n += (size_t)n;
		s->read_at = (int64_t)time(NULL);
		int rc = take_lines(s, &skipping);
		tell_cuts(s);
		if (rc == 0)
			rc = flush(s);
		if (rc < 0)
			return rc;
	}
}

struct options {
	const char *decoders, *rules, *lists;
	struct li_dialect dialect;
};

static int load(const struct options *o, struct li_set **out, struct err *why)
{
	AUTO(folder_done) struct folder decoders = { 0 };
	AUTO(folder_done) struct folder rules = { 0 };
	AUTO(folder_done) struct folder lists = { 0 };
	int rc = read_folder(o->decoders, ".xml", &decoders, why);
	if (rc == 0)
		rc = read_folder(o->rules, ".xml", &rules, why);
	if (rc == 0 && o->lists)
		rc = read_folder(o->lists, NULL, &lists, why);
	if (rc < 0)
		return rc;
	rc = li_set_build(&(struct li_files){ decoders.files, decoders.n },
	                  &(struct li_files){ rules.files, rules.n },
	                  &(struct li_files){ lists.files, lists.n }, &o->dialect, out, why);
	if (rc < 0)
		return rc;
	const struct li_problem *p = NULL;
	for (size_t i = 0; (p = li_set_problem(*out, i)); i++)
		fprintf(stderr, "yagura logs: %s:%u: %s\n", p->file, p->line, p->text);
	return 0;
}

static bool choice(const char *value, const char *no, const char *yes, bool *out)
{
	*out = strcmp(value, yes) == 0;
	return *out || strcmp(value, no) == 0;
}

static int parse_options(int argc, char **argv, struct options *o)
{
	static const struct option names[] = { { "decoders", required_argument, NULL, 'd' },
		                               { "rules", required_argument, NULL, 'r' },
		                               { "lists", required_argument, NULL, 'l' },
		                               { "regex", required_argument, NULL, 'x' },
		                               { "frequency", required_argument, NULL, 'f' },
		                               { 0 } };
	bool good = true;
	for (int c = 0; good && (c = getopt_long(argc, argv, "", names, NULL)) != -1;) {
		if (c == 'd')
			o->decoders = optarg;
		else if (c == 'r')
			o->rules = optarg;
		else if (c == 'l')
			o->lists = optarg;
		else if (c == 'x')
			good = choice(optarg, "converted", "classic", &o->dialect.classic);
		else
			good = c == 'f' && choice(optarg, "ossec", "wazuh", &o->dialect.wazuh);
	}
	if (good && o->decoders && o->rules && optind == argc)
		return 0;
	fprintf(stderr,
	        "usage: yagura logs --decoders DIR --rules DIR [--lists DIR] [--regex converted|classic] "
	        "[--frequency ossec|wazuh]\n");
	return -EINVAL;
}

int cmd_logs(int argc, char **argv)
{
	struct options o = { 0 };
	struct session s = { .time = -1 };
	struct err why = { { 0 } };
	if (parse_options(argc, argv, &o) < 0)
		return 2;
	if (load(&o, &s.set, &why) < 0) {
		fprintf(stderr, "yagura logs: %s\n", why.text);
		return 2;
	}
	s.engine = li_engine_new(s.set, NULL);
	int rc = serve(&s);
	if (rc < 0)
		log_error("standard input or output: %s", strerror(-rc));
	li_engine_free(s.engine);
	li_set_free(s.set);
	buf_done(&s.in);
	buf_done(&s.out);
	return rc < 0;
}
