#pragma once
/* A store, a harmful file and who asks: what the tests of this folder begin with. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/quarantine/quarantine.h"
#include "proc/loop.h"

enum { BIG = 200000 };

/* What one question was answered. */
struct outcome {
	bool done, full;
	int rc, fd;
	char id[64], error[512], note[200], password[64];
};

struct world {
	char lib[64], path[128];
	struct loop loop;
	struct quarantine *q;
	unsigned changed, dropped, full, exempted, told;
};

void make_file(const char *path, size_t n, char c);
void holds(const char *path, size_t n, char c);
bool there(const char *path);
/* NAME in the world's folder; the last four results stay valid. */
const char *in(const struct world *w, const char *name);
void open_store(struct world *w);
void begin(struct world *w);
void end(struct world *w);
/* What the guard finds when it starts again. */
void start_again(struct world *w);
/* Of struct quarantine_caller; arg: the outcome. */
void answered(void *arg, const struct quarantine_answer *a);
void wait_for(struct world *w, const struct outcome *o);
void ask_put(struct world *w, const char *path, int fd, uint64_t max, struct outcome *o);
struct outcome put_file(struct world *w, const char *path, uint64_t max);
void put(struct world *w, char id[static 64]);
struct outcome restore_as(struct world *w, const struct quarantine_return *what);
void restore(struct world *w, const char *id);
/* How many are quarantined; id of the first. */
size_t kept(const struct world *w, char id[static 64]);
/* Names in the store's folder, but its key and lists. */
unsigned files_in_store(const struct world *w);
/* Immutable, append-only. */
void set_flags(const char *path, int flags);
int get_flags(const char *path);
