/*
 * The floor: answers every permission event of one file system with "allow" and leaves an evictable
 * ignore mark (host-sensors 3.2). Prints "ready" and runs until it is ended or SECONDS passed.
 *   responder DIR SECONDS
 */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/fanotify.h>
#include <unistd.h>

#ifndef FAN_MARK_EVICTABLE
#define FAN_MARK_EVICTABLE 0x00000200
#endif
#ifndef FAN_MARK_IGNORE
#define FAN_MARK_IGNORE 0x00000400
#endif

static void answer(int group, const struct fanotify_event_metadata *e)
{
	struct fanotify_response r = { .fd = e->fd, .response = FAN_ALLOW };
	if (fanotify_mark(group, FAN_MARK_ADD | FAN_MARK_IGNORE | FAN_MARK_EVICTABLE, FAN_OPEN_PERM,
	                  e->fd, NULL) < 0)
		fanotify_mark(group, FAN_MARK_ADD | FAN_MARK_IGNORED_MASK, FAN_OPEN_PERM, e->fd,
		              NULL);
	if (write(group, &r, sizeof(r)) != (ssize_t)sizeof(r))
		perror("responder: answer");
	close(e->fd);
}

int main(int argc, char **argv)
{
	if (argc != 3) {
		fprintf(stderr, "usage: responder DIR SECONDS\n");
		return 2;
	}
	alarm((unsigned)atoi(argv[2])); /* a hanging responder would hang the file system's users */
	int group = fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC | FAN_UNLIMITED_QUEUE,
	                          O_RDONLY | O_LARGEFILE);
	if (group < 0 || fanotify_mark(group, FAN_MARK_ADD | FAN_MARK_FILESYSTEM, FAN_OPEN_PERM,
	                               AT_FDCWD, argv[1]) < 0) {
		perror("responder");
		return 1;
	}
	puts("ready");
	fflush(stdout);
	static _Alignas(8) char block[8192];
	for (;;) {
		ssize_t n = read(group, block, sizeof(block));
		if (n <= 0)
			return 1;
		const struct fanotify_event_metadata *e = (const void *)block;
		for (; FAN_EVENT_OK(e, n); e = FAN_EVENT_NEXT(e, n))
			if (e->fd >= 0)
				answer(group, e);
	}
}
