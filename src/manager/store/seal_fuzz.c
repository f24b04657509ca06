#include "base/auto.h"
#include "manager/store/seal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Half of it where the secret stands, half the secret: what was sealed opens, and nothing else. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t key[SEAL_KEY] = { 1, 2, 3 };
	struct str about = { (const char *)data, size / 2 },
		   secret = { (const char *)data + size / 2, size - size / 2 };
	AUTO(buf_done) struct buf sealed = { 0 }, opened = { 0 };
	struct seal s;
	seal_init(&s, key);
	if (seal_open(&s, about, secret, &opened) == 0)
		__builtin_trap();
	seal_close(&s, about, secret, &sealed);
	if (seal_open(&s, about, buf_view(&sealed), &opened) < 0 ||
	    !str_eq(buf_view(&opened), secret))
		__builtin_trap();
	return 0;
}
