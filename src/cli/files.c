#include <errno.h>
#include <fcntl.h>
#include <gcrypt.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/base64.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "cli/cli.h"
#include "module/integritymonitoring/survey/packages.h"
#include "module/integritymonitoring/survey/survey.h"

enum { RULES_FILE_MAX = 64 << 20, STEP = 1024 };

/* One run of `yagura files`. */
struct run {
	const char *rules_path, *baseline, *hash;
	const char *root;            /* where the package databases are */
	struct packages *packages;   /* owned; NULL: changes are not explained */
	struct package_paths *paths; /* owned */
	bool json, reread, update;
	unsigned threads;
	json_t *environment; /* owned */
	struct im_rules now, then;
	uint64_t troubles;
};

static void done(struct run *r)
{
	im_rules_done(&r->now);
	im_rules_done(&r->then);
	packages_free(r->packages);
	package_paths_free(r->paths);
	json_decref(r->environment);
}

static int fail(const struct err *why)
{
	fprintf(stderr, "yagura files: %s\n", why->text);
	return 2;
}

/* ---- rules ---- */

static json_t *environment(void)
{
	json_t *o = json_object();
	for (char **e = environ; *e; e++) {
		struct str value = str_of(*e), name = str_cut(&value, '=');
		AUTO(buf_done) struct buf key = { 0 };
		buf_str(&key, name);
		if (key.p && str_utf8(name) && value.p && str_utf8(value))
			json_set(o, key.p, json_stringn(value.p, value.n));
	}
	return o;
}

static uint32_t hash_named(const char *name)
{
	return im_attributes_named(IM_FILE, str_of(name), 0) & IM_HASHES;
}

/* XML, or JSON as the API has rules: one, a list, or a reply with integrityMonitoringRules. */
static int read_rules(struct run *r, struct err *why)
{
	AUTO(buf_done) struct buf text = { 0 };
	int rc = file_read(AT_FDCWD, r->rules_path, RULES_FILE_MAX, &text);
	if (rc < 0)
		return err_set(why, rc, "%s: %s", r->rules_path, strerror(-rc));
	struct str start = str_trim(buf_view(&text));
	if (!str_starts(start, STR("{")) && !str_starts(start, STR("["))) {
		const char *slash = strrchr(r->rules_path, '/');
		const struct im_rule as = { .name = str_of(slash ? slash + 1 : r->rules_path),
			                    .severity = IM_MEDIUM };
		rc = im_rules_add_xml(&r->now, buf_view(&text), &as, why);
		return rc < 0 ? err_add(why, rc, "%s", r->rules_path) : 0;
	}
	AUTO(json_decrefp) json_t *j = json_parse(buf_view(&text), why);
	if (!j)
		return err_add(why, -EINVAL, "%s", r->rules_path);
	const json_t *list = json_array_at(j, "integrityMonitoringRules");
	if (!list && json_is_array(j))
		list = j;
	for (size_t i = 0; i < (list ? json_array_size(list) : 1); i++) {
		const json_t *o = list ? json_array_get(list, i) : j;
		rc = im_rules_add_json(&r->now, o, why);
		if (rc < 0)
			return err_add(why, rc, "%s: %s", r->rules_path,
			               json_text(o, "name", "a rule"));
	}
	return 0;
}

static void tell_notes(const struct im_rules *r)
{
	static const char *const texts[] = {
		[IM_NOTE_VARIABLE] = "is no variable of this environment: its set is left out",
		[IM_NOTE_BASE] = "cannot be a base directory here: its set is left out",
		[IM_NOTE_ENTITY] = "does not apply to Linux: it is left out",
		[IM_NOTE_ATTRIBUTE] = "is no attribute of anything on Linux",
		[IM_NOTE_FEATURE] = "is no feature of anything on Linux: its set is left out",
	};
	for (size_t i = 0; i < r->nnotes; i++)
		fprintf(stderr, "yagura files: rule %s: %s %s\n", log_quote(r->notes[i].rule->name),
		        log_quote(r->notes[i].text), texts[r->notes[i].kind]);
}

/* ---- telling ---- */

static void change(void *arg, const struct im_change *c)
{
	const struct run *r = arg;
	AUTO(buf_done) struct buf b = { 0 };
	if (r->packages && packages_explain(r->packages, c))
		return;
	if (r->json) {
		AUTO(json_decrefp) json_t *o = im_change_json(c);
		json_write(&b, o);
	} else {
		im_change_line(c, &b);
	}
	if (b.p)
		puts(b.p);
}

/* What package managers did, in a line or an object each. */
static void tell_groups(const struct run *r)
{
	const struct im_group *g = NULL;
	for (size_t i = 0; r->packages && (g = packages_group(r->packages, i)); i++) {
		AUTO(buf_done) struct buf b = { 0 };
		if (r->json) {
			AUTO(json_decrefp) json_t *o = im_group_json(g);
			json_write(&b, o);
		} else {
			im_group_line(g, &b);
		}
		if (b.p)
			puts(b.p);
	}
}

static void trouble(void *arg, struct str path, int error)
{
	struct run *r = arg;
	r->troubles++;
	fprintf(stderr, "yagura files: %s: %s\n", log_quote(path), strerror(-error));
}

static void put_counts(json_t *o, const struct survey_counts *c, uint64_t ms)
{
	json_set_int(o, "entities", (int64_t)c->entities);
	json_set_int(o, "known", (int64_t)c->known);
	json_set_int(o, "filesRead", (int64_t)c->read);
	json_set_int(o, "bytesRead", (int64_t)c->bytes);
	json_set_int(o, "changes", (int64_t)c->changes);
	json_set_int(o, "unreadable", (int64_t)c->troubles);
	json_set_int(o, "milliseconds", (int64_t)ms);
}

static void tell_end(const struct run *r, const char *what, const struct survey_counts *c,
                     const struct im_chain *root, uint64_t ms)
{
	char hex[2 * IM_CHAIN + 1] = "";
	if (root)
		hex_lower(hex, root->hash, IM_CHAIN);
	if (!r->json) {
		printf("%s: %" PRIu64 " entities, %" PRIu64 " files read (%" PRIu64
		       " bytes), %" PRIu64 " changes, %" PRIu64 " unreadable, %" PRIu64 " ms%s%s\n",
		       what, c->entities, c->read, c->bytes, c->changes, c->troubles, ms,
		       root ? ", root " : "", hex);
		return;
	}
	AUTO(buf_done) struct buf b = { 0 };
	AUTO(json_decrefp) json_t *o = json_object();
	json_set_text(o, "summary", what);
	put_counts(o, c, ms);
	if (root)
		json_set_text(o, "root", hex);
	json_write(&b, o);
	puts(b.p);
}

/* ---- doing ---- */

static int walk_all(struct survey *s)
{
	for (;;) {
		int rc = survey_step(s, STEP);
		if (rc < 0 || rc == SURVEY_DONE)
			return rc < 0 ? rc : 0;
		if (rc == SURVEY_WAITING)
			survey_wait(s);
	}
}

static int survey(struct run *r, struct keep *was, struct keeper *to, const char *what)
{
	struct survey *s = NULL;
	struct err why = { { 0 } };
	struct survey_counts counts = { 0 };
	uint64_t start = clock_mono_ms();
	const struct survey_options o = {
		.now = &r->now,
		.then = &r->then,
		.was = was,
		.to = to,
		.reread = r->reread,
		.threads = r->threads - 1,
		.here = true,
		.packages = to ? r->paths : NULL,
		.change = change,
		.trouble = trouble,
		.arg = r,
	};
	int rc = survey_new(&s, &o);
	if (rc == 0)
		rc = walk_all(s);
	if (s)
		survey_counts(s, &counts);
	survey_free(s);
	if (rc < 0)
		err_set(&why, rc, "%s: %s", r->baseline, strerror(-rc));
	if (rc == 0 && to)
		rc = keeper_commit(to, &why);
	if (rc < 0)
		return fail(&why);
	tell_groups(r);
	tell_end(r, what, &counts,
	         to    ? &to->chain
	         : was ? &was->root
	               : NULL,
	         clock_mono_ms() - start);
	return counts.troubles ? 2 : counts.changes ? 1 : 0;
}

static int init(struct run *r, int argc, char **argv)
{
	struct err why = { { 0 } };
	AUTO(keeper_close) struct keeper to = { .fd = -1 };
	(void)argc;
	(void)argv;
	if (keeper_open(&to, AT_FDCWD, r->baseline, r->now.source, NULL, &why) < 0)
		return fail(&why);
	r->paths = package_paths_new(r->root);
	return survey(r, NULL, &to, "baseline");
}

static int open_baseline(struct run *r, struct keep *k, const char *path, struct im_rules *then,
                         struct err *why)
{
	int rc = keep_open(k, AT_FDCWD, path, why);
	(void)r;
	return rc < 0 ? rc : im_rules_add_source(then, json_object_at(k->header, "source"), why);
}

static int check(struct run *r, int argc, char **argv)
{
	struct err why = { { 0 } };
	AUTO(keep_close) struct keep was = { .fd = -1 };
	AUTO(keeper_close) struct keeper to = { .fd = -1 };
	(void)argc;
	(void)argv;
	if (open_baseline(r, &was, r->baseline, &r->then, &why) < 0)
		return fail(&why);
	r->paths = package_paths_new(r->root);
	r->packages = packages_new(r->root, packages_since(was.header), r->paths);
	if (r->update &&
	    keeper_open(&to, AT_FDCWD, r->baseline, r->now.source, &was.root, &why) < 0)
		return fail(&why);
	return survey(r, &was, r->update ? &to : NULL, "check");
}

/* Two baselines side by side: both are in order. */
static int merge(struct run *r, struct keep *a, struct keep *b, struct survey_counts *counts)
{
	struct im_entity was, is;
	struct im_change c;
	int left = keep_next(a, &was), right = keep_next(b, &is);
	while (left > 0 || right > 0) {
		int order = left <= 0 ? 1 : right <= 0 ? -1 : im_order(&was, &is);
		/* A path that is another class now went and came. */
		bool both = order == 0 && was.class == is.class;
		if (left < 0 || right < 0)
			break;
		if (order <= 0 && !both && im_judge(&r->now, &r->then, &was, NULL, &c)) {
			counts->changes++;
			change(r, &c);
		}
		if (order >= 0 && im_judge(&r->now, &r->then, both ? &was : NULL, &is, &c)) {
			counts->changes++;
			change(r, &c);
		}
		counts->entities++;
		left = order <= 0 ? keep_next(a, &was) : left;
		right = order >= 0 ? keep_next(b, &is) : right;
	}
	return left < 0 ? left : right;
}

static int diff(struct run *r, int argc, char **argv)
{
	struct err why = { { 0 } };
	AUTO(keep_close) struct keep was = { .fd = -1 };
	AUTO(keep_close) struct keep is = { .fd = -1 };
	struct survey_counts counts = { 0 };
	uint64_t start = clock_mono_ms();
	if (argc != 1) {
		err_set(&why, -EINVAL, "diff: expected one newer baseline behind the options");
		return fail(&why);
	}
	if (open_baseline(r, &was, r->baseline, &r->then, &why) < 0 ||
	    keep_open(&is, AT_FDCWD, argv[0], &why) < 0)
		return fail(&why);
	int rc = merge(r, &was, &is, &counts);
	if (rc < 0) {
		err_set(&why, rc, "a baseline changed while it was read");
		return fail(&why);
	}
	tell_end(r, "diff", &counts, &is.root, clock_mono_ms() - start);
	return counts.changes ? 1 : 0;
}

static const struct {
	const char *name;
	int (*run)(struct run *r, int argc, char **argv);
} verbs[] = { { "init", init }, { "check", check }, { "diff", diff } };

static int usage(void)
{
	fprintf(stderr, "usage: yagura files init|check|diff --rules FILE --baseline FILE [--json] "
	                "[--reread] [--update] [--hash NAME] [--threads N] [--packages DIR] "
	                "[NEWER]\n");
	return 2;
}

static int parse_options(struct run *r, int argc, char **argv)
{
	static const struct option options[] = {
		{ "rules", required_argument, NULL, 'r' },
		{ "baseline", required_argument, NULL, 'b' },
		{ "json", no_argument, NULL, 'j' },
		{ "reread", no_argument, NULL, 'f' },
		{ "update", no_argument, NULL, 'u' },
		{ "hash", required_argument, NULL, 'h' },
		{ "threads", required_argument, NULL, 't' },
		{ "packages", required_argument, NULL, 'p' },
		{ 0 },
	};
	uint64_t n = 0;
	for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		if (c == 'r')
			r->rules_path = optarg;
		else if (c == 'b')
			r->baseline = optarg;
		else if (c == 'j')
			r->json = true;
		else if (c == 'f')
			r->reread = true;
		else if (c == 'u')
			r->update = true;
		else if (c == 'p')
			r->root = optarg;
		else if (c == 'h' && hash_named(optarg))
			r->hash = optarg;
		else if (c == 't' && str_u64(str_of(optarg), 1, 16, &n) == 0)
			r->threads = (unsigned)n;
		else
			return -EINVAL;
	}
	return r->rules_path && r->baseline ? 0 : -EINVAL;
}

/* yagura files init|check|diff: what the rules cover, written down and compared. */
int cmd_files(int argc, char **argv)
{
	struct err why = { { 0 } };
	AUTO(done)
	struct run r = { .hash = "Sha256", .root = "/", .threads = (unsigned)get_nprocs() };
	if (argc < 2 || parse_options(&r, argc - 1, argv + 1) < 0)
		return usage();
	if (r.threads > 16)
		r.threads = 16;
	/* Somebody wanted to write to a file while it was leased. */
	signal(SIGIO, SIG_IGN);
	gcry_check_version(NULL);
	gcry_control(GCRYCTL_DISABLE_SECMEM, 0);
	gcry_control(GCRYCTL_INITIALIZATION_FINISHED, 0);
	r.environment = environment();
	im_rules_init(&r.now, hash_named(r.hash), r.environment);
	im_rules_init(&r.then, 0, NULL);
	if (read_rules(&r, &why) < 0)
		return fail(&why);
	tell_notes(&r.now);
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
		if (strcmp(argv[1], verbs[i].name) == 0)
			return verbs[i].run(&r, argc - 1 - optind, argv + 1 + optind);
	return usage();
}
