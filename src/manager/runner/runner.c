#include "manager/runner/runner.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/wire.h"
#include "manager/runner/run.h"

enum { ORDER_MAX = 64 * 1024, TIMEOUT_MS = 3600 * 1000 };

struct runner {
	struct self *me;
	struct script_run run;
	uint32_t ticket;
	char *scripts, *work; /* owned: folders */
};

static void answer(struct runner *r, uint32_t ticket, int rc, struct str text)
{
	size_t room = text.n + 16;
	AUTO(freep) char *body = xcalloc(1, room);
	struct wr w = wr_init(body, room);
	wr_u32(&w, (uint32_t)-rc);
	wr_str(&w, text);
	rc = self_send(r->me, P_CORE, 0, M_RAN, ticket, (struct str){ body, wr_len(&w) });
	if (rc < 0 && rc != -ENOTCONN)
		log_error("tell what a script said: %s", strerror(-rc));
}

static void empty(const char *dir)
{
	AUTO(closep) int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *d = fd < 0 ? NULL : file_dir(fd);
	for (const struct dirent *e; d && (e = readdir(d));)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			file_remove_tree(fd, e->d_name);
	if (d)
		closedir(d);
}

static void done(struct script_run *run)
{
	struct runner *r = run->owner;
	AUTO(buf_done) struct buf b = { 0 };
	char room[80];
	const char *failure = script_failure(run, room);
	if (failure)
		buf_fmt(&b, "It %s. ", failure);
	/* What it said may be in any encoding. */
	struct str rest = buf_view(&run->output);
	while (rest.n) {
		struct str line = str_cut(&rest, '\n');
		buf_safe(&b, line);
		if (rest.p)
			buf_char(&b, '\n');
	}
	if (run->more)
		buf_fmt(&b, "\n(%zu bytes more)", run->more);
	empty(r->work);
	answer(r, r->ticket, failure ? -EPROTO : 0, buf_view(&b));
}

static int on_run(struct self *me, struct peer *p, struct imsg *m)
{
	(void)p;
	struct runner *r = me->state;
	struct err why = { { 0 } };
	AUTO(json_decrefp)
	json_t *order = json_parse((struct str){ (const char *)m->data, m->len }, NULL);
	if (!order)
		return -EBADMSG;
	int rc = r->run.pid ? err_set(&why, -EBUSY, "another script runs")
	                    : script_start(&r->run, r->scripts, json_text(order, "script", ""),
	                                   r->work, TIMEOUT_MS, &why);
	if (rc < 0)
		answer(r, m->id, rc, str_of(why.text));
	else
		r->ticket = m->id;
	return 0;
}

int runner_prepare(struct self *guard, unsigned instance, struct birth_fd out[static BIRTH_FDS_MAX])
{
	AUTO(freep) char *work = NULL, *scripts = NULL;
	uid_t uid = 0;
	gid_t gid = 0;
	(void)instance, (void)out;
	if (asprintf(&work, "%s/runner", guard->run) < 0 ||
	    asprintf(&scripts, "%s/scripts", guard->etc) < 0)
		abort();
	proc_user(&guard->program->procs[P_RUNNER], P_RUNNER, &uid, &gid);
	file_remove_tree(AT_FDCWD, work);
	int rc = file_mkdirs(AT_FDCWD, scripts, 0755, (uid_t)-1, (gid_t)-1);
	if (rc == 0)
		rc = file_mkdirs(AT_FDCWD, work, 0700, uid, gid);
	if (rc < 0)
		log_error("make the folders of scripts: %s", strerror(-rc));
	return rc;
}

int runner_start(struct self *me)
{
	struct runner *r = xcalloc(1, sizeof(*r));
	r->me = me;
	r->run = (struct script_run){ .loop = &me->loop, .done = done, .owner = r };
	if (asprintf(&r->scripts, "%s/scripts", me->etc) < 0 ||
	    asprintf(&r->work, "%s/runner", me->run) < 0)
		abort();
	me->state = r;
	return 0;
}

void runner_stop(struct self *me)
{
	struct runner *r = me->state;
	script_end(&r->run);
	free(r->scripts);
	free(r->work);
	free(r);
	me->state = NULL;
}

int (*const runner_on[])(struct self *me, struct peer *p, struct imsg *m) = {
	[M_RUN] = on_run,
	[M_COUNT] = NULL,
};
