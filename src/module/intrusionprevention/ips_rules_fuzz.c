#include <stddef.h>
#include <stdint.h>

#include "module/intrusionprevention/ips.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Any text is rules and problems; nothing else happens. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ips_file file = { .name = "f", .text = { (const char *)data, size } };
	struct ips_dataset set = { .name = "d", .text = STR("a\nb,2") };
	struct ips_source in = { .files = &file, .nfiles = 1, .datasets = &set, .ndatasets = 1 };
	struct ips_rules *rules = NULL;
	struct ips_report report = { 0 };
	struct ips_ports ports;
	struct err why;
	if (ips_parse(&in, &rules, &report, &why) == 0) {
		if (ips_rules_count(rules) != report.loaded)
			__builtin_trap();
		ips_rules_ports(rules, &ports);
	}
	ips_rules_free(rules);
	ips_report_done(&report);
	return 0;
}
