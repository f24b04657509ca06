#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/spool/outlet.h"
#include "base/auto.h"
#include "base/file.h"
#include "base/json.h"
#include "base/test.h"
#include "module/module.h"

/* The outlets on a folder of their own; again() is a death and a new start. */
struct world {
	char path[64];
	int dir;
	struct outlets o;
};

static int setup(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));
	snprintf(w->path, sizeof(w->path), "/tmp/outlet-XXXXXX");
	assert_non_null(mkdtemp(w->path));
	w->dir = open(w->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(w->dir >= 0);
	assert_int_equal(outlets_open(&w->o, w->dir, 1 << 20, NULL), 0);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	outlets_done(&w->o);
	close(w->dir);
	file_remove_tree(AT_FDCWD, w->path);
	free(w);
	return 0;
}

static void again(struct world *w)
{
	outlets_done(&w->o);
	assert_int_equal(outlets_open(&w->o, w->dir, 1 << 20, NULL), 0);
}

static void route(struct world *w, const char *text)
{
	AUTO(json_decrefp) json_t *routes = json_parse(str_of(text), NULL);
	assert_int_equal(outlets_route(&w->o, routes), 0);
}

/* An event of a class, whose unique name is given. */
static void add(struct world *w, const char *class, const char *unique)
{
	struct event ev;
	AUTO(buf_done) struct buf b = { 0 };
	const struct event_class *const *k = event_classes;
	while (strcmp((*k)->name, class) != 0)
		k++;
	event_init(&ev, *k, (*k)->kinds[0].name);
	snprintf(ev.unique, sizeof(ev.unique), "%s", unique);
	event_write(&b, &ev);
	assert_int_equal(outlets_add(&w->o, &ev, buf_view(&b)), 0);
	event_done(&ev);
}

/* Whom the next batch is for, and what it holds. */
static int64_t next(struct world *w, uint64_t *last, size_t *n, char *first)
{
	AUTO(buf_done) struct buf b = { 0 };
	int64_t id = outlets_next(&w->o, 100, 1 << 20, &b);
	AUTO(json_decrefp) json_t *o = id > 0 ? json_parse(buf_view(&b), NULL) : NULL;
	const json_t *events = json_object_get(o, "events");
	*n = json_array_size(events);
	*last = (uint64_t)json_int(o, "first", 0) + *n - 1;
	snprintf(first, 65, "%s", json_text(json_array_get(events, 0), "unique", ""));
	return id;
}

static void each_receiver_gets_its_classes_once(void **state)
{
	struct world *w = *state;
	uint64_t last = 0;
	size_t n = 0;
	char first[65];
	route(w, "{\"antimalware\":3,\"firewall\":4}");
	add(w, "antimalware", "a1");
	add(w, "antimalware", "a1"); /* told again by who did not know */
	add(w, "firewall", "f1");
	add(w, "system", "s1");
	assert_int_equal(next(w, &last, &n, first), 0); /* not on disk yet */
	assert_int_equal(outlets_commit(&w->o), 0);
	for (int i = 0; i < 2; i++) {
		int64_t id = next(w, &last, &n, first);
		assert_true(id == 3 || id == 4);
		assert_int_equal(n, 1);
		assert_string_equal(first, id == 3 ? "a1" : "f1");
		assert_int_equal(outlets_answer(&w->o, id, last), 0);
	}
	assert_int_equal(next(w, &last, &n, first), 0);
}

static void one_that_is_away_holds_up_nobody_and_loses_nothing(void **state)
{
	struct world *w = *state;
	uint64_t last = 0;
	size_t n = 0;
	char first[65];
	route(w, "{\"antimalware\":3,\"firewall\":4}");
	add(w, "antimalware", "a1");
	assert_int_equal(outlets_commit(&w->o), 0);
	assert_int_equal(next(w, &last, &n, first), 3);
	assert_int_equal(outlets_answer(&w->o, 3, 0), 0);
	add(w, "antimalware", "a2");
	add(w, "firewall", "f1");
	assert_int_equal(outlets_commit(&w->o), 0);
	assert_int_equal(next(w, &last, &n, first), 4); /* 3 is left alone for a while */
	assert_int_equal(outlets_answer(&w->o, 4, last), 0);
	assert_int_equal(next(w, &last, &n, first), 0);
	again(w); /* without a policy */
	assert_int_equal(next(w, &last, &n, first), 3);
	assert_int_equal(n, 2);
	assert_string_equal(first, "a1");
	add(w, "antimalware", "a3"); /* the routes are known already */
	assert_int_equal(outlets_commit(&w->o), 0);
	assert_int_equal(outlets_answer(&w->o, 3, last), 0);
	assert_int_equal(next(w, &last, &n, first), 3);
	assert_string_equal(first, "a3");
}

static void what_an_unanswered_batch_held_comes_again(void **state)
{
	struct world *w = *state;
	uint64_t last = 0;
	size_t n = 0;
	char first[65];
	route(w, "{\"antimalware\":3}");
	add(w, "antimalware", "a1");
	assert_int_equal(outlets_commit(&w->o), 0);
	assert_int_equal(next(w, &last, &n, first), 3);
	assert_int_equal(next(w, &last, &n, first), 0); /* it is under way */
	outlets_restart(&w->o);
	assert_int_equal(next(w, &last, &n, first), 3);
	assert_string_equal(first, "a1");
}

static void a_receiver_that_no_policy_names_loses_its_queue(void **state)
{
	struct world *w = *state;
	uint64_t last = 0;
	size_t n = 0;
	char first[65];
	route(w, "{\"antimalware\":3}");
	add(w, "antimalware", "a1");
	assert_int_equal(outlets_commit(&w->o), 0);
	assert_int_equal(faccessat(w->dir, "receiver-3", F_OK, 0), 0);
	route(w, "{}");
	assert_int_not_equal(faccessat(w->dir, "receiver-3", F_OK, 0), 0);
	add(w, "antimalware", "a2"); /* goes nowhere */
	route(w, "{\"antimalware\":3}");
	assert_int_equal(next(w, &last, &n, first), 0);
}

static void what_a_full_queue_gave_up_is_counted_once(void **state)
{
	struct world *w = *state;
	int64_t id = 0;
	char unique[32];
	route(w, "{\"antimalware\":3}");
	for (int i = 0; i < 8000; i++) {
		snprintf(unique, sizeof(unique), "event-%d", i);
		add(w, "antimalware", unique);
	}
	uint64_t lost = outlets_lost(&w->o, &id);
	assert_true(lost > 0 && lost < 8000);
	assert_int_equal(id, 3);
	assert_int_equal(journal_events(&LIST_FIRST(&w->o.list)->journal) + lost, 8000);
	assert_int_equal(outlets_lost(&w->o, &id), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_receiver_gets_its_classes_once, setup,
		                                teardown),
		cmocka_unit_test_setup_teardown(one_that_is_away_holds_up_nobody_and_loses_nothing,
		                                setup, teardown),
		cmocka_unit_test_setup_teardown(what_an_unanswered_batch_held_comes_again, setup,
		                                teardown),
		cmocka_unit_test_setup_teardown(a_receiver_that_no_policy_names_loses_its_queue,
		                                setup, teardown),
		cmocka_unit_test_setup_teardown(what_a_full_queue_gave_up_is_counted_once, setup,
		                                teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
