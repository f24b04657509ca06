#include "base/auto.h"
#include "base/json.h"
#include "module/integritymonitoring/integritymonitoring.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first line is a path, the rest rules: XML, or JSON of the API. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str rest = { (const char *)data, size }, path = str_cut(&rest, '\n');
	const struct im_rule as = { .name = { "fuzz", 4 } };
	struct im_entity e = { .class = IM_FILE, .key = path, .has = UINT32_MAX };
	struct im_rules r;
	struct err why = { { 0 } };
	uint16_t memory[256];
	struct im_candidates c = { .set = memory };
	AUTO(json_decrefp) json_t *o = str_starts(rest, STR("{")) ? json_parse(rest, NULL) : NULL;
	im_rules_init(&r, IM_BIT(IMP_SHA256), NULL);
	int rc = o ? im_rules_add_json(&r, o, &why) : im_rules_add_xml(&r, rest, &as, &why);
	if (rc == 0 && r.nsets <= 256) {
		im_wanted(&r, NULL, &e);
		im_descends(&r, NULL, path, &c);
	}
	im_rules_done(&r);
	return 0;
}
