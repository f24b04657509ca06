#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/file.h"
#include "base/test.h"
#include "module/loginspection/loginspection.h"

/* Each sample line of content/rules/loginspection decides as it says there. */

enum { FILES_MAX = 64, FILE_MAX = 1 << 20 };

struct folder {
	struct li_file files[FILES_MAX];
	struct buf texts[FILES_MAX]; /* owned */
	struct dirent **names;       /* owned, sorted */
	int n;
};

static int is_xml(const struct dirent *e)
{
	return str_ends(str_of(e->d_name), STR(".xml"));
}

static void read_folder(const char *name, struct folder *f)
{
	char path[1024];
	const char *top = getenv("YAGURA_TOP");
	snprintf(path, sizeof(path), "%s/content/rules/loginspection/%s", top ? top : ".", name);
	AUTO(closep) int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	f->n = scandir(path, &f->names, is_xml, alphasort);
	assert_true(dir >= 0 && f->n > 0 && f->n <= FILES_MAX);
	for (int i = 0; i < f->n; i++) {
		assert_int_equal(file_read(dir, f->names[i]->d_name, FILE_MAX, &f->texts[i]), 0);
		f->files[i] = (struct li_file){ f->names[i]->d_name, buf_view(&f->texts[i]) };
	}
}

static void folder_done(struct folder *f)
{
	for (int i = 0; i < f->n; i++) {
		buf_done(&f->texts[i]);
		free(f->names[i]);
	}
	free(f->names);
}

struct shipped {
	struct folder decoders, rules;
	struct li_set *set;
};

static void shipped_init(struct shipped *s)
{
	struct err why = { { 0 } };
	*s = (struct shipped){ 0 };
	read_folder("decoders", &s->decoders);
	read_folder("rules", &s->rules);
	int rc = li_set_build(&(struct li_files){ s->decoders.files, (size_t)s->decoders.n },
	                      &(struct li_files){ s->rules.files, (size_t)s->rules.n }, NULL,
	                      &(struct li_dialect){ 0 }, &s->set, &why);
	if (rc < 0)
		fail_msg("%s", why.text);
}

static void shipped_done(struct shipped *s)
{
	li_set_free(s->set);
	folder_done(&s->decoders);
	folder_done(&s->rules);
}

static void the_shipped_set_has_no_problem(void **state)
{
	(void)state;
	struct shipped s;
	shipped_init(&s);
	const struct li_problem *p = li_set_problem(s.set, 0);
	if (p)
		fail_msg("%s:%u: %s", p->file, p->line, p->text);
	assert_true(li_set_rules(s.set) > 100 && li_set_decoders(s.set) > 50);
	shipped_done(&s);
}

/* [TIMES* ]RULE DECODER | LINE */
static void sample(struct li_engine *e, struct str line)
{
	static struct li_answer a;
	char rule[16] = "-", got[128], wanted[128];
	uint64_t times = 1;
	const char *bar = memmem(line.p, line.n, " | ", 3);
	assert_non_null(bar);
	struct str head = { line.p, (size_t)(bar - line.p) }, text = str_skip(line, head.n + 3);
	struct str first = str_cut(&head, ' ');
	if (str_ends(first, STR("*"))) {
		first.n--;
		assert_int_equal(str_u64(first, 1, 1000, &times), 0);
		first = str_cut(&head, ' ');
	}
	for (uint64_t i = 0; i < times; i++)
		li_engine_line(e, text, (struct str){ 0 }, 1000, &a);
	if (a.rule)
		snprintf(rule, sizeof(rule), "%u", a.id);
	snprintf(got, sizeof(got), "%s %.*s", rule, STR_ARG(a.decoder.p ? a.decoder : STR("-")));
	snprintf(wanted, sizeof(wanted), "%.*s %.*s", STR_ARG(first), STR_ARG(head));
	if (strcmp(got, wanted) != 0)
		fail_msg("%s, not %s: %.*s", got, wanted, STR_ARG(text));
}

static void every_sample_decides_as_stated(void **state)
{
	(void)state;
	struct shipped s;
	AUTO(buf_done) struct buf text = { 0 };
	char path[1024];
	const char *top = getenv("YAGURA_TOP");
	size_t samples = 0;
	shipped_init(&s);
	struct li_engine *e = li_engine_new(s.set, NULL);
	snprintf(path, sizeof(path), "%s/content/rules/loginspection/samples/samples.txt",
	         top ? top : ".");
	assert_int_equal(file_read(AT_FDCWD, path, FILE_MAX, &text), 0);
	struct str rest = buf_view(&text);
	while (rest.p) {
		struct str line = str_cut(&rest, '\n');
		if (!line.n)
			li_engine_reset(e);
		else if (line.p[0] != '#') {
			sample(e, line);
			samples++;
		}
	}
	assert_true(samples > 100);
	li_engine_free(e);
	shipped_done(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_shipped_set_has_no_problem),
		cmocka_unit_test(every_sample_decides_as_stated),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
