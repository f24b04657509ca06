#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/json.h"
#include "manager/bench/bench.h"

/* clang-format off */
const struct bench_engine bench_engines[] = {
	{ "firewall", bench_firewall },
	{ "loginspection", bench_inspection },
	{ "loginspection-rule", bench_inspection_rule },
	{ "loginspection-set", bench_inspection_set },
	{ "intrusionprevention", bench_prevention },
	{ "firewall-capture", bench_capture },
	{ 0 },
};
/* clang-format on */

int bench_run(struct str order, json_t **out, struct err *why)
{
	AUTO(json_decrefp) json_t *o = json_parse(order, why);
	const char *name = json_text(o, "engine", "");
	if (!o)
		return -EINVAL;
	for (const struct bench_engine *e = bench_engines; e->name; e++)
		if (strcmp(e->name, name) == 0)
			return e->run(json_object_at(o, "input"), out, why);
	return err_set(why, -EINVAL, "There is no engine %.40s", name);
}
