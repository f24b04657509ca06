#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/agent.h"
#include "base/file.h"
#include "base/log.h"

/* The folder above must let the other users through whatever the umask is. */
static int make_above(const char *path)
{
	struct stat st;
	if (stat(path, &st) == 0)
		return 0;
	int rc = file_mkdirs(AT_FDCWD, path, 0755, (uid_t)-1, (gid_t)-1);
	return rc == 0 && chmod(path, 0755) < 0 ? -errno : rc;
}

int agent_folder(struct self *guard, unsigned row, const char *name, struct birth_fd *out)
{
	uid_t uid = 0;
	gid_t gid = 0;
	proc_user(&guard->program->procs[row], row, &uid, &gid);
	int rc = make_above(guard->lib);
	if (rc == 0)
		rc = make_above(guard->run);
	if (rc < 0)
		return rc;
	int lib = open(guard->lib, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (lib < 0)
		return -errno;
	rc = file_mkdirs(lib, name, 0700, uid, gid);
	int fd = rc < 0 ? rc : openat(lib, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (rc == 0 && fd < 0)
		fd = -errno;
	close(lib);
	if (fd < 0) {
		log_error("make %s/%s: %s", guard->lib, name, strerror(-fd));
		return fd;
	}
	snprintf(out->name, sizeof(out->name), "%s", name);
	out->fd = fd;
	return 1;
}
