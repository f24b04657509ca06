#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/auto.h"
#include "base/json.h"
#include "base/test.h"
#include "manager/tasks/try.h"

/* Installing agents by script, and the calls of scripts that are older than v1. */

static void put(const char *dir, const char *name, const char *bytes)
{
	char path[200];
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(bytes, f);
	fclose(f);
}

static int setup(void **state)
{
	int rc = try_setup(state);
	struct try *t = *state;
	t->app->config.software = t->dir;
	put(t->dir, "yagura-agent_0.9.0_amd64.deb", "older");
	put(t->dir, "yagura-agent_0.10.0_amd64.deb", "newer");
	put(t->dir, "yagura-agent_0.10.0_arm64.deb", "for arm");
	put(t->dir, "yagura-manager_0.10.0_amd64.deb", "not the agent");
	return rc;
}

static void a_package_is_found_by_processor_and_version(void **state)
{
	struct try *t = *state;
	static const struct {
		const char *path, *bytes;
	} rows[] = {
		{ "/software/agent/Debian_12/x86_64/agent.deb", "newer" },
		{ "/software/agent/Ubuntu_22.04/x86_64/agent.deb?tenantID=1", "newer" },
		{ "/software/agent/Debian_12/x86_64/0.9.0/agent.deb", "older" },
		{ "/software/agent/Debian_12/aarch64/agent.deb", "for arm" },
		{ "/software/agent/Debian_12/i386/agent.deb", NULL },
		{ "/software/agent/Debian_12/x86_64/0.8.0/agent.deb", NULL },
		{ "/software/agent/RedHat_EL9/x86_64/agent.rpm", NULL },
	};
	t->cookie[0] = '\0'; /* a new computer knows nobody */
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		try_must(t, rows[i].bytes ? 200 : 404, "GET", rows[i].path, NULL);
		if (rows[i].bytes)
			assert_string_equal(t->text, rows[i].bytes);
	}
}

static void packages_are_listed_and_exported_by_name_only(void **state)
{
	struct try *t = *state;
	const json_t *list =
		json_array_at(try_must(t, 200, "GET", "/api/agentpackages", NULL), "agentPackages");
	assert_int_equal(json_array_size(list), 3);
	try_must(t, 200, "GET", "/api/agentpackages/yagura-agent_0.9.0_amd64.deb", NULL);
	assert_string_equal(t->text, "older");
	try_must(t, 404, "GET", "/api/agentpackages/yagura.db", NULL);
	try_must(t, 404, "GET", "/api/agentpackages/yagura-manager_0.10.0_amd64.deb", NULL);
	try_must(t, 404, "GET", "/api/agentpackages/..", NULL);
}

/* Runs a shell over a file; its exit status. */
static int shell(const char *dir, const char *name, const char *how)
{
	char command[500];
	snprintf(command, sizeof(command), "cd %s && %s %s >out 2>&1", dir, how, name);
	/* Fixed words and a folder that mkdtemp() named. NOLINTNEXTLINE(cert-env33-c) */
	int status = system(command);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void the_scripts_are_right_for_a_shell(void **state)
{
	struct try *t = *state;
	static const char *const paths[] = {
		"/software/deploymentscript/platform/linuxdetectscriptv1/",
		"/software/deploymentscript/platform/linux-secure/"
	};
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		try_must(t, 200, "GET", paths[i], NULL);
		put(t->dir, "script", t->text);
		assert_int_equal(shell(t->dir, "script", "bash -n"), 0);
	}
	try_must(t, 200, "GET", paths[0], NULL);
	put(t->dir, "detect", t->text);
	put(t->dir, "use",
	    ". ./detect; platform_detect && [ \"$isRPM\" = 0 ] && "
	    "[ \"$linuxPlatform\" = \"$runningPlatform$majorVersion/$(uname -m)/\" ]");
	assert_int_equal(shell(t->dir, "use", "bash"), 0);
}

/* A public script takes the last line, what follows "token:", up to a blank, without its last
 * character. */
static void the_last_line_activates_and_holds_the_token(void **state)
{
	struct try *t = *state;
	try_must(t, 200, "GET", "/api/agentactivationinformation", NULL);
	char token[100];
	snprintf(token, sizeof(token), "%s", json_text(t->out, "activationToken", ""));
	try_must(
		t, 200, "POST", "/api/agentdeploymentscripts",
		"{'platform':'linux','activationRequired':'true','policyID':'2','computerGroupID':1}");
	const char *script = json_text(t->out, "scriptBody", "");
	put(t->dir, "script", script);
	assert_int_equal(shell(t->dir, "script", "bash -n"), 0);
	assert_int_equal(shell(t->dir, "script", "tail -n 1"), 0);
	char line[600], want[200];
	snprintf(want, sizeof(want), "%s/out", t->dir);
	FILE *f = fopen(want, "r");
	assert_non_null(f);
	assert_non_null(fgets(line, sizeof(line), f));
	fclose(f);
	assert_int_equal(strncmp(line, "dsa_control -a dsm://manager.test:4120/ \"tenantID:", 50),
	                 0);
	const char *at = strstr(line, "\"token:");
	assert_non_null(at);
	assert_int_equal(strncmp(at + 7, token, strlen(token)), 0);
	assert_non_null(strstr(line, "\"policyid:2\" \"groupid:1\""));
	try_must(t, 400, "POST", "/api/agentdeploymentscripts", "{'platform':'windows'}");
}

static void the_old_sign_in_gives_a_bare_word(void **state)
{
	struct try *t = *state;
	char path[200], sid[100];
	t->rid[0] = '\0';
	try_must(t, 200, "POST", "/rest/authentication/login/primary",
	         "{'dsCredentials':{'userName':'admin','password':'a Password 4 tests'}}");
	assert_int_equal(strlen(t->text), 43);
	snprintf(sid, sizeof(sid), "%s", t->text);
	t->cookie[0] = '\0';
	try_must(t, 401, "GET", "/rest/hosts", NULL);
	assert_non_null(strstr(t->text, "{\"error\":{\"message\":"));
	snprintf(path, sizeof(path), "/rest/hosts?sID=%s", sid);
	const json_t *o = try_must(t, 200, "GET", path, NULL);
	assert_non_null(json_array_at(json_object_at(o, "hosts"), "hosts"));
	snprintf(path, sizeof(path), "/rest/hosts/77?sID=%s", sid);
	try_must(t, 404, "GET", path, NULL);
	/* Nothing newer goes by the word alone. */
	snprintf(path, sizeof(path), "/api/policies?sID=%s", sid);
	try_must(t, 401, "GET", path, NULL);
	snprintf(path, sizeof(path), "/rest/authentication/logout?sID=%s", sid);
	try_must(t, 204, "DELETE", path, NULL);
	snprintf(path, sizeof(path), "/rest/hosts?sID=%s", sid);
	try_must(t, 401, "GET", path, NULL);
	try_must(t, 200, "GET", "/rest/apiVersion", NULL);
	assert_int_equal(strspn(t->text, "0123456789"), strlen(t->text));
	try_must(t, 200, "GET", "/rest/status/manager/ping", NULL);
}

#define ALONE(name) cmocka_unit_test_setup_teardown(name, setup, try_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ALONE(a_package_is_found_by_processor_and_version),
		ALONE(packages_are_listed_and_exported_by_name_only),
		ALONE(the_scripts_are_right_for_a_shell),
		ALONE(the_last_line_activates_and_holds_the_token),
		ALONE(the_old_sign_in_gives_a_bare_word),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
