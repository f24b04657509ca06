#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/file.h"
#include "base/test.h"
#include "manager/store/schema.h"
#include "manager/store/store.h"
#include "model/event.h"

/* A database as an older version left it is brought to today's schema with all that was in it. */

enum { OLD = 2 };

static const struct event_class *const no_classes[] = { NULL };

static void run(sqlite3 *db, const char *sql)
{
	char *why = NULL;
	if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK)
		fail_msg("%s: %s", sql, why);
}

static void old_database(const char *path)
{
	sqlite3 *db = NULL;
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	for (int i = 0; i < OLD; i++)
		run(db, schema_steps[i]);
	run(db, "pragma user_version = 2");
	run(db,
	    "insert into object (kind, id, name, parent, body) values"
	    " ('policies', 1, 'Base Policy', 0, '{\"name\":\"Base Policy\"}'),"
	    " ('policies', 2, 'Linux Server', 0, '{\"name\":\"Linux Server\",\"parentID\":1}'),"
	    " ('computers', 5, 'plain', 0, '{\"hostName\":\"plain\",\"policyID\":2}'),"
	    " ('computers', 6, 'own', 0, '{\"hostName\":\"own\",\"policyID\":2,\"settings\":{\"a\":\"b\"}}'),"
	    " ('computers', 7, 'none', 0, '{\"hostName\":\"none\"}')");
	run(db,
	    "insert into agent (computer, guid, fingerprint, activated, seen, policy_version, policy,"
	    " signature) values (5, 'g5', 'f5', 1, 1, 77, '{}', x'00')");
	sqlite3_close(db);
}

static int64_t number(struct store *s, const char *sql)
{
	struct rows r;
	int64_t n = -1;
	if (store_query_sql(s, sql, NULL, 0, &r) == 0 && rows_next(&r) == 1)
		n = r.col[0].i;
	rows_done(&r);
	return n;
}

static void an_old_database_keeps_its_agents_and_knows_its_tree(void **state)
{
	char dir[] = "/tmp/yagura-migrate-XXXXXX", path[80];
	struct store *s = NULL;
	struct err why = { { 0 } };
	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/yagura.db", dir);
	old_database(path);
	assert_int_equal(store_open(&s, path, &why), 0);
	if (store_migrate(s, no_classes, &why) < 0)
		fail_msg("%s", why.text);
	assert_int_equal(number(s, "select policy_version from agent where computer = 5"), 77);
	assert_int_equal(number(s, "select due from agent where computer = 5"), 1);
	assert_int_equal(number(s, "select parent from policy_tree where policy = 2"), 1);
	assert_int_equal(
		number(s, "select policy * 10 + own from computer_policy where computer = 5"), 20);
	assert_int_equal(
		number(s, "select policy * 10 + own from computer_policy where computer = 6"), 21);
	assert_int_equal(
		number(s, "select policy * 10 + own from computer_policy where computer = 7"), 0);
	store_free(s);
	file_remove_tree(AT_FDCWD, dir);
}

static void the_database_itself_follows_its_objects(void **state)
{
	static const struct {
		const char *why, *change, *ask;
		int64_t answer;
	} rows[] = {
		{ "a new computer is known",
		  "insert into object (kind, id, name, body) values ('computers', 9, 'x', '{\"policyID\":3}')",
		  "select policy from computer_policy where computer = 9", 3 },
		{ "an agent that has its policy is not due",
		  "insert into agent (computer, guid, fingerprint, activated, seen, due) values (9, 'g', 'f', 1, 1, 0)",
		  "select due from agent where computer = 9", 0 },
		{ "another member changes nothing",
		  "update object set body = '{\"policyID\":3,\"lastIPUsed\":\"x\"}' where id = 9",
		  "select due from agent where computer = 9", 0 },
		{ "another policy marks it",
		  "update object set body = '{\"policyID\":4}' where id = 9",
		  "select due from agent where computer = 9", 1 },
		{ "... and is noted", "select 1",
		  "select policy from computer_policy where computer = 9", 4 },
		{ "an override is noted",
		  "update object set body = '{\"policyID\":4,\"firewall\":{\"state\":\"on\"}}' where id = 9",
		  "select own from computer_policy where computer = 9", 1 },
		{ "and its end", "update object set body = '{\"policyID\":4}' where id = 9",
		  "select own from computer_policy where computer = 9", 0 },
		{ "a computer that is gone is gone",
		  "delete from object where kind = 'computers' and id = 9",
		  "select count(*) from computer_policy where computer = 9", 0 },
		{ "a policy has its parent",
		  "insert into object (kind, id, name, body) values ('policies', 4, 'p', '{\"parentID\":2}')",
		  "select parent from policy_tree where policy = 4", 2 },
		{ "and another one",
		  "update object set body = '{\"parentID\":1}' where kind = 'policies' and id = 4",
		  "select parent from policy_tree where policy = 4", 1 },
		{ "until it is gone", "delete from object where kind = 'policies' and id = 4",
		  "select count(*) from policy_tree where policy = 4", 0 },
	};
	char dir[] = "/tmp/yagura-migrate-XXXXXX", path[80];
	struct store *s = NULL;
	struct err why = { { 0 } };
	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/yagura.db", dir);
	assert_int_equal(store_open(&s, path, &why), 0);
	assert_int_equal(store_migrate(s, no_classes, &why), 0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (store_exec_sql(s, rows[i].change, NULL, 0) < 0)
			fail_msg("%s: %s", rows[i].why, store_error(s));
		if (number(s, rows[i].ask) != rows[i].answer)
			fail_msg("%s: %lld", rows[i].why, (long long)number(s, rows[i].ask));
	}
	store_free(s);
	file_remove_tree(AT_FDCWD, dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_old_database_keeps_its_agents_and_knows_its_tree),
		cmocka_unit_test(the_database_itself_follows_its_objects),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
