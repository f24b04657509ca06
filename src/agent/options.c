#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/agent.h"
#include "base/auto.h"

struct option {
	const char *name;
	size_t at; /* of the char * in agent_options; checked for the flags below */
	const char *otherwise, *doc;
	bool number; /* else a folder */
};

/* clang-format off */
static const struct option options[] = {
	{ "--etc",        offsetof(struct agent_options, etc),        "/etc/yagura",                 "configuration" },
	{ "--lib",        offsetof(struct agent_options, lib),        "/var/lib/yagura/agent",       "identity, spool, quarantine" },
	{ "--run",        offsetof(struct agent_options, run),        "/run/yagura",                 "the control socket" },
	{ "--signatures", offsetof(struct agent_options, signatures), "/usr/share/yagura/signatures", "malware signatures" },
	{ "--protect",    offsetof(struct agent_options, protect),    NULL,                          "protect only the file system that DIR is on" },
	{ "--packet-processes", offsetof(struct agent_options, packets), NULL, "processes that judge packets, 1 to 4 (half the processors)", true },
};
/* clang-format on */

static char **at(struct agent_options *o, const struct option *opt)
{
	return (char **)(void *)((char *)o + opt->at);
}

static int usage(const struct self *me)
{
	printf("usage: %s [OPTION VALUE]...\n\n", me->program->name);
	for (size_t i = 0; i < ARRAY_LEN(options); i++)
		printf("  %-12s %s  %s%s%s%s\n", options[i].name, options[i].number ? "N" : "DIR",
		       options[i].doc, options[i].otherwise ? " (" : "",
		       options[i].otherwise ? options[i].otherwise : "",
		       options[i].otherwise ? ")" : "");
	printf("  --load-firewall   load the last good ruleset into the kernel, do not run\n"
	       "  --unload-firewall take the firewall's table out of the kernel, do not run\n");
	printf("  -T                check options and folders, say what is wrong, do not run\n"
	       "  --version         print the version\n"
	       "  --help            print this\n");
	return 0;
}

static int version(const struct self *me)
{
	printf("%s %s\n", me->program->name, YAGURA_VERSION);
	return 0;
}

static int absolute(const char *path, char **out)
{
	char here[PATH_MAX], full[2 * PATH_MAX];
	if (!*path)
		return -EINVAL;
	if (path[0] != '/' && !getcwd(here, sizeof(here)))
		return -errno;
	int n = path[0] == '/' ? snprintf(full, sizeof(full), "%s", path)
	                       : snprintf(full, sizeof(full), "%s/%s", here, path);
	if (n >= PATH_MAX)
		return -ENAMETOOLONG;
	while (n > 1 && full[n - 1] == '/')
		full[--n] = '\0';
	free(*out);
	*out = xstrdup(full);
	return 0;
}

static int number(const char *text, char **out)
{
	uint64_t n = 0;
	int rc = str_u64(str_of(text), 1, PACKET_PROCESSES_MAX, &n);
	if (rc < 0)
		return rc;
	free(*out);
	*out = xstrdup(text);
	return 0;
}

static const struct option *find(const char *arg, size_t *len)
{
	for (size_t i = 0; i < ARRAY_LEN(options); i++) {
		size_t n = strlen(options[i].name);
		if (strncmp(arg, options[i].name, n) == 0 && (arg[n] == '\0' || arg[n] == '=')) {
			*len = n;
			return &options[i];
		}
	}
	return NULL;
}

/* One option at argv[i]: how many words it took, 0 for --help and the like, or < 0. */
static int take(struct self *me, struct agent_options *o, int argc, char **argv, int i)
{
	size_t n = 0;
	if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
		return usage(me);
	if (strcmp(argv[i], "--version") == 0)
		return version(me);
	if (strcmp(argv[i], "-T") == 0) {
		o->check = true;
		return 1;
	}
	const struct option *opt = find(argv[i], &n);
	if (!opt) {
		fprintf(stderr, "%s: unknown option %s (--help)\n", me->program->name, argv[i]);
		return -EINVAL;
	}
	const char *value = argv[i][n] == '=' ? argv[i] + n + 1 : i + 1 < argc ? argv[i + 1] : "";
	int rc = opt->number ? number(value, at(o, opt)) : absolute(value, at(o, opt));
	if (rc < 0) {
		fprintf(stderr, "%s: %s needs a %s\n", me->program->name, opt->name,
		        opt->number ? "number, 1 to 4" : "folder");
		return rc;
	}
	return argv[i][n] == '=' ? 1 : 2;
}

/* -T: each folder that is there must be a folder; signatures and --protect must be there. */
static int check(struct agent_options *o)
{
	int rc = 1;
	for (size_t i = 0; i < ARRAY_LEN(options); i++) {
		struct stat st;
		const char *dir = *at(o, &options[i]);
		if (!dir || options[i].number)
			continue;
		bool needed = options[i].at >= offsetof(struct agent_options, protect);
		int e = stat(dir, &st) < 0 ? errno : S_ISDIR(st.st_mode) ? 0 : ENOTDIR;
		if (e == 0 || (e == ENOENT && !needed))
			continue;
		fprintf(stderr, "%s %s: %s\n", options[i].name, dir, strerror(e));
		rc = -e;
	}
	if (rc == 1)
		printf("options are good\n");
	return rc;
}

/* Half of the processors: the others run what is protected. */
static unsigned packet_processes(const char *text)
{
	uint64_t n = 0;
	long processors = sysconf(_SC_NPROCESSORS_CONF);
	if (text && str_u64(str_of(text), 1, PACKET_PROCESSES_MAX, &n) == 0)
		return (unsigned)n;
	if (processors < 4)
		return 1;
	return processors / 2 < PACKET_PROCESSES_MAX ? (unsigned)processors / 2
	                                             : PACKET_PROCESSES_MAX;
}

static int defaults(struct self *me, struct agent_options *o)
{
	o->packet_processes = packet_processes(o->packets);
	for (size_t i = 0; i < ARRAY_LEN(options); i++)
		if (!*at(o, &options[i]) && options[i].otherwise)
			*at(o, &options[i]) = xstrdup(options[i].otherwise);
	me->etc = o->etc;
	me->lib = o->lib;
	me->run = o->run;
	size_t n = strlen(o->signatures) + sizeof(":/signatures");
	o->bind = xcalloc(1, n);
	snprintf(o->bind, n, "%s:/signatures", o->signatures);
	o->binds[0] = o->bind;
	return 0;
}

int agent_parse(struct self *me, int argc, char **argv)
{
	struct agent_options *o = xcalloc(1, sizeof(*o));
	me->options = o;
	for (int i = 1; i < argc;) {
		int n = take(me, o, argc, argv, i);
		if (n <= 0)
			return n < 0 ? n : 1;
		i += n;
	}
	int rc = defaults(me, o);
	return rc == 0 && o->check ? check(o) : rc;
}

void agent_done(struct self *me)
{
	struct agent_options *o = me->options;
	for (size_t i = 0; o && i < ARRAY_LEN(options); i++)
		free(*at(o, &options[i]));
	if (o)
		free(o->bind);
	free(o);
	me->options = NULL;
}
