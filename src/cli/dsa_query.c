#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/json.h"
#include "cli/control.h"

/* A query that scripts know, and the agent's verb for it. */
static const struct query {
	const char *name, *verb, *doc;
} queries[] = {
	{ "GetAgentStatus", "status", "is the agent activated, by whom, how are its modules" },
	{ "GetComponentInfo", "components", "versions of engines and signatures" },
};

static int usage(FILE *to)
{
	fprintf(to, "usage: dsa_query [--run DIR] -c QUERY\n\n");
	for (size_t i = 0; i < ARRAY_LEN(queries); i++)
		fprintf(to, "  %-18s %s\n", queries[i].name, queries[i].doc);
	return to == stdout ? 0 : 2;
}

static int run(const char *dir, const char *name)
{
	AUTO(control_reply_done) struct control_reply r = { 0 };
	struct err why = { { 0 } };
	const struct query *q = NULL;
	for (size_t i = 0; i < ARRAY_LEN(queries); i++)
		if (strcmp(queries[i].name, name) == 0)
			q = &queries[i];
	if (!q) {
		fprintf(stderr, "dsa_query: unknown query %s\n", name);
		return usage(stderr);
	}
	if (control_ask(control_run_dir(dir), q->verb, NULL, NULL, NULL, &r, &why) < 0) {
		fprintf(stderr, "dsa_query: %s\n", why.text);
		return CONTROL_UNREACHABLE;
	}
	size_t n = strlen(r.response);
	printf("%s%s", r.response, n && r.response[n - 1] == '\n' ? "" : "\n");
	return r.exit;
}

int main(int argc, char **argv)
{
	const char *dir = NULL, *query = NULL;
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
			return usage(stdout);
		if (strcmp(argv[i], "--version") == 0) {
			printf("dsa_query %s\n", YAGURA_VERSION);
			return 0;
		}
		if (strcmp(argv[i], "-c") == 0 && i + 1 < argc)
			query = argv[++i];
		else if (strncmp(argv[i], "--run=", 6) == 0)
			dir = argv[i] + 6;
		else if (strcmp(argv[i], "--run") == 0 && i + 1 < argc)
			dir = argv[++i];
		else
			return usage(stderr);
	}
	return query ? run(dir, query) : usage(stderr);
}
