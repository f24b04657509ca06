#pragma once
#include <jansson.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct app;
struct field;
struct store;

/*
 * Secrets of objects: members that a field table calls F_SECRET, and settings that
 * model/settings.def calls ST_SECRET. In the database such a member is {"@sealed": base64}
 * (store/seal.h); a client's text can never be taken for one. object_add(), object_set() and
 * object_get() seal and open; who reads bodies by itself calls secrets_open().
 */

/*
 * In place, for an object that stands within another one: place is the path to it there, ending in
 * "/". 0 or -EIO: the store has no key.
 */
int secrets_close_at(struct store *s, const struct field *fields, const char *kind,
                     const char *place, json_t *o);
/* A copy with its secrets sealed, or NULL when it has none. -EIO in *rc: the store has no key. */
json_t *secrets_sealed(struct store *s, const struct field *fields, const char *kind, int64_t id,
                       const json_t *o, int *rc);
/* In place. What does not open is left out, and logged. */
void secrets_open(struct store *s, const char *kind, int64_t id, json_t *o);
/* As stored; objects without a secret cost a look at their text. NULL: no JSON. */
json_t *secrets_parse(struct store *s, const char *kind, int64_t id, struct str body);

/* A secret by itself: "sealed:BASE64". Opening takes what was never sealed as it is, so that rows
 * of before work until they are sealed. 0, or -errno. */
int secret_close(struct store *s, const char *about, int64_t id, struct str secret,
                 struct buf *out);
int secret_open(struct store *s, const char *about, int64_t id, struct str stored, struct buf *out);

/* At the start: is this the key that the database was sealed with? Seals what an older version left
 * open. 0, or -errno. */
int secrets_begin(struct app *a, struct err *why);
