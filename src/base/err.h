#pragma once

/*
 * What a person must read when something fails: one sentence without a full stop, naming what and
 * where. Functions that can explain themselves take a `struct err *why` (may be NULL) beside
 * returning -errno. The text is always one line of valid UTF-8: what is not becomes '?'.
 */
struct err {
	char text[512];
};

/* Sets the sentence and returns code, so that `return err_set(why, -EINVAL, "...")` reads well. */
int err_set(struct err *why, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Puts "context: " before the sentence that is there; returns code. */
int err_add(struct err *why, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
