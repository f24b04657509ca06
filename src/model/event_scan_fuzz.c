#include <stdlib.h>

#include "base/auto.h"
#include "base/json.h"
#include "model/event_scan.h"
#include "module/module.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same(const struct event_value *v, const json_t *j)
{
	if (v->type == EVENT_VALUE_NONE ? j != NULL
	    : v->type == EVENT_VALUE_INT
	            ? (json_is_boolean(j) ? json_is_true(j) : json_integer_value(j)) != v->i
	            : !str_eq(v->s, (struct str){ json_string_value(j), json_string_length(j) }))
		abort();
}

/* What it takes is what the whole parser takes, with the same values. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = { (const char *)data, size };
	struct event ev = { 0 }, parsed = { 0 };
	struct event_value values[EVENT_VALUES_MAX];
	struct event_batch b;
	int64_t first = 0;
	if (!str_utf8(in))
		return 0;
	if (event_batch_open(&b, in, &first) && event_batch_next(&b) == 1)
		event_extent(b.rest);
	size_t n = event_scan(in, event_classes, &ev, values);
	if (n == 0)
		return 0;
	if (event_extent(in) != n ||
	    event_parse((struct str){ in.p, n }, event_classes, &parsed, NULL) < 0)
		abort();
	if (parsed.kind != ev.kind || parsed.time_ms != ev.time_ms)
		abort();
	for (size_t i = 0; ev.class->fields[i].name; i++)
		same(&values[i], json_object_get(parsed.fields, ev.class->fields[i].name));
	event_done(&parsed);
	return 0;
}
