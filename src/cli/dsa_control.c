#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/json.h"
#include "base/str.h"
#include "cli/control.h"

enum { EXIT_USAGE = 2, ACTIONS_MAX = 16, WORDS_MAX = 64 };

struct call;

/* One option. Actions are carried out by rank (what prepares goes first), modifiers as read. */
struct option {
	char letter; /* 0: none */
	const char *word;
	const char *value; /* what the value is called; NULL: none */
	unsigned rank;     /* 0: a modifier */
	int (*run)(struct call *c, const struct option *o, const char *value);
	const char *doc;
};

struct action {
	const struct option *option;
	const char *value;
};

/* One command line. */
struct call {
	const char *run_dir;
	uint64_t reach_retries, dsm_retries, dsm_interval;
	const char *words[WORDS_MAX]; /* key:value */
	size_t nwords;
	struct action actions[ACTIONS_MAX];
	size_t nactions;
};

/* ---- asking ---- */

static void print_line(void *arg, const char *text)
{
	(void)arg;
	printf("%s\n", text);
	fflush(stdout);
}

static int ask(struct call *c, const char *verb, json_t *args)
{
	AUTO(control_reply_done) struct control_reply r = { 0 };
	struct err why = { { 0 } };
	for (uint64_t i = 0;; i++) {
		int rc = control_ask(control_run_dir(c->run_dir), verb, json_incref(args),
		                     print_line, NULL, &r, &why);
		if (rc == 0)
			break;
		if (i >= c->reach_retries) {
			fprintf(stderr, "dsa_control: %s\n", why.text);
			json_decref(args);
			return CONTROL_UNREACHABLE;
		}
		printf("The agent does not answer, attempt %u of %u\n", (unsigned)i + 1,
		       (unsigned)c->reach_retries);
		fflush(stdout);
		sleep(1);
	}
	json_decref(args);
	control_print(&r);
	return r.exit;
}

/* The words that are pairs "key:value", as an object; keys are kept as they are. */
static int pairs(const struct call *c, json_t **out)
{
	AUTO(json_decrefp) json_t *o = json_object();
	for (size_t i = 0; i < c->nwords; i++) {
		struct str value = str_of(c->words[i]);
		struct str key = str_cut(&value, ':');
		if (!value.p || key.n == 0 || !str_utf8(str_of(c->words[i]))) {
			fprintf(stderr, "dsa_control: \"%s\" is no key:value\n", c->words[i]);
			return -EINVAL;
		}
		AUTO(freep) char *name = str_dup(key);
		json_set_text(o, name, value.p);
	}
	*out = TAKE(o);
	return 0;
}

/* ---- actions ---- */

static int activate(struct call *c, const struct option *o, const char *value)
{
	(void)o;
	json_t *given = NULL;
	if (pairs(c, &given) < 0)
		return EXIT_USAGE;
	json_t *args = json_object();
	json_set_text(args, "url", value);
	json_set(args, "pairs", given);
	json_set_int(args, "retries", (int64_t)c->dsm_retries);
	json_set_int(args, "interval", (int64_t)c->dsm_interval);
	printf("Activation will be re-attempted %u time(s) in case of failure\ndsa_control\n",
	       (unsigned)c->dsm_retries);
	fflush(stdout);
	return ask(c, "activate", args);
}

static int heartbeat(struct call *c, const struct option *o, const char *value)
{
	(void)o;
	(void)value;
	json_t *given = NULL;
	if (pairs(c, &given) < 0)
		return EXIT_USAGE;
	json_t *args = json_object();
	json_set(args, "pairs", given);
	return ask(c, "heartbeat", args);
}

static int simple(struct call *c, const struct option *o, const char *value)
{
	json_t *args = json_object();
	if (o->value)
		json_set_text(args, "value", value);
	return ask(c, o->word, args);
}

static int restore(struct call *c, const struct option *o, const char *value)
{
	json_t *given = NULL;
	if (pairs(c, &given) < 0)
		return EXIT_USAGE;
	json_t *args = json_object();
	json_set_text(args, "value", value);
	json_set(args, "pairs", given);
	return ask(c, o->word, args);
}

/* Words of the options --buildBaseline and --scanForChanges, as -m has them. */
static int integrity(struct call *c, const struct option *o, const char *value)
{
	(void)value;
	json_t *args = json_object(), *key = json_object();
	bool rebuild = strcmp(o->word, "buildBaseline") == 0;
	json_set_text(key, rebuild ? "RebuildBaseline" : "IntegrityScan", "true");
	json_set(args, "pairs", key);
	return ask(c, "heartbeat", args);
}

static int missing(struct call *c, const struct option *o, const char *value)
{
	(void)c;
	(void)value;
	fprintf(stderr, "dsa_control: --%s is not available: %s\n", o->word, o->doc);
	return 1;
}

/* ---- modifiers ---- */

static int number(const struct option *o, const char *value, uint64_t min, uint64_t max,
                  uint64_t *out)
{
	if (str_u64(str_of(value), min, max, out) == 0)
		return 0;
	fprintf(stderr, "dsa_control: --%s takes a number from %u to %u, not \"%s\"\n", o->word,
	        (unsigned)min, (unsigned)max, value);
	return EXIT_USAGE;
}

static int set_retries(struct call *c, const struct option *o, const char *value)
{
	return number(o, value, 0, 100000, &c->reach_retries);
}

static int set_dsm_retries(struct call *c, const struct option *o, const char *value)
{
	return number(o, value, 0, 100, &c->dsm_retries);
}

static int set_dsm_interval(struct call *c, const struct option *o, const char *value)
{
	return number(o, value, 1, 3600, &c->dsm_interval);
}

static int set_run(struct call *c, const struct option *o, const char *value)
{
	(void)o;
	c->run_dir = value;
	return 0;
}

static int help(struct call *c, const struct option *o, const char *value);

static int version(struct call *c, const struct option *o, const char *value)
{
	(void)c;
	(void)o;
	(void)value;
	printf("dsa_control %s\n", YAGURA_VERSION);
	exit(0);
}

/* clang-format off */
static const struct option options[] = {
	{ 'a', "activate",           "dsm://HOST:PORT/",   3, activate,         "activate the agent with a manager; more words: key:value (tenantID, token, policyid, displayname, ...)" },
	{ 'b', "bundle",             NULL,                 9, missing,          "this agent makes no update bundles" },
	{ 'c', "cert",               "FILE",               9, missing,          "a certificate of its own is not needed; the agent has its manager's" },
	{ 'd', "diag",               NULL,                 8, simple,           "make a diagnostic package, without secrets" },
	{ 'g', "agent",              "URL",                0, missing,          "the agent is reached through its socket (--run DIR), not by URL" },
	{ 'm', "heartbeat",          NULL,                 5, heartbeat,        "contact the manager now; more words: AntiMalwareManualScan:true, AntiMalwareCancelManualScan:true, IntegrityScan:true, RebuildBaseline:true, UpdateConfiguration:true" },
	{ 'p', "passwd",             "STR",                0, missing,          "this agent has no self-protection password" },
	{ 'r', "reset",              NULL,                 2, simple,           "forget the activation and the policy" },
	{ 'R', "restore",            "FILE",               6, restore,          "restore a quarantined file: its path, or its record; more words: to:PATH, overwrite:true, exempt:false" },
	{ 's', "selfprotect",        "0|1",                9, missing,          "this agent has no self-protection" },
	{ 't', "retries",            "N",                  0, set_retries,      "when the agent does not answer, try again so often, 1 s apart" },
	{ 'u', "dsm-proxy-user",     "USER:PASSWORD",      1, simple,           "credentials for the proxy of -x (Basic)" },
	{ 'w', "relay-proxy-user",   "USER:PASSWORD",      1, simple,           "credentials for the proxy of -y (Basic)" },
	{ 'x', "dsm-proxy",          "dsm_proxy://HOST:PORT/",   1, simple,     "reach the manager through this proxy; empty: directly" },
	{ 'y', "relay-proxy",        "relay_proxy://HOST:PORT/", 1, simple,     "reach relays through this proxy; empty: directly" },
	{ 0,   "buildBaseline",      NULL,                 7, integrity,        "make a new integrity baseline" },
	{ 0,   "scanForChanges",     NULL,                 7, integrity,        "scan for integrity changes" },
	{ 0,   "max-dsm-retries",    "N",                  0, set_dsm_retries,  "activation attempts after the first, 0 to 100 (30)" },
	{ 0,   "dsm-retry-interval", "SECONDS",            0, set_dsm_interval, "between activation attempts, 1 to 3600 (300)" },
	{ 0,   "run",                "DIR",                0, set_run,          "where the agent's socket is (YAGURA_RUN, /run/yagura)" },
	{ 'h', "help",               NULL,                 0, help,             "print this" },
	{ 0,   "version",            NULL,                 0, version,          "print the version" },
};
/* clang-format on */

static void usage(FILE *to)
{
	fprintf(to, "usage: dsa_control OPTION... [key:value]...\n\n");
	for (size_t i = 0; i < ARRAY_LEN(options); i++) {
		const struct option *o = &options[i];
		char left[64];
		if (o->run == missing)
			continue;
		snprintf(left, sizeof(left), "--%s%s%s", o->word, o->value ? " " : "",
		         o->value ? o->value : "");
		fprintf(to, "  %c%c  %-36s %s\n", o->letter ? '-' : ' ',
		        o->letter ? o->letter : ' ', left, o->doc);
	}
}

static int help(struct call *c, const struct option *o, const char *value)
{
	(void)c;
	(void)o;
	(void)value;
	usage(stdout);
	exit(0);
}

/* ---- the command line ---- */

/* "-a", "-aVALUE", "--activate", "--activate=VALUE"; *inline_value: what came with it. */
static const struct option *find(const char *arg, const char **inline_value)
{
	*inline_value = NULL;
	for (size_t i = 0; i < ARRAY_LEN(options); i++) {
		const struct option *o = &options[i];
		size_t n = strlen(o->word);
		if (arg[1] != '-' && o->letter && arg[1] == o->letter) {
			if (arg[2] && !o->value)
				return NULL;
			*inline_value = arg[2] ? arg + 2 : NULL;
			return o;
		}
		if (arg[1] == '-' && strncmp(arg + 2, o->word, n) == 0 &&
		    (arg[2 + n] == '\0' || (arg[2 + n] == '=' && o->value))) {
			*inline_value = arg[2 + n] ? arg + 3 + n : NULL;
			return o;
		}
	}
	return NULL;
}

static int take_option(struct call *c, int argc, char **argv, int *i)
{
	const char *value = NULL;
	const struct option *o = find(argv[*i], &value);
	if (!o) {
		fprintf(stderr, "dsa_control: unknown option %s\n", argv[*i]);
		usage(stderr);
		return EXIT_USAGE;
	}
	if (o->value && !value) {
		if (*i + 1 >= argc) {
			fprintf(stderr, "dsa_control: --%s needs %s\n", o->word, o->value);
			return EXIT_USAGE;
		}
		value = argv[++*i];
	}
	if (value && !str_utf8(str_of(value))) {
		fprintf(stderr, "dsa_control: the value of --%s is not UTF-8\n", o->word);
		return EXIT_USAGE;
	}
	if (o->rank == 0)
		return o->run(c, o, value);
	if (c->nactions == ACTIONS_MAX) {
		fprintf(stderr, "dsa_control: too many options\n");
		return EXIT_USAGE;
	}
	c->actions[c->nactions++] = (struct action){ o, value };
	return 0;
}

static int parse(struct call *c, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (argv[i][0] == '-' && argv[i][1]) {
			int rc = take_option(c, argc, argv, &i);
			if (rc != 0)
				return rc;
			continue;
		}
		if (c->nwords == WORDS_MAX) {
			fprintf(stderr, "dsa_control: too many words\n");
			return EXIT_USAGE;
		}
		c->words[c->nwords++] = argv[i];
	}
	if (c->nactions == 0) {
		usage(stderr);
		return EXIT_USAGE;
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct call c = { .dsm_retries = 30, .dsm_interval = 300 };
	int rc = parse(&c, argc, argv);
	for (unsigned rank = 1; rc == 0 && rank <= 9; rank++)
		for (size_t i = 0; rc == 0 && i < c.nactions; i++)
			if (c.actions[i].option->rank == rank)
				rc = c.actions[i].option->run(&c, c.actions[i].option,
				                              c.actions[i].value);
	return rc;
}
