#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/auto.h"
#include "base/file.h"
#include "base/json.h"
#include "manager/api/app.h"

/*
 * The agent's packages that came with the manager, and how a script on a new computer finds the
 * right one (rest-api.md 12). A package is a file NAME_VERSION_ARCHITECTURE.deb of one folder;
 * nothing here writes.
 */

enum { PACKAGE_MAX = 60 * 1024 * 1024, PACKAGES_MAX = 200 };

/* Words for processors: in paths, in the names of packages. */
static const struct {
	const char *path, *package;
} architectures[] = { { "x86_64", "amd64" }, { "aarch64", "arm64" }, { "i386", "i386" } };

struct package {
	struct str version, architecture; /* parts of its file's name */
};

static bool package_parse(const char *file, struct package *out)
{
	struct str rest = str_of(file);
	if (!str_starts(rest, STR("yagura-agent_")) || !str_ends(rest, STR(".deb")))
		return false;
	rest = str_skip((struct str){ rest.p, rest.n - 4 }, strlen("yagura-agent_"));
	out->version = str_cut(&rest, '_');
	out->architecture = rest;
	return out->version.n > 0 && rest.n > 0 && !memchr(rest.p, '/', rest.n);
}

static json_t *shown(const char *dir, const char *file)
{
	struct package p;
	struct stat st;
	AUTO(buf_done) struct buf path = { 0 };
	buf_fmt(&path, "%s/%s", dir, file);
	if (!package_parse(file, &p) || lstat(path.p, &st) < 0 || !S_ISREG(st.st_mode))
		return NULL;
	json_t *o = json_object();
	json_set_text(o, "name", file);
	json_set_bytes(o, "version", p.version);
	json_set_bytes(o, "architecture", p.architecture);
	json_set_text(o, "platform", "linux");
	json_set_int(o, "size", (int64_t)st.st_size);
	json_set_int(o, "imported", (int64_t)st.st_mtim.tv_sec * 1000);
	return o;
}

/* Newest version last: versions of ours sort as dpkg sorts them, part by part. */
static int by_version(const struct dirent **a, const struct dirent **b)
{
	return strverscmp((*a)->d_name, (*b)->d_name);
}

static json_t *packages(struct app *a)
{
	struct dirent **names = NULL;
	json_t *list = json_array();
	const char *dir = a->config.software;
	int n = dir ? scandir(dir, &names, NULL, by_version) : 0;
	for (int i = 0; i < n; i++) {
		json_t *o = i < PACKAGES_MAX ? shown(dir, names[i]->d_name) : NULL;
		if (o)
			json_array_append_new(list, o);
		free(names[i]);
	}
	free(names);
	return list;
}

int agent_packages(struct call *c)
{
	c->out = json_object();
	json_set(c->out, "agentPackages", packages(c->app));
	return 200;
}

static int missing(struct call *c)
{
	err_set(&c->why, 0, "There is no such agent package.");
	return 404;
}

static int send(struct call *c, const json_t *package)
{
	AUTO(buf_done) struct buf path = { 0 };
	if (!package)
		return missing(c);
	buf_fmt(&path, "%s/%s", c->app->config.software, json_text(package, "name", ""));
	if (file_read(AT_FDCWD, path.p, PACKAGE_MAX, &c->raw) < 0)
		return missing(c);
	c->raw_type = "application/vnd.debian.binary-package";
	return 200;
}

/* GET /api/agentpackages/{name}: export. */
int agent_package(struct call *c)
{
	AUTO(json_decrefp) json_t *list = packages(c->app);
	for (size_t i = 0; i < json_array_size(list); i++)
		if (strcmp(json_text(json_array_get(list, i), "name", ""), c->name) == 0)
			return send(c, json_array_get(list, i));
	return missing(c);
}

/* The newest of a processor, and of a version where one is asked for. */
static const json_t *best(const json_t *list, const char *architecture, struct str version)
{
	for (size_t i = json_array_size(list); i > 0; i--) {
		const json_t *o = json_array_get(list, i - 1);
		struct str have = str_of(json_text(o, "version", ""));
		if (strcmp(json_text(o, "architecture", ""), architecture) == 0 &&
		    (version.n == 0 || str_eq(have, version)))
			return o;
	}
	return NULL;
}

/* GET /software/agent/PLATFORM/ARCHITECTURE/[VERSION/]agent.deb */
int software_agent(struct call *c)
{
	struct str rest = str_skip(str_of(c->rq->path), strlen("/software/agent/"));
	struct str platform = str_cut(&rest, '/'), arch = str_cut(&rest, '/'),
		   version = str_cut(&rest, '/'), file = rest;
	if (!file.p) {
		file = version;
		version = (struct str){ 0 };
	}
	if (!platform.n || !str_ends(file, STR(".deb"))) {
		err_set(&c->why, 0, "There are packages for Debian and Ubuntu (.deb) only.");
		return 404;
	}
	AUTO(json_decrefp) json_t *list = packages(c->app);
	for (size_t i = 0; i < ARRAY_LEN(architectures); i++)
		if (str_is(arch, architectures[i].path))
			return send(c, best(list, architectures[i].package, version));
	return missing(c);
}

static int script(struct call *c, const char *text)
{
	buf_z(&c->raw, text);
	c->raw_type = "text/x-shellscript;charset=utf-8";
	return 200;
}

#define DETECT                                                                                                 \
	"platform_detect() {\n"                                                                                \
	"  isRPM=0\n"                                                                                          \
	"  archType=$(uname -m)\n"                                                                             \
	"  if [ ! -r /etc/os-release ]; then\n"                                                                \
	"    echo \"/etc/os-release is missing: the platform is unknown.\"\n    return 1\n  fi\n"              \
	"  local id version\n"                                                                                 \
	"  id=$(. /etc/os-release; echo \"$ID\")\n"                                                            \
	"  version=$(. /etc/os-release; echo \"$VERSION_ID\")\n"                                               \
	"  case \"$id\" in\n"                                                                                  \
	"  debian) runningPlatform=Debian_ majorVersion=${version%%.*} ;;\n"                                   \
	"  ubuntu) runningPlatform=Ubuntu_ majorVersion=$version ;;\n"                                         \
	"  rhel|centos|rocky|almalinux|ol) runningPlatform=RedHat_EL majorVersion=${version%%.*} isRPM=1 ;;\n" \
	"  amzn) runningPlatform=amzn majorVersion=$version isRPM=1 ;;\n"                                      \
	"  sles) runningPlatform=SuSE_ majorVersion=${version%%.*} isRPM=1 ;;\n"                               \
	"  *) echo \"There is no agent for $id.\"\n    return 1 ;;\n"                                          \
	"  esac\n"                                                                                             \
	"  linuxPlatform=\"${runningPlatform}${majorVersion}/${archType}/\"\n"                                 \
	"}\n"

int software_detect(struct call *c)
{
	return script(c, DETECT);
}

int software_install(struct call *c)
{
	return script(
		c, DETECT
		"Download_Install_Agent() {\n"
		"  platform_detect || return 1\n"
		"  if [ \"$isRPM\" = 1 ]; then\n"
		"    echo \"There are packages for Debian and Ubuntu only.\"\n    return 1\n  fi\n"
		"  local dir\n"
		"  dir=$(mktemp -d) || return 1\n"
		"  if ! curl --fail $CURLOPTIONS -L \"$MANAGERURL/software/agent/${linuxPlatform}agent.deb\" -o \"$dir/agent.deb\"; then\n"
		"    echo \"The agent's package cannot be downloaded from $MANAGERURL.\"\n    rm -r \"$dir\"\n    return 1\n  fi\n"
		"  chmod 755 \"$dir\"\n"
		"  if command -v apt-get >/dev/null 2>&1; then\n"
		"    DEBIAN_FRONTEND=noninteractive apt-get install -y -q \"$dir/agent.deb\"\n"
		"  else\n    dpkg -i \"$dir/agent.deb\"\n  fi\n"
		"  local status=$?\n"
		"  rm -r \"$dir\"\n"
		"  return $status\n"
		"}\n");
}
