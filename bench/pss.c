/*
 * The memory of a process and all its descendants: PSS, so that what they share counts once.
 *   pss PID            one line a process: kilobytes, pid, command line; the last line: the sum
 *   pss --peak PID     sums until standard input ends; prints the first sum and the largest one
 */
#include <ctype.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PROCESSES_MAX = 256, PAUSE_MS = 5 };

static long pss_of(long pid)
{
	char path[64], line[256];
	long kb = 0;
	snprintf(path, sizeof(path), "/proc/%ld/smaps_rollup", pid);
	FILE *f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "Pss: %ld", &kb) == 1)
			break;
	if (f)
		fclose(f);
	return kb;
}

/* The process and its descendants, breadth first. */
static int family(long pid, long out[PROCESSES_MAX])
{
	int n = 0;
	out[n++] = pid;
	for (int i = 0; i < n; i++) {
		char path[64];
		snprintf(path, sizeof(path), "/proc/%ld/task/%ld/children", out[i], out[i]);
		FILE *f = fopen(path, "re");
		while (f && n < PROCESSES_MAX && fscanf(f, "%ld", &out[n]) == 1)
			n++;
		if (f)
			fclose(f);
	}
	return n;
}

static void print_one(long pid, long kb)
{
	char path[64], words[400];
	snprintf(path, sizeof(path), "/proc/%ld/cmdline", pid);
	FILE *f = fopen(path, "re");
	size_t n = f ? fread(words, 1, sizeof(words) - 1, f) : 0;
	if (f)
		fclose(f);
	for (size_t i = 0; i < n; i++)
		if (!isprint((unsigned char)words[i]))
			words[i] = ' ';
	words[n] = '\0';
	printf("%ld %ld %s\n", kb, pid, words);
}

static long sum(long pid, int print)
{
	long all[PROCESSES_MAX], total = 0;
	int n = family(pid, all);
	for (int i = 0; i < n; i++) {
		long kb = pss_of(all[i]);
		total += kb;
		if (print)
			print_one(all[i], kb);
	}
	return total;
}

static void peak(long pid)
{
	struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };
	long first = sum(pid, 0), top = first;
	while (poll(&in, 1, PAUSE_MS) == 0) {
		long now = sum(pid, 0);
		top = now > top ? now : top;
	}
	printf("%ld %ld\n", first, top);
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "--peak") == 0) {
		peak(atol(argv[2]));
	} else if (argc == 2 && atol(argv[1]) > 0) {
		printf("%ld\n", sum(atol(argv[1]), 1));
	} else {
		fprintf(stderr, "usage: pss PID | pss --peak PID\n");
		return 2;
	}
	return 0;
}
