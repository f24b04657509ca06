#include "manager/store/setup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/file.h"
#include "base/rand.h"
#include "manager/ca/store.h"
#include "manager/manager.h"

enum { PASSWORD_LEN = 16 };

static int make_dir(const char *path, mode_t mode, uid_t uid, gid_t gid, struct err *why)
{
	int rc = file_mkdirs(AT_FDCWD, path, 0755, (uid_t)-1, (gid_t)-1);
	if (rc == 0 && (chmod(path, mode) < 0 || chown(path, uid, gid) < 0))
		rc = -errno;
	return rc < 0 ? err_set(why, rc, "make %s: %s", path, strerror(-rc)) : 0;
}

static bool there(const char *dir, const char *name)
{
	char path[4200];
	struct stat st;
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return lstat(path, &st) == 0;
}

/* What is reachable under its own name, as told by --host or else by the host. */
static unsigned names(const struct options *o, char own[static 254], const char **out)
{
	static const char *const always[] = { "localhost", "127.0.0.1", "::1" };
	unsigned n = 0;
	for (unsigned i = 0; i < o->nhosts; i++)
		out[n++] = o->hosts[i];
	if (gethostname(own, 253) == 0 && host_is_valid(str_of(own)) &&
	    strcmp(own, "localhost") != 0)
		out[n++] = own;
	for (size_t i = 0; i < ARRAY_LEN(always); i++)
		out[n++] = always[i];
	return n;
}

static int chown_all(int dir, uid_t uid, gid_t gid, struct err *why)
{
	static const char *const files[] = { "ca.pem",     "ca.key",     "server.pem",
		                             "server.key", "policy.key", "hosts" };
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		if (fchownat(dir, files[i], uid, gid, AT_SYMLINK_NOFOLLOW) < 0)
			return err_set(why, -errno, "give %s to its user: %s", files[i],
			               strerror(errno));
	return 0;
}

/* The keys and certificates; the CA's certificate also where everybody can read it. */
static int make_authority(const struct options *o, uid_t uid, gid_t gid, const char **hosts,
                          unsigned n, struct cert_facts *ca, struct err *why)
{
	AUTO(freep) char *path = NULL;
	if (asprintf(&path, "%s/ca", o->etc) < 0)
		abort();
	int rc = make_dir(path, 0700, uid, gid, why);
	if (rc < 0)
		return rc;
	AUTO(closep) int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	AUTO(closep) int etc = open(o->etc, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 || etc < 0)
		return err_set(why, -errno, "open %s: %s", path, strerror(errno));
	rc = authority_make(dir, hosts, n, why);
	if (rc >= 0)
		rc = chown_all(dir, uid, gid, why);
	AUTO(authority_done) struct authority a = { 0 };
	if (rc == 0)
		rc = authority_load(dir, &a, why);
	if (rc == 0)
		rc = cert_facts(buf_view(&a.ca), ca, why);
	if (rc < 0)
		return rc;
	rc = file_replace(etc, "ca.pem", a.ca.p, a.ca.n, 0644);
	return rc < 0 ? err_set(why, rc, "write %s/ca.pem: %s", o->etc, strerror(-rc)) : 0;
}

static void print_result(const struct options *o, const char *host, const char *password,
                         const struct cert_facts *ca)
{
	bool v6 = strchr(host, ':') != NULL;
	printf("The manager is set up.\n\n"
	       "  Console:   https://%s%s%s:%s/\n"
	       "  User:      admin\n"
	       "  Password:  %s\n\n"
	       "The password is shown once and stored as a hash only. The CA's certificate is\n"
	       "%s/ca.pem, SHA-256 %s.\n",
	       v6 ? "[" : "", host, v6 ? "]" : "", o->text[SET_CONSOLE_PORT], password, o->etc,
	       ca->fingerprint);
}

static int setup_all(const struct self *me, struct err *why)
{
	const struct options *o = me->options;
	const struct proc *procs = manager_program.procs;
	struct setup s = { .lib = o->lib };
	uid_t ca_uid = 0;
	gid_t ca_gid = 0;
	const char *hosts[HOSTS_MAX + 8];
	char own[254] = "", password[PASSWORD_LEN + 1];
	struct cert_facts ca;
	if (geteuid() != 0)
		return err_set(why, -EPERM, "--setup needs root");
	proc_user(&procs[P_CORE], P_CORE, &s.uid, &s.gid);
	proc_user(&procs[P_CA], P_CA, &ca_uid, &ca_gid);
	if (there(o->lib, "yagura.db") && there(o->etc, "ca/ca.pem")) {
		printf("The manager is set up already; nothing was changed.\n");
		return 0;
	}
	if (there(o->lib, "yagura.db"))
		return err_set(
			why, -EEXIST,
			"%s/yagura.db is there and its CA in %s/ca is not: move it away or bring the CA back",
			o->lib, o->etc);
	unsigned n = names(o, own, hosts);
	int rc = make_dir(o->etc, 0755, 0, 0, why);
	if (rc == 0)
		rc = make_dir(o->lib, 0700, s.uid, s.gid, why);
	if (rc == 0)
		rc = make_dir(o->run, 0755, 0, 0, why);
	if (rc == 0)
		rc = make_authority(o, ca_uid, ca_gid, hosts, n, &ca, why);
	if (rc < 0)
		return rc;
	rand_password(password, PASSWORD_LEN);
	s.host = hosts[0];
	s.password = password;
	rc = setup_database(&s, why);
	if (rc == 0)
		print_result(o, hosts[0], password, &ca);
	explicit_bzero(password, sizeof(password));
	return rc;
}

int setup_run(struct self *me)
{
	struct err why = { { 0 } };
	int rc = setup_all(me, &why);
	if (rc < 0)
		fprintf(stderr, "%s: %s\n", me->program->name, why.text);
	return rc < 0 ? rc : 1;
}
