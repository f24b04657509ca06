#include "agent/sensor/change/group.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/log.h"

/* Of later libraries than the oldest that we are built with. */
#ifndef FAN_REPORT_TARGET_FID
#define FAN_REPORT_TARGET_FID 0x00001000
#endif
#ifndef FAN_RENAME
#define FAN_RENAME 0x10000000
#endif

/* The newest form that this kernel has: Linux 5.17 (the file's own handle, both names of a
 * renaming), 5.15 (who it was, held fast), 5.9 (directories and names). The queue is bounded: what
 * does not fit is told as an overflow. */
static int fanotify_open(void)
{
	static const unsigned names = FAN_REPORT_DIR_FID | FAN_REPORT_NAME;
	static const unsigned more[] = { FAN_REPORT_FID | FAN_REPORT_TARGET_FID | FAN_REPORT_PIDFD,
		                         FAN_REPORT_FID | FAN_REPORT_PIDFD, FAN_REPORT_FID };
	int fd = -1;
	for (size_t i = 0; i < ARRAY_LEN(more) && fd < 0; i++)
		fd = fanotify_init(FAN_CLASS_NOTIF | FAN_CLOEXEC | FAN_NONBLOCK |
		                           FAN_UNLIMITED_MARKS | names | more[i],
		                   O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int connector_open(void)
{
	const struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = CN_IDX_PROC };
	const int room = 4 << 20;
	AUTO(closep)
	int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_CONNECTOR);
	if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	/* Only the kernel's first network namespace has one: try it. */
	int rc = group_listen(fd, true);
	if (rc == 0)
		rc = group_listen(fd, false);
	return rc < 0 ? rc : TAKE_FD(fd);
}

int group_listen(int connector, bool on)
{
	const enum proc_cn_mcast_op op = on ? PROC_CN_MCAST_LISTEN : PROC_CN_MCAST_IGNORE;
	const struct cn_msg message = { .id = { CN_IDX_PROC, CN_VAL_PROC }, .len = sizeof(op) };
	const struct nlmsghdr head = { .nlmsg_len = NLMSG_HDRLEN + sizeof(message) + sizeof(op),
		                       .nlmsg_type = NLMSG_DONE };
	char ask[NLMSG_HDRLEN + sizeof(message) + sizeof(op)] = "";
	memcpy(ask, &head, sizeof(head));
	memcpy(ask + NLMSG_HDRLEN, &message, sizeof(message));
	memcpy(ask + NLMSG_HDRLEN + sizeof(message), &op, sizeof(op));
	return send(connector, ask, sizeof(ask), MSG_DONTWAIT) < 0 ? -errno : 0;
}

int group_prepare(struct birth_fd out[static BIRTH_FDS_MAX])
{
	int n = 0, fd = fanotify_open();
	if (fd < 0) {
		log_error("changes: fanotify with names: %s", strerror(-fd));
		return fd;
	}
	out[n++] = (struct birth_fd){ "fanotify", fd };
	fd = connector_open();
	if (fd >= 0)
		out[n++] = (struct birth_fd){ "processes", fd };
	fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_SOCK_DIAG);
	if (fd >= 0)
		out[n++] = (struct birth_fd){ "sockets", fd };
	return n;
}

int group_mark(int group, const char *path)
{
	static const uint64_t kinds =
		FAN_CREATE | FAN_DELETE | FAN_MODIFY | FAN_CLOSE_WRITE | FAN_ATTRIB | FAN_ONDIR;
	static const uint64_t names[] = { FAN_RENAME, FAN_MOVED_FROM | FAN_MOVED_TO };
	int rc = -EINVAL;
	if (!*path)
		return fanotify_mark(group, FAN_MARK_FLUSH | FAN_MARK_FILESYSTEM, 0, AT_FDCWD,
		                     NULL) < 0
		               ? -errno
		               : 0;
	for (size_t i = 0; i < ARRAY_LEN(names) && rc == -EINVAL; i++)
		rc = fanotify_mark(group, FAN_MARK_ADD | FAN_MARK_FILESYSTEM, kinds | names[i],
		                   AT_FDCWD, path) < 0
		             ? -errno
		             : 0;
	return rc;
}
