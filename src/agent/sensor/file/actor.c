#include "agent/sensor/file/actor.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/sensor/people.h"
#include "base/auto.h"
#include "base/file.h"

enum { SEEN = 1024 /* a power of two */ };

/* What was last known of a process: a slot for each pid modulo SEEN. */
struct seen {
	pid_t pid;
	uint32_t uid;
	char *image;
	char user[PEOPLE_NAME], container[PEOPLE_CONTAINER + 1];
};

struct actors {
	struct buf passwd;
	struct seen seen[SEEN];
};

struct actors *actors_new(void)
{
	struct actors *a = xcalloc(1, sizeof(*a));
	file_read(AT_FDCWD, "/etc/passwd", 4 << 20, &a->passwd);
	return a;
}

void actors_free(struct actors *a)
{
	if (!a)
		return;
	for (size_t i = 0; i < SEEN; i++)
		free(a->seen[i].image);
	buf_done(&a->passwd);
	free(a);
}

/* It has not ended: what /proc said of its number was about it. */
static bool lives(const struct who *who)
{
	struct pollfd p = { .fd = who->pidfd, .events = POLLIN };
	return who->pidfd == WHO_NO_PIDFD || (who->pidfd >= 0 && poll(&p, 1, 0) == 0);
}

static bool read_proc(const struct actors *a, const struct who *who, struct seen *out)
{
	char path[64], image[PATH_MAX];
	struct stat st;
	AUTO(buf_done) struct buf cgroup = { 0 };
	snprintf(path, sizeof(path), "/proc/%d", (int)who->pid);
	if (stat(path, &st) < 0)
		return false;
	snprintf(path, sizeof(path), "/proc/%d/exe", (int)who->pid);
	ssize_t n = readlink(path, image, sizeof(image));
	snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)who->pid);
	file_read(AT_FDCWD, path, 16384, &cgroup);
	if (n <= 0 || !lives(who))
		return false;
	struct str id = people_container(buf_view(&cgroup));
	out->pid = who->pid;
	out->uid = st.st_uid;
	people_name(buf_view(&a->passwd), st.st_uid, out->user);
	snprintf(out->container, sizeof(out->container), "%.*s", STR_ARG(id));
	if (!out->image || !str_is((struct str){ image, (size_t)n }, out->image)) {
		free(out->image);
		out->image = str_dup((struct str){ image, (size_t)n });
	}
	return true;
}

void actor_describe(struct actors *a, struct look *l, const struct who *who)
{
	struct seen *s = &a->seen[(unsigned)who->pid % SEEN];
	l->op.actor.pid = who->pid;
	if (!read_proc(a, who, s) && s->pid != who->pid)
		return;
	l->op.actor.uid = s->uid;
	look_actor(l, str_of(s->image), str_of(s->user), str_of(s->container));
}
