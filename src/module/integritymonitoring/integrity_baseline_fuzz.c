#include "module/integritymonitoring/baseline.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A block's content (the chain would stop a fuzzer at once), and the same bytes as a file. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str s = { (const char *)data, size }, content;
	struct im_unpacker u = { 0 };
	struct im_packer p = { 0 };
	struct im_entity e;
	struct im_totals t;
	struct im_chain c;
	im_unpack_block(&u, s);
	while (im_unpack(&u, &e) == 1)
		im_pack(&p, &e);
	im_packer_done(&p);
	im_unpacker_done(&u);
	im_totals_open(s, &t);
	im_chain_init(&c);
	if (size >= IM_BLOCK_HEAD)
		im_block_open(s, &c, &content);
	return 0;
}
