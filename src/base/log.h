#pragma once
#include "base/str.h"

/*
 * One line a message on standard error: "<N>proc: verb object: reason". N is the syslog level that
 * journald reads (sd-daemon(3)) and is left out when standard error is a terminal. Untrusted bytes
 * go through log_quote(). The same line (by its first 255 bytes) more than 10 times in 10 s is
 * folded into a count, which is told with the next line after that, whatever it is.
 */
enum log_level {
	LOG_LEVEL_ERROR = 3,
	LOG_LEVEL_WARNING = 4,
	LOG_LEVEL_INFO = 6,
	LOG_LEVEL_DEBUG = 7
};

void log_open(const char *proc); /* the prefix; borrowed for ever */
void log_verbose(bool debug);
void log_at(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...)   log_at(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_at(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...)    log_at(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)   log_at(LOG_LEVEL_DEBUG, __VA_ARGS__)

/* s in double quotes, escaped, cut at about 200 bytes; in one of four static buffers, used in turn.
 */
const char *log_quote(struct str s);
