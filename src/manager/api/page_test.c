#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "base/json.h"
#include "base/test.h"
#include "manager/api/page.h"
#include "manager/api/resources.h"
#include "manager/tasks/try.h"

/* A test on IDs that bounds nothing is only decided with a tree of the object in hand. */
#define BY_TREE "'searchCriteria':[{'idValue':-5,'idTest':'not-equal'}]"
#define BY_TEXT "'searchCriteria':[{'idValue':-5,'idTest':'greater-than'}]"

static char *page_of(struct try *t, const char *path, const char *body)
{
	try_must(t, 200, "POST", path, body);
	return xstrdup(t->text);
}

static void both_ways_say_the_same(struct try *t, const char *path)
{
	static const char *const bodies[][2] = {
		{ "{" BY_TEXT ",'sortByObjectID':true}", "{" BY_TREE ",'sortByObjectID':true}" },
		{ "{" BY_TEXT ",'maxItems':2,'sortByObjectID':true}",
		  "{" BY_TREE ",'maxItems':2,'sortByObjectID':true}" },
		{ "{" BY_TEXT ",'maxItems':0}", "{" BY_TREE ",'maxItems':0}" },
	};
	for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
		AUTO(freep) char *text = page_of(t, path, bodies[i][0]);
		AUTO(freep) char *tree = page_of(t, path, bodies[i][1]);
		if (strcmp(text, tree) != 0)
			fail_msg("%s: %s\n%s", path, text, tree);
	}
}

static void every_collection_is_the_same_either_way(void **state)
{
	struct try *t = *state;
	char path[200];
	int n = 0;
	for (const struct resource *const *f = resource_families; *f; f++)
		for (const struct resource *r = *f; r->path; r++) {
			if (!(r->verbs & V_SEARCH) || strchr(r->path, '/'))
				continue;
			snprintf(path, sizeof(path), "/api/%s/search?expand=none", r->path);
			both_ways_say_the_same(t, path);
			n++;
		}
	assert_true(n > 20);
}

static void computers_are_the_same_either_way(void **state)
{
	struct try *t = *state;
	try_must(
		t, 200, "POST", "/api/computers",
		"{'hostName':'zeta \\\"quoted\\\" \\\\ \\u00e9 \\n','displayName':'','policyID':1}");
	try_must(t, 200, "POST", "/api/computers",
	         "{'hostName':'alpha','antiMalware':{'state':'on'},'computerSettings':"
	         "{'platformSettingHeartbeatInterval':{'value':'5 Minutes'}}}");
	int64_t id = try_agent(t, "middle", 1);
	try_agent_ask(t, id, "POST", "/agent/heartbeat", "{'policyVersion':1}");
	both_ways_say_the_same(t, "/api/computers/search?expand=none");
	both_ways_say_the_same(t, "/api/computers/search");
	both_ways_say_the_same(t, "/api/computers/search?expand=none&overrides=true");
	AUTO(freep) char *all = page_of(t, "/api/computers/search?expand=none", "{}");
	assert_true(strstr(all, "alpha") < strstr(all, "middle"));
	assert_true(strstr(all, "middle") < strstr(all, "zeta"));
	assert_non_null(strstr(all, "\"agentFingerPrint\":\""));
	assert_null(strstr(all, "@owner"));
}

static void a_page_below_another_object_is_its_own(void **state)
{
	struct try *t = *state;
	try_must(t, 200, "POST", "/api/policies", "{'name':'other','parentID':1}");
	int64_t other = json_int(t->out, "ID", 0);
	char path[120], search[140];
	snprintf(path, sizeof(path), "/api/policies/%lld/interfacetypes", (long long)other);
	snprintf(search, sizeof(search), "%s/search", path);
	try_must(t, 200, "POST", path, "{'name':'outside'}");
	try_must(t, 200, "POST", "/api/policies/1/interfacetypes", "{'name':'inside'}");
	both_ways_say_the_same(t, search);
	AUTO(freep) char *text = page_of(t, search, "{}");
	assert_non_null(strstr(text, "outside"));
	assert_null(strstr(text, "inside"));
}

static void who_sees_a_part_gets_that_part(void **state)
{
	struct try *t = *state;
	try_agent(t, "hidden", 1);
	try_must(t, 200, "POST", "/api/roles",
	         "{'name':'few','allComputers':false,'allowWebService':true}");
	char body[100];
	snprintf(body, sizeof(body), "{'keyName':'few','roleID':%lld}",
	         (long long)json_int(t->out, "ID", 0));
	try_must(t, 200, "POST", "/api/apikeys", body);
	snprintf(t->key, sizeof(t->key), "%s", json_text(t->out, "secretKey", ""));
	try_must(t, 200, "GET", "/api/computers?expand=none", NULL);
	assert_null(strstr(t->text, "hidden"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, try_setup, try_teardown)
		T(every_collection_is_the_same_either_way),
		T(computers_are_the_same_either_way),
		T(a_page_below_another_object_is_its_own),
		T(who_sees_a_part_gets_that_part),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
