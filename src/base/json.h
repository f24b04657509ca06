#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/*
 * jansson has json_decrefp() for AUTO. Parses text that a stranger may have written: duplicate
 * keys, invalid UTF-8, NUL in strings and nesting deeper than 64 are refused with line and column.
 * Returns a new reference, or NULL.
 */
json_t *json_parse(struct str text, struct err *why);

/* Compact, keys in insertion order. */
void json_write(struct buf *b, const json_t *j);

/* A text with its quotes; what is no UTF-8 goes through buf_safe(), as in json_set_bytes(). */
void json_write_text(struct buf *b, struct str s);

/* Members of an object by kind; the default when absent or of another kind. Results are borrowed.
 */
const char *json_text(const json_t *o, const char *key, const char *otherwise);
int64_t json_int(const json_t *o, const char *key, int64_t otherwise);
bool json_bool(const json_t *o, const char *key, bool otherwise);
const json_t *json_object_at(const json_t *o, const char *key); /* or NULL */
const json_t *json_array_at(const json_t *o, const char *key);  /* or NULL */

/* Sets a member; o takes the value. Aborts without memory. */
void json_set(json_t *o, const char *key, json_t *value);
/* Text as it is; json_set_bytes() when it turns out not to be UTF-8. */
void json_set_text(json_t *o, const char *key, const char *value);
/* Arbitrary bytes, through buf_safe(): two different values never look the same. */
void json_set_bytes(json_t *o, const char *key, struct str value);
void json_set_int(json_t *o, const char *key, int64_t value);
void json_set_bool(json_t *o, const char *key, bool value);
