#include <stdlib.h>

#include "base/auto.h"
#include "base/json.h"
#include "manager/oidc/jwt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A token from anybody: never taken, since nobody has the key. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char set[] =
		"{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4\","
		"\"y\":\"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM\"}]}";
	AUTO(json_decrefp) json_t *keys = json_parse(str_of(set), NULL);
	AUTO(json_decrefp) json_t *claims = NULL;
	AUTO(buf_done) struct buf bytes = { 0 }, again = { 0 };
	const struct str in = { (const char *)data, size };
	if (jwt_verify(in, keys, &claims, NULL) == 0)
		abort();
	if (base64url_decode(&bytes, in) == 0) {
		base64url_encode(&again, buf_view(&bytes));
		if (!str_eq(buf_view(&again), in))
			abort();
	}
	return 0;
}
