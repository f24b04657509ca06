#include "base/json.h"
#include "base/test.h"
#include "module/intrusionprevention/prevention.h"
#include "module/intrusionprevention/scoring.h"
#include "module/intrusionprevention/section.h"
#include "module/intrusionprevention/tested.h"

/* Rules that add scores up: requests of a faked transaction. */

#define RULE(options) "alert http any any -> any any (msg:\"x\"; web_attack:" options "; sid:1;)\n"

static void request(struct app_tx *tx, const char *uri, const char *type, const char *body,
                    bool done)
{
	unsigned n = 0;
	*tx = (struct app_tx){ 0 };
	tx->buffers[n++] =
		(struct fake_buffer){ BUFFER_HTTP_URI_RAW, APP_CLIENT, uri, strlen(uri), true, 0 };
	tx->buffers[n++] =
		(struct fake_buffer){ BUFFER_HTTP_URI, APP_CLIENT, uri, strlen(uri), true, 0 };
	if (type)
		tx->buffers[n++] = (struct fake_buffer){
			BUFFER_HTTP_CONTENT_TYPE, APP_CLIENT, type, strlen(type), true, 0
		};
	if (body)
		tx->buffers[n++] = (struct fake_buffer){
			BUFFER_HTTP_REQUEST_BODY, APP_CLIENT, body, strlen(body), done, 0
		};
	tx->n = n;
	tx->stages[APP_CLIENT] = done ? STAGE_DONE : body ? STAGE_BODY : STAGE_HEADERS;
}

static enum ips_verdict see(struct tested *t, struct app_tx *tx)
{
	ips_app_protocol(t->ips, t->flow, APP_HTTP, NULL, t->now_ms);
	return ips_tx_progress(t->ips, t->flow, tx, APP_CLIENT, NULL, t->now_ms);
}

static enum ips_verdict judge(struct tested *t, const char *uri)
{
	struct app_tx tx;
	request(&tx, uri, NULL, NULL, true);
	t->nsids = 0;
	enum ips_verdict v = see(t, &tx);
	ips_tx_ended(t->ips, &tx);
	return v;
}

static void what_reaches_the_lower_threshold_is_told_alone(void **state)
{
	struct tested t;
	(void)state;
	tested_init(&t, "drop http any any -> any any (web_attack:sql, log 4, drop 8; sid:1;)\n");
	assert_int_equal(judge(&t, "/?id=5"), IPS_NONE);
	assert_int_equal(judge(&t, "/?id=admin'--"), IPS_ALERTED);
	assert_int_equal(t.nsids, 1);
	assert_int_equal(t.last.wanted, IPS_ALERT);
	assert_non_null(strstr(t.last.note, "sql 4 in id (query): quote, comment, cut"));
	assert_int_equal(judge(&t, "/?id=1'+union+select+1,2,user()--+"), IPS_ALERTED);
	assert_int_equal(judge(&t, "/?id=1'+union+select+@@version,(select+1+from+x)--+"),
	                 IPS_VERDICT_DROP);
	tested_done(&t);
}

static void resources_and_parameters_have_rules_of_their_own(void **state)
{
	struct tested t;
	(void)state;
	tested_init(&t, RULE("sql, resource /strict/* 2 2, resource /open 0 0, exempt /a* text, "
	                     "exempt *.php *"));
	assert_int_equal(judge(&t, "/b?text=1'+or+1=1--+"), IPS_ALERTED);
	assert_int_equal(judge(&t, "/abc?text=1'+or+1=1--+"), IPS_NONE);
	assert_int_equal(judge(&t, "/abc?other=1'+or+1=1--+"), IPS_ALERTED);
	assert_int_equal(judge(&t, "/x/y.php?other=1'+or+1=1--+"), IPS_NONE);
	assert_int_equal(judge(&t, "/open?id=1'+or+1=1--+"), IPS_NONE);
	assert_int_equal(judge(&t, "/strict/1?id=1'+or+2"), IPS_ALERTED);
	assert_int_equal(judge(&t, "/b?id=1'+or+2"), IPS_NONE);
	tested_done(&t);
}

static void words_weights_and_distinct_features_are_options(void **state)
{
	struct tested t;
	(void)state;
	tested_init(&t, RULE("sql, word secret%3b 9"));
	assert_int_equal(judge(&t, "/?id=a+Secret%3b+b"), IPS_ALERTED);
	assert_int_equal(judge(&t, "/?id=secrets"), IPS_NONE);
	tested_done(&t);
	tested_init(&t, RULE("sql, weight cut 0"));
	assert_int_equal(judge(&t, "/?id=admin'--"), IPS_NONE);
	tested_done(&t);
	tested_init(&t, RULE("sql, distinct 4"));
	assert_int_equal(judge(&t, "/?id=admin'--"), IPS_NONE);
	assert_int_equal(judge(&t, "/?id=1'+or+1=1--+"), IPS_ALERTED);
	tested_done(&t);
	tested_init(&t, RULE("sql, most 1"));
	assert_int_equal(judge(&t, "/?id=1+union+select+1"), IPS_NONE);
	tested_done(&t);
}

static void a_body_is_looked_at_while_it_grows(void **state)
{
	static const char type[] = "application/x-www-form-urlencoded";
	static const char script[] = "<script>";
	static char body[30000];
	struct tested t;
	struct app_tx tx;
	(void)state;
	tested_init(&t, "reject http any any -> any any (web_attack:xss; sid:1;)\n");
	memset(body, 'a', sizeof(body) - 1);
	body[1] = '=';
	for (size_t i = 0; script[i]; i++)
		body[15000 + i] = script[i];
	request(&tx, "/", type, body, false);
	struct fake_buffer *b = &tx.buffers[tx.n - 1];
	b->len = 100;
	assert_int_equal(see(&t, &tx), IPS_NONE);
	b->len = 15100; /* 8 KiB more */
	assert_int_equal(see(&t, &tx), IPS_VERDICT_RESET);
	ips_tx_ended(t.ips, &tx);
	tested_done(&t);
}

static void wrong_options_disable_the_rule(void **state)
{
	static const char *const wrong[] = { RULE("sqli"),         RULE("sql, log"),
		                             RULE("sql, log x"),   RULE("sql, weight script 1"),
		                             RULE("sql, bogus 1"), RULE("sql, exempt /a"),
		                             RULE("sql, log 1001") };
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct tested t;
		tested_init(&t, wrong[i]);
		if (t.report.disabled != 1)
			fail_msg("%s: loads", wrong[i]);
		tested_done(&t);
	}
}

static void patterns_stand_for_anything(void **state)
{
	(void)state;
	assert_true(scoring_glob(STR("*"), STR("")));
	assert_true(scoring_glob(STR("/a/*/c"), STR("/a/b/b/c")));
	assert_true(scoring_glob(STR("*.php"), STR("x.php.php")));
	assert_false(scoring_glob(STR("/a"), STR("/ab")));
	assert_false(scoring_glob(STR("*b"), STR("/abc")));
}

static json_t *rule_with(const char *configuration)
{
	return json_pack("{s:s, s:s, s:s, s:o}", "name", "x", "template", "custom", "customXML",
	                 RULE("sql, log 3"), "configuration", json_loads(configuration, 0, NULL));
}

static void the_configuration_of_an_object_becomes_options(void **state)
{
	static const struct {
		const char *configuration, *text, *why;
	} cases[] = {
		{ "{}", "web_attack:sql, log 3; sid", NULL },
		{ "{\"logThreshold\":5,\"dropThreshold\":9,\"maximumPerFeature\":2}",
		  "web_attack:sql, log 3, log 5, drop 9, most 2; sid", NULL },
		{ "{\"exemptions\":[{\"resource\":\"/a b;c\",\"parameter\":\"*\"}],"
		  "\"keywords\":[{\"keyword\":\"x,y\",\"score\":3}]}",
		  ", word x%2cy 3, exempt /a%20b%3bc *; sid", NULL },
		{ "{\"features\":[{\"feature\":\"quote\",\"score\":0}],\"resources\":"
		  "[{\"resource\":\"/x\",\"logThreshold\":1,\"dropThreshold\":2}]}",
		  ", weight quote 0, resource /x 1 2; sid", NULL },
		{ "{\"features\":[{\"feature\":\"script\",\"score\":0}]}", NULL,
		  "sql has no feature \"script\"" },
		{ "{\"logThreshold\":5,\"dropThreshold\":4}", NULL,
		  "dropThreshold is below logThreshold" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(json_decrefp) json_t *rule = rule_with(cases[i].configuration);
		AUTO(buf_done) struct buf text = { 0 };
		struct err why = { { 0 } };
		int rc = prevention_check_rule(rule, &why);
		assert_int_equal(rc < 0, cases[i].why != NULL);
		if (cases[i].why)
			assert_non_null(strstr(why.text, cases[i].why));
		if (!cases[i].text)
			continue;
		assert_int_equal(prevention_text(rule, &text, &why), 0);
		assert_non_null(strstr(text.p, cases[i].text));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_reaches_the_lower_threshold_is_told_alone),
		cmocka_unit_test(resources_and_parameters_have_rules_of_their_own),
		cmocka_unit_test(words_weights_and_distinct_features_are_options),
		cmocka_unit_test(a_body_is_looked_at_while_it_grows),
		cmocka_unit_test(wrong_options_disable_the_rule),
		cmocka_unit_test(patterns_stand_for_anything),
		cmocka_unit_test(the_configuration_of_an_object_becomes_options),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
