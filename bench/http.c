#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * As little of an HTTP server as can be: every request that arrived whole gets 100 bytes, whatever
 * it asks for, so that a bench sees the network and not the server.   http PORT
 */

enum { EVENTS = 256, ROOM = 16384 };

static const char answer[] =
	"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"
	"0123456789012345678901234567890123456789012345678901234567890123456789"
	"012345678901234567890123456789";

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static int listener(unsigned short port)
{
	const int yes = 1, no = 0;
	const struct sockaddr_in6 at = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		fail("socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof(no));
	if (bind(fd, (const struct sockaddr *)&at, sizeof(at)) < 0 || listen(fd, 1024) < 0)
		fail("listen");
	return fd;
}

static void add(int set, int fd)
{
	struct epoll_event e = { .events = EPOLLIN, .data.fd = fd };
	if (epoll_ctl(set, EPOLL_CTL_ADD, fd, &e) < 0)
		fail("epoll_ctl");
}

static void take_all(int set, int from)
{
	const int yes = 1;
	for (;;) {
		int fd = accept4(from, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0)
			return;
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
		add(set, fd);
	}
}

/* A request of wrk fits one segment: what was read ends where a request ends. */
static void serve(int fd)
{
	static char in[ROOM];
	ssize_t n = read(fd, in, sizeof(in) - 1);
	if (n <= 0) {
		if (n == 0 || errno != EAGAIN)
			close(fd);
		return;
	}
	in[n] = '\0';
	for (const char *at = in; (at = strstr(at, "\r\n\r\n")) != NULL; at += 4)
		if (write(fd, answer, sizeof(answer) - 1) < 0)
			break;
	if (strstr(in, "Connection: close"))
		close(fd);
}

int main(int argc, char **argv)
{
	struct epoll_event events[EVENTS];
	if (argc != 2)
		return 2;
	int from = listener((unsigned short)atoi(argv[1])), set = epoll_create1(EPOLL_CLOEXEC);
	add(set, from);
	puts("ready");
	fflush(stdout);
	for (;;) {
		int n = epoll_wait(set, events, EVENTS, -1);
		for (int i = 0; i < n; i++) {
			if (events[i].data.fd == from)
				take_all(set, from);
			else
				serve(events[i].data.fd);
		}
	}
}
