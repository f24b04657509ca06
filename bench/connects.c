#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/*
 * Connections a second: 64 at a time are opened and ended by a reset, so that no port has to rest.
 *   connects IPV4 PORT SECONDS
 */

enum { AT_ONCE = 64 };

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static void open_one(int set, const struct sockaddr_in *to)
{
	const struct linger at_once = { .l_onoff = 1 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct epoll_event e = { .events = EPOLLOUT, .data.fd = fd };
	if (fd < 0)
		fail("socket");
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	if (connect(fd, (const struct sockaddr *)to, sizeof(*to)) < 0 && errno != EINPROGRESS)
		fail("connect");
	if (epoll_ctl(set, EPOLL_CTL_ADD, fd, &e) < 0)
		fail("epoll_ctl");
}

int main(int argc, char **argv)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	if (argc != 4 || inet_pton(AF_INET, argv[1], &to.sin_addr) != 1) {
		fprintf(stderr, "usage: connects IPV4 PORT SECONDS\n");
		return 2;
	}
	to.sin_port = htons((uint16_t)atoi(argv[2]));
	double start = now(), end = start + atof(argv[3]);
	int set = epoll_create1(EPOLL_CLOEXEC);
	unsigned long made = 0, failed = 0;
	for (int i = 0; i < AT_ONCE; i++)
		open_one(set, &to);
	while (now() < end) {
		struct epoll_event events[AT_ONCE];
		int n = epoll_wait(set, events, AT_ONCE, 100);
		for (int i = 0; i < n; i++) {
			if (events[i].events & (EPOLLERR | EPOLLHUP))
				failed++;
			else
				made++;
			close(events[i].data.fd);
			open_one(set, &to);
		}
	}
	printf("%.0f %lu\n", (double)made / (now() - start), failed);
	return 0;
}
