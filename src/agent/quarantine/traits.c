#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "agent/quarantine/place.h"
#include "base/auto.h"

/* Room for attributes in a record; whoever writes harmful files must not be able to fill it. */
enum { ATTRIBUTES_MAX = 512 << 10, LIFTED = FS_IMMUTABLE_FL | FS_APPEND_FL };

static int64_t nanoseconds(const struct timespec *t)
{
	return (int64_t)t->tv_sec * 1000000000 + t->tv_nsec;
}

/* One attribute's value into a; false: it does not fit, or is gone. */
static bool read_value(int fd, const char *name, size_t room, struct attribute *a)
{
	ssize_t n = fgetxattr(fd, name, NULL, 0);
	if (n < 0 || (size_t)n > room)
		return false;
	char *p = buf_room(&a->value, (size_t)n + 1);
	n = p ? fgetxattr(fd, name, p, (size_t)n) : -1;
	if (n < 0) {
		buf_done(&a->value);
		return false;
	}
	a->value.n = (size_t)n;
	a->name = xstrdup(name);
	return true;
}

/* ACLs and file capabilities are extended attributes too (acl(5), capabilities(7)). */
static void read_attributes(int fd, struct kept *r)
{
	char *names = xcalloc(1, XATTR_LIST_MAX + 1);
	size_t used = 0;
	ssize_t n = flistxattr(fd, names, XATTR_LIST_MAX);
	if (n > 0)
		r->attributes = xcalloc(KEPT_XATTRS, sizeof(*r->attributes));
	for (const char *name = names; n > 0 && name < names + n; name += strlen(name) + 1) {
		struct attribute *a = &r->attributes[r->nattributes];
		if (r->nattributes == KEPT_XATTRS ||
		    !read_value(fd, name, ATTRIBUTES_MAX - used, a)) {
			r->lost_attributes++;
			continue;
		}
		used += a->value.n;
		r->nattributes++;
	}
	free(names);
}

int traits_read(int fd, struct kept *r)
{
	struct stat st;
	unsigned long flags = 0; /* the kernel writes an int (ioctl_iflags(2)) */
	if (fstat(fd, &st) < 0)
		return -errno;
	r->size = (uint64_t)st.st_size;
	r->mode = st.st_mode & 07777;
	r->uid = st.st_uid;
	r->gid = st.st_gid;
	r->atime_ns = nanoseconds(&st.st_atim);
	if (ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0)
		r->flags |= (uint32_t)flags & LIFTED;
	read_attributes(fd, r);
	return 0;
}

static int change_flags(int fd, uint32_t clear, uint32_t set)
{
	unsigned long room = 0;
	if (ioctl(fd, FS_IOC_GETFLAGS, &room) < 0)
		return -errno;
	room = ((uint32_t)room & ~clear) | set;
	return ioctl(fd, FS_IOC_SETFLAGS, &room) < 0 ? -errno : 0;
}

int flags_lift(int fd, const struct kept *r)
{
	return r->flags ? change_flags(fd, r->flags, 0) : 0;
}

int flags_give(int fd, const struct kept *r)
{
	return r->flags ? change_flags(fd, 0, r->flags) : 0;
}

static struct timespec time_of(int64_t ns)
{
	int64_t rest = ns % 1000000000;
	if (rest < 0) /* before 1970 */
		rest += 1000000000;
	return (struct timespec){ (ns - rest) / 1000000000, rest };
}

int traits_give(int fd, const struct kept *r)
{
	int lost = (int)r->lost_attributes;
	const struct timespec times[2] = { time_of(r->atime_ns), time_of(r->file.mtime_ns) };
	/* Changing the owner clears file capabilities and mode bits, so it goes first. */
	if (fchown(fd, r->uid, r->gid) < 0 || fchmod(fd, r->mode) < 0)
		return -errno;
	for (unsigned i = 0; i < r->nattributes; i++) {
		const struct attribute *a = &r->attributes[i];
		lost += fsetxattr(fd, a->name, a->value.p ? a->value.p : "", a->value.n, 0) < 0;
	}
	return futimens(fd, times) < 0 ? -errno : lost;
}
