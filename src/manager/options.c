#include "manager/options.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/log.h"
#include "proc/proc.h"

enum { CONFIG_MAX = 64 * 1024 };

const struct setting settings[] = {
#define TEXT(id, key, otherwise, max, doc)        { key, true, otherwise, 0, max, doc },
#define NUMBER(id, key, otherwise, min, max, doc) { key, false, otherwise, min, max, doc },
#include "manager/settings.def"
#undef TEXT
#undef NUMBER
};

static const struct {
	const char *name;
	size_t at; /* in struct options */
	const char *otherwise, *doc;
} folders[] = {
	{ "--etc", offsetof(struct options, etc), "/etc/yagura", "configuration and keys" },
	{ "--lib", offsetof(struct options, lib), "/var/lib/yagura/manager", "the database" },
	{ "--run", offsetof(struct options, run), "/run/yagura-manager",
	  "what lasts until the end" },
	{ "--config", offsetof(struct options, config), NULL,
	  "configuration file (ETC/manager.conf)" },
};

static char **folder(struct options *o, size_t i)
{
	return (char **)(void *)((char *)o + folders[i].at);
}

void options_free(struct options *o)
{
	if (!o)
		return;
	for (size_t i = 0; i < SET_COUNT; i++)
		free(o->text[i]);
	for (size_t i = 0; i < ARRAY_LEN(folders); i++)
		free(*folder(o, i));
	free(o);
}

static int usage(const char *program)
{
	printf("usage: %s [--setup [--host NAME]...] [OPTION VALUE]...\n\n"
	       "  --setup                  make keys, certificates and database where there are none\n"
	       "  --host NAME              with --setup: a name or address that the manager is reached at\n",
	       program);
	for (size_t i = 0; i < ARRAY_LEN(folders); i++)
		printf("  %-24s %s%s%s%s\n", folders[i].name, folders[i].doc,
		       folders[i].otherwise ? " (" : "",
		       folders[i].otherwise ? folders[i].otherwise : "",
		       folders[i].otherwise ? ")" : "");
	for (size_t i = 0; i < SET_COUNT; i++)
		printf("  --%-22s %s%s%s%s\n", settings[i].key, settings[i].doc,
		       *settings[i].otherwise ? " (" : "", settings[i].otherwise,
		       *settings[i].otherwise ? ")" : "");
	printf("  -T                       check the settings and print what is in force\n"
	       "  --version                print the version\n"
	       "  --help                   print this\n");
	return 1;
}

bool host_is_valid(struct str host)
{
	if (host.n == 0 || host.n > 253 || host.p[0] == '-' || host.p[0] == '.')
		return false;
	for (size_t i = 0; i < host.n; i++) {
		char c = host.p[i];
		bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		            (c >= '0' && c <= '9') || c == '-' || c == '.' || c == ':' || c == '_';
		if (!good)
			return false;
	}
	return true;
}

/* ---- settings ---- */

static int find(struct str key)
{
	for (int i = 0; i < SET_COUNT; i++)
		if (str_is(key, settings[i].key))
			return i;
	return -ENOENT;
}

static int set(struct options *o, int i, struct str value, struct err *why)
{
	const struct setting *s = &settings[i];
	if (s->text && (value.n > s->max || !str_utf8(value)))
		return err_set(why, -EINVAL, "%s is longer than %ju bytes or no text", s->key,
		               (uintmax_t)s->max);
	if (!s->text && str_u64(value, s->min, s->max, &o->number[i]) < 0)
		return err_set(why, -EINVAL, "%s must be a number from %ju to %ju, not %s", s->key,
		               (uintmax_t)s->min, (uintmax_t)s->max, log_quote(value));
	free(o->text[i]);
	o->text[i] = str_dup(value);
	return 0;
}

static int one_line(struct options *o, struct str line, struct err *why)
{
	line = str_trim(line);
	if (line.n == 0 || line.p[0] == '#')
		return 0;
	struct str rest = line;
	struct str key = str_trim(str_cut(&rest, '='));
	if (!rest.p)
		return err_set(why, -EINVAL, "%s is no \"key = value\"", log_quote(line));
	int i = find(key);
	if (i < 0)
		return err_set(why, -EINVAL, "there is no setting %s", log_quote(key));
	return o->text[i] ? 0 : set(o, i, str_trim(rest), why); /* the command line wins */
}

int options_file(struct options *o, struct str text, const char *name, struct err *why)
{
	unsigned n = 1;
	for (struct str rest = text; rest.p; n++) {
		int rc = one_line(o, str_cut(&rest, '\n'), why);
		if (rc < 0)
			return err_add(why, rc, "%s, line %u", name, n);
	}
	return 0;
}

static int read_config(struct options *o, struct err *why)
{
	AUTO(buf_done) struct buf text = { 0 };
	bool named = o->config;
	if (!named && asprintf(&o->config, "%s/manager.conf", o->etc) < 0)
		abort();
	int rc = file_read(AT_FDCWD, o->config, CONFIG_MAX, &text);
	if (rc == -ENOENT && !named)
		return 0;
	if (rc < 0)
		return err_set(why, rc, "read %s: %s", o->config, strerror(-rc));
	return options_file(o, buf_view(&text), o->config, why);
}

/* ---- the command line ---- */

static int absolute(const char *path, char **out)
{
	char here[PATH_MAX] = "";
	if (path[0] != '/' && !getcwd(here, sizeof(here)))
		return -errno;
	free(*out);
	if (asprintf(out, "%s%s%s", here, path[0] == '/' ? "" : "/", path) < 0)
		abort();
	return 0;
}

static int take_host(struct options *o, const char *value, struct err *why)
{
	if (!host_is_valid(str_of(value)))
		return err_set(why, -EINVAL, "%s is no host name and no address",
		               log_quote(str_of(value)));
	if (o->nhosts == HOSTS_MAX)
		return err_set(why, -E2BIG, "more than %d hosts", HOSTS_MAX);
	o->hosts[o->nhosts++] = value;
	return 0;
}

/* An option that takes a value. */
static int take_value(struct options *o, struct str name, const char *value, struct err *why)
{
	for (size_t i = 0; i < ARRAY_LEN(folders); i++)
		if (str_is(name, folders[i].name))
			return value && *value
			               ? absolute(value, folder(o, i))
			               : err_set(why, -EINVAL, "%s needs a path", folders[i].name);
	bool host = str_is(name, "--host");
	int i = host ? 0 : name.n > 2 ? find(str_skip(name, 2)) : -ENOENT;
	if (i < 0)
		return err_set(why, -EINVAL, "there is no option %s", log_quote(name));
	if (!value)
		return err_set(why, -EINVAL, "%.*s needs a value", STR_ARG(name));
	return host ? take_host(o, value, why) : set(o, i, str_of(value), why);
}

/* One option at argv[i]: how many words it took; 0: the program is to end. */
static int take(struct options *o, char **argv, struct err *why)
{
	if (strcmp(argv[0], "--setup") == 0) {
		o->setup = true;
		return 1;
	}
	if (strcmp(argv[0], "-T") == 0) {
		o->check = true;
		return 1;
	}
	struct str rest = str_of(argv[0]);
	struct str name = str_cut(&rest, '=');
	int rc = take_value(o, name, rest.p ? rest.p : argv[1], why);
	return rc < 0 ? rc : rest.p ? 1 : 2;
}

static int defaults(struct options *o, struct err *why)
{
	for (size_t i = 0; i < ARRAY_LEN(folders); i++)
		if (!*folder(o, i) && folders[i].otherwise)
			*folder(o, i) = xstrdup(folders[i].otherwise);
	int rc = read_config(o, why);
	for (int i = 0; rc == 0 && i < SET_COUNT; i++)
		if (!o->text[i])
			rc = set(o, i, str_of(settings[i].otherwise), why);
	return rc;
}

static int print_settings(const struct options *o)
{
	printf("etc = %s\nlib = %s\nrun = %s\n", o->etc, o->lib, o->run);
	for (size_t i = 0; i < SET_COUNT; i++)
		printf("%s = %s\n", settings[i].key, o->text[i]);
	return 1;
}

static int parse(struct options *o, const char *program, int argc, char **argv, struct err *why)
{
	for (int i = 1; i < argc;) {
		if (strcmp(argv[i], "--help") == 0)
			return usage(program);
		if (strcmp(argv[i], "--version") == 0)
			return printf("%s %s\n", program, YAGURA_VERSION) > 0 ? 1 : -EIO;
		int n = take(o, argv + i, why);
		if (n < 0)
			return n;
		i += n;
	}
	int rc = defaults(o, why);
	return rc == 0 && o->check ? print_settings(o) : rc;
}

int options_parse(struct self *me, int argc, char **argv)
{
	struct err why = { { 0 } };
	struct options *o = xcalloc(1, sizeof(*o));
	int rc = parse(o, me->program->name, argc, argv, &why);
	if (rc < 0)
		fprintf(stderr, "%s: %s (--help says more)\n", me->program->name, why.text);
	if (rc != 0) {
		options_free(o);
		return rc;
	}
	log_verbose(o->number[SET_DEBUG]);
	me->options = o;
	me->etc = o->etc;
	me->lib = o->lib;
	me->run = o->run;
	return 0;
}
