#include <stdlib.h>

#include "engine/web/web.h"

/* A request cut from the bytes: the first says what comes, each part has its length before it. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct str next(const uint8_t **p, size_t *n)
{
	size_t len = *n ? **p : 0;
	if (*n == 0)
		return (struct str){ NULL, 0 };
	++*p;
	--*n;
	len = len < *n ? len : *n;
	struct str s = { (const char *)*p, len };
	*p += len;
	*n -= len;
	return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const types[] = { "application/json", "multipart/form-data; boundary=x",
		                             "application/x-www-form-urlencoded", "text/xml", "" };
	struct web_request r = { 0 };
	struct buf names = { 0 };
	unsigned kind = size ? data[0] : 0;
	web_request_uri(&r, next(&data, &size));
	web_request_headers(&r, next(&data, &size));
	web_request_cookies(&r, next(&data, &size));
	web_request_body(&r, str_of(types[kind % 5]), (struct str){ (const char *)data, size },
	                 kind & 1);
	for (unsigned a = 0; a < WEB_ATTACKS; a++) {
		struct web_policy p;
		web_policy_init(&p, (enum web_attack)a);
		for (unsigned i = 0; i < r.n; i++) {
			/* A copy of its own size, so that a read behind it is seen. */
			struct str text = web_value_text(&r, &r.values[i]);
			char *copy = malloc(text.n + 1);
			if (!copy)
				abort();
			memcpy(copy, text.p ? text.p : "", text.n);
			buf_clear(&names);
			(void)web_score(&p, &r.values[i], (struct str){ copy, text.n }, &names);
			free(copy);
		}
	}
	buf_done(&names);
	web_request_done(&r);
	return 0;
}
