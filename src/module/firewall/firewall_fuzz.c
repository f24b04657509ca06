#include <string.h>

#include "base/json.h"
#include "module/firewall/firewall.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A policy's part up to a line "--", then a packet. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *cut = memmem(data, size, "\n--\n", 4);
	size_t n = cut ? (size_t)(cut - data) : size;
	json_t *j = json_parse((struct str){ (const char *)data, n }, NULL);
	struct rules *r = NULL;
	struct err why = { { 0 } };
	if (j && firewall_section.parse(j, &r, &why) == 0 && cut) {
		struct packet p = { .ifname = "eth0" };
		packet_decode(&p, PACKET_ETHERNET, cut + 4, size - n - 4, &r->checks);
		fw_evaluate(r, &p, &(struct fw_now){ 5, PLACE_LOCAL });
	}
	firewall_section.free(r);
	json_decref(j);
	return 0;
}
