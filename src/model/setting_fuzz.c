#include "base/auto.h"
#include "model/setting.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* The first two bytes choose the setting; what is taken must be taken again, and stay as it is. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	size_t count = 1;
	if (n < 2)
		return 0;
	for (const struct setting *s = all_settings; s->name && s[1].name; s++)
		count++;
	const struct setting *one = &all_settings[(data[0] + 256u * data[1]) % count];
	AUTO(freep) char *once = NULL;
	AUTO(freep) char *twice = NULL;
	struct err why = { { 0 } };
	if (setting_take(one, (struct str){ (const char *)data + 2, n - 2 }, &once, &why) < 0)
		return 0;
	if (setting_take(one, str_of(once), &twice, &why) < 0 || strcmp(once, twice) != 0)
		abort();
	return 0;
}
