/*
 * Opens, reads and closes every file named on standard input (NUL-separated), ROUNDS times, and
 * prints the median over the rounds of the mean time a file takes, in nanoseconds: "FIRST MEDIAN"
 * (the first round apart).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS_MAX = 101, FILES_MAX = 500000 };

static uint64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int touch(const char *path)
{
	static char block[1 << 16];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ssize_t n = read(fd, block, sizeof(block));
	close(fd);
	return n < 0 ? -errno : 0;
}

static size_t read_names(char **names)
{
	size_t n = 0, cap = 0;
	char *line = NULL;
	while (n < FILES_MAX && getdelim(&line, &cap, '\0', stdin) > 0) {
		names[n] = strdup(line);
		if (!names[n++])
			abort();
	}
	free(line);
	return n;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	int rounds = argc > 1 ? atoi(argv[1]) : 5;
	if (rounds < 1 || rounds > ROUNDS_MAX) {
		fprintf(stderr, "usage: opens ROUNDS < NUL-separated names\n");
		return 2;
	}
	char **names = calloc(FILES_MAX, sizeof(*names));
	size_t n = names ? read_names(names) : 0;
	if (n == 0) {
		fprintf(stderr, "opens: no names\n");
		return 2;
	}
	uint64_t took[ROUNDS_MAX];
	size_t refused = 0;
	for (int r = 0; r <= rounds; r++) {
		uint64_t start = now_ns();
		for (size_t i = 0; i < n; i++)
			refused += touch(names[i]) < 0;
		took[r < ROUNDS_MAX ? r : ROUNDS_MAX - 1] = (now_ns() - start) / n;
	}
	if (refused)
		fprintf(stderr, "opens: %zu opens were refused\n", refused);
	qsort(took + 1, (size_t)rounds - 1 ? (size_t)rounds - 1 : 1, sizeof(*took), by_value);
	printf("%llu %llu\n", (unsigned long long)took[0],
	       (unsigned long long)took[1 + (rounds - 1) / 2]);
	return 0;
}
