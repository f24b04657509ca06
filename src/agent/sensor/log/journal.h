#pragma once
#include <jansson.h>
#include <stdbool.h>

struct logs;
struct stat;
struct journal_reader;

/*
 * The journal of systemd, read by libsystemd from files that the guard opened. Without that library
 * there is none. NULL stands for a journal that nobody reads.
 */

enum { JOURNAL_PLACES = 4 };
extern const char *const journal_places[JOURNAL_PLACES + 1]; /* of its files; NULL last */

void journal_early(void); /* loads the library, while it can be */
/* Begins, ends or goes on, as the rules of l say. */
void journal_obey(struct journal_reader **out, struct logs *l);
void journal_file(struct journal_reader *j, const char *path, int fd,
                  const struct stat *st);     /* takes fd */
void journal_ready(struct journal_reader *j); /* all files of now are here */
bool journal_read(struct journal_reader *j);  /* true: there may be more at once */
void journal_status(const struct journal_reader *j, json_t *list);
void journal_free(struct journal_reader *j);
