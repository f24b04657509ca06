#include "cli/control.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/json.h"

enum { LINE_MAX_BYTES = 16 << 20 };

const char *control_run_dir(const char *option)
{
	const char *env = getenv("YAGURA_RUN");
	return option ? option : env && *env ? env : "/run/yagura";
}

static int reach(const char *run, struct err *why)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int n = snprintf(to.sun_path, sizeof(to.sun_path), "%s/control.sock", run);
	if (n >= (int)sizeof(to.sun_path))
		return err_set(why, -ENAMETOOLONG, "the path %s/control.sock is too long", run);
	AUTO(closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_set(why, -errno, "make a socket: %s", strerror(errno));
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		return err_set(why, -errno, "the agent does not run or may not be reached (%s: %s)",
		               to.sun_path, strerror(errno));
	return TAKE_FD(fd);
}

static int send_request(int fd, const char *verb, json_t *args, struct err *why)
{
	AUTO(buf_done) struct buf b = { 0 };
	json_t *request = json_object();
	json_set_text(request, "verb", verb);
	json_set(request, "args", args ? args : json_object());
	json_write(&b, request);
	json_decref(request);
	buf_char(&b, '\n');
	int rc = buf_end(&b);
	if (rc == 0)
		rc = file_write_all(fd, b.p, b.n);
	return rc < 0 ? err_set(why, rc, "ask the agent: %s", strerror(-rc)) : 0;
}

/* 1: that was the end of the exchange. */
static int take_line(struct str text, void (*line)(void *, const char *), void *arg,
                     struct control_reply *out, struct err *why)
{
	AUTO(json_decrefp) json_t *j = json_parse(text, why);
	if (!j)
		return err_add(why, -EBADMSG, "the agent's answer");
	const char *progress = json_text(j, "line", NULL);
	if (progress) {
		if (line)
			line(arg, progress);
		return 0;
	}
	out->status = (int)json_int(j, "status", 0);
	out->exit = (int)json_int(j, "exit", 1);
	out->text = xstrdup(json_text(j, "text", ""));
	out->response = xstrdup(json_text(j, "response", ""));
	return 1;
}

static int receive(int fd, void (*line)(void *, const char *), void *arg, struct control_reply *out,
                   struct err *why)
{
	AUTO(buf_done) struct buf b = { .max = LINE_MAX_BYTES };
	for (;;) {
		char *room = buf_room(&b, 4096);
		if (!room)
			return err_set(why, -EFBIG, "the agent's answer is too long");
		ssize_t n = read(fd, room, 4096);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_set(why, n < 0 ? -errno : -EPIPE,
			               "the agent ended in the middle of its answer");
		b.n += (size_t)n;
		for (char *end = memchr(b.p, '\n', b.n); end; end = memchr(b.p, '\n', b.n)) {
			size_t len = (size_t)(end - b.p);
			int rc = take_line((struct str){ b.p, len }, line, arg, out, why);
			if (rc != 0)
				return rc < 0 ? rc : 0;
			buf_drop(&b, len + 1);
		}
	}
}

int control_ask(const char *run, const char *verb, json_t *args,
                void (*line)(void *arg, const char *text), void *arg, struct control_reply *out,
                struct err *why)
{
	*out = (struct control_reply){ 0 };
	AUTO(closep) int fd = reach(run, why);
	if (fd < 0) {
		json_decref(args);
		return fd;
	}
	int rc = send_request(fd, verb, args, why);
	return rc < 0 ? rc : receive(fd, line, arg, out, why);
}

void control_reply_done(struct control_reply *r)
{
	free(r->text);
	free(r->response);
	*r = (struct control_reply){ 0 };
}

void control_print(const struct control_reply *r)
{
	printf("HTTP Status: %d - %s\nResponse:\n", r->status, r->text);
	size_t n = strlen(r->response);
	if (n)
		printf("%s%s", r->response, r->response[n - 1] == '\n' ? "" : "\n");
	fflush(stdout);
}
