#include <stddef.h>
#include <stdint.h>

#include "manager/exchange.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err why;
	struct ask ask = { 0 };
	struct answer answer = { 0 };
	struct str in = { (const char *)data, size };
	if (ask_read(in, &ask, &why) == 0)
		ask_done(&ask);
	if (answer_read(in, &answer, &why) == 0)
		answer_done(&answer);
	return 0;
}
