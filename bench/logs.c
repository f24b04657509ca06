/*
 * What Log Inspection is measured against, over a corpus on standard input:
 *   logs bare LITERALS   split, pre-decode, one scan for the literals, JSON for 44 % of the lines
 *   logs pcre2 PATTERNS  every line against every pattern (one a line), compiled once, with JIT
 * The answers go to standard output; lines per second and the peak of memory are for the caller.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <hs.h>
#include <pcre2.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATTERNS_MAX = 16384, CHUNK = 256 << 10 };

struct bench {
	char *pattern[PATTERNS_MAX];
	size_t n;
	hs_database_t *database;
	hs_scratch_t *scratch;
	pcre2_code *code[PATTERNS_MAX];
	pcre2_match_data *data;
	char out[CHUNK * 4];
	size_t out_n;
	uint64_t lines, hits;
	void (*line)(struct bench *b, const char *p, size_t n);
};

static void put(struct bench *b, const char *p, size_t n)
{
	memcpy(b->out + b->out_n, p, n);
	b->out_n += n;
}

static int on_hit(unsigned id, unsigned long long from, unsigned long long to, unsigned flags,
                  void *context)
{
	(void)id;
	(void)from;
	(void)to;
	(void)flags;
	++*(uint64_t *)context;
	return 0;
}

static size_t token(const char *p, size_t n, size_t from, char end)
{
	while (from < n && p[from] != end && p[from] != ' ')
		from++;
	return from;
}

static void bare_line(struct bench *b, const char *p, size_t n)
{
	size_t host = 0, host_end = 0, program = 0, program_end = 0, log = 0;
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)p[i] < 0x20)
			return;
	if (n > 17 && p[3] == ' ' && p[6] == ' ' && p[9] == ':' && p[12] == ':' && p[15] == ' ') {
		host = 16;
		host_end = token(p, n, host, ' ');
		program = host_end + 1;
		program_end = token(p, n, program, '[');
		log = token(p, n, program_end, ' ') + 1;
		log = log < n ? log : n;
	}
	hs_scan(b->database, p + log, (unsigned)(n - log), 0, b->scratch, on_hit, &b->hits);
	if (b->lines % 100 >= 44)
		return;
	put(b, "{\"rule\":1,\"program\":\"", 21);
	if (program_end > program && program_end <= n)
		put(b, p + program, program_end - program);
	put(b, "\",\"hostname\":\"", 14);
	put(b, p + host, host_end - host);
	put(b, "\",\"log\":\"", 9);
	for (size_t i = log; i < n; i++) {
		if (p[i] == '"' || p[i] == '\\')
			b->out[b->out_n++] = '\\';
		b->out[b->out_n++] = p[i];
	}
	put(b, "\"}\n", 3);
}

static void pcre2_line(struct bench *b, const char *p, size_t n)
{
	for (size_t i = 0; i < b->n; i++)
		if (b->code[i])
			b->hits += pcre2_jit_match(b->code[i], (PCRE2_SPTR)p, n, 0, 0, b->data,
			                           NULL) > 0;
}

static void read_patterns(struct bench *b, const char *path)
{
	FILE *f = fopen(path, "r");
	char *line = NULL;
	size_t cap = 0;
	ssize_t n = 0;
	while (f && b->n < PATTERNS_MAX && (n = getline(&line, &cap, f)) > 0) {
		line[n - 1] = '\0';
		b->pattern[b->n++] = strdup(line);
	}
	free(line);
	if (!f)
		exit(2);
	fclose(f);
}

static void compile_literals(struct bench *b)
{
	static unsigned flags[PATTERNS_MAX], ids[PATTERNS_MAX];
	static size_t lengths[PATTERNS_MAX];
	hs_compile_error_t *error = NULL;
	for (size_t i = 0; i < b->n; i++) {
		flags[i] = HS_FLAG_CASELESS | HS_FLAG_SINGLEMATCH;
		ids[i] = (unsigned)i;
		lengths[i] = strlen(b->pattern[i]);
	}
	if (hs_compile_lit_multi((const char *const *)b->pattern, flags, ids, lengths,
	                         (unsigned)b->n, HS_MODE_BLOCK, NULL, &b->database,
	                         &error) != HS_SUCCESS ||
	    hs_alloc_scratch(b->database, &b->scratch) != HS_SUCCESS)
		exit(2);
}

static void compile_patterns(struct bench *b)
{
	int error = 0;
	PCRE2_SIZE at = 0;
	b->data = pcre2_match_data_create(16, NULL);
	for (size_t i = 0; i < b->n; i++) {
		b->code[i] = pcre2_compile((PCRE2_SPTR)b->pattern[i], PCRE2_ZERO_TERMINATED,
		                           PCRE2_CASELESS, &error, &at, NULL);
		if (b->code[i])
			pcre2_jit_compile(b->code[i], PCRE2_JIT_COMPLETE);
	}
}

static void run(struct bench *b)
{
	static char in[CHUNK * 2];
	size_t have = 0;
	ssize_t got = 0;
	while ((got = read(STDIN_FILENO, in + have, CHUNK)) > 0) {
		char *p = in, *end = in + have + (size_t)got, *newline = NULL;
		while (p < end && (newline = memchr(p, '\n', (size_t)(end - p)))) {
			b->line(b, p, (size_t)(newline - p));
			b->lines++;
			p = newline + 1;
		}
		have = (size_t)(end - p);
		memmove(in, p, have);
		if (write(STDOUT_FILENO, b->out, b->out_n) < 0)
			exit(2);
		b->out_n = 0;
	}
}

int main(int argc, char **argv)
{
	static struct bench b;
	bool bare = argc == 3 && strcmp(argv[1], "bare") == 0;
	if (argc != 3)
		return 2;
	read_patterns(&b, argv[2]);
	if (bare)
		compile_literals(&b);
	else
		compile_patterns(&b);
	b.line = bare ? bare_line : pcre2_line;
	run(&b);
	fprintf(stderr, "%llu hits\n", (unsigned long long)b.hits);
	return 0;
}
