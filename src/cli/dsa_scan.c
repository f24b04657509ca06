#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/json.h"
#include "cli/control.h"

/* As the agent says it, but for what keeps us from asking. */
enum { SCAN_ERROR = 2 };

static int usage(FILE *to)
{
	fprintf(to, "usage: dsa_scan [--run DIR] [--log FILE] PATH...\n\n"
	            "  --target PATH  the same as PATH\n"
	            "  --log FILE     what is found is also appended to FILE\n"
	            "  --run DIR      where the agent's socket is\n"
	            "\nexit status: 0 clean, 1 malware found, 2 error, 3 only partly scanned\n");
	return to == stdout ? 0 : SCAN_ERROR;
}

struct scan {
	const char *run, *log;
	json_t *paths; /* owned */
	FILE *out;     /* owned: the log, or NULL */
};

static void scan_done(struct scan *s)
{
	json_decref(s->paths);
	if (s->out)
		fclose(s->out);
}

static int add_path(struct scan *s, const char *path)
{
	AUTO(freep) char *whole = realpath(path, NULL);
	json_t *text = whole ? json_string(whole) : NULL;
	if (!whole)
		fprintf(stderr, "dsa_scan: %s: %s\n", path, strerror(errno));
	else if (!text)
		fprintf(stderr,
		        "dsa_scan: a path that is not UTF-8 cannot be named; name its folder\n");
	return text ? json_array_append_new(s->paths, text) : -EINVAL;
}

/* The value of an option that is given as "--name VALUE" or "--name=VALUE"; NULL: another word. */
static const char *value(const char *name, int argc, char **argv, int *i)
{
	size_t n = strlen(name);
	if (strncmp(argv[*i], name, n) != 0)
		return NULL;
	if (argv[*i][n] == '=')
		return argv[*i] + n + 1;
	if (argv[*i][n] != '\0' || *i + 1 >= argc || !argv[*i + 1])
		return NULL;
	return argv[++*i];
}

static int parse(struct scan *s, int argc, char **argv)
{
	bool options = true;
	for (int i = 1; i < argc; i++) {
		const char *v = NULL;
		if (options && strcmp(argv[i], "--") == 0)
			options = false;
		else if (options && (v = value("--run", argc, argv, &i)))
			s->run = v;
		else if (options && (v = value("--log", argc, argv, &i)))
			s->log = v;
		else if (options && (v = value("--target", argc, argv, &i))) {
			if (add_path(s, v) < 0)
				return -EINVAL;
		} else if (options && argv[i][0] == '-') {
			usage(stderr);
			return -EINVAL;
		} else if (add_path(s, argv[i]) < 0)
			return -EINVAL;
	}
	if (json_array_size(s->paths) > 0)
		return 0;
	usage(stderr);
	return -EINVAL;
}

static void found(void *arg, const char *line)
{
	const struct scan *s = arg;
	printf("%s\n", line);
	fflush(stdout);
	if (s->out)
		fprintf(s->out, "%s\n", line);
}

static int run(struct scan *s)
{
	AUTO(control_reply_done) struct control_reply r = { 0 };
	struct err why = { { 0 } };
	json_t *args = json_object();
	json_set(args, "paths", json_incref(s->paths));
	if (control_ask(control_run_dir(s->run), "scan", args, found, s, &r, &why) < 0) {
		fprintf(stderr, "dsa_scan: %s\n", why.text);
		return SCAN_ERROR;
	}
	fprintf(r.exit == SCAN_ERROR ? stderr : stdout, "%s\n", r.response);
	if (s->out && (fprintf(s->out, "%s\n", r.response) < 0 || fflush(s->out) != 0)) {
		fprintf(stderr, "dsa_scan: write %s: %s\n", s->log, strerror(errno));
		return SCAN_ERROR;
	}
	return r.exit;
}

int main(int argc, char **argv)
{
	if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
		return usage(stdout);
	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		printf("dsa_scan %s\n", YAGURA_VERSION);
		return 0;
	}
	AUTO(scan_done) struct scan s = { .paths = json_array() };
	if (parse(&s, argc, argv) < 0)
		return SCAN_ERROR;
	if (s.log && !(s.out = fopen(s.log, "ae"))) {
		fprintf(stderr, "dsa_scan: open %s: %s\n", s.log, strerror(errno));
		return SCAN_ERROR;
	}
	return run(&s);
}
