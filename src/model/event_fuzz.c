#include "model/event.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct event_class *const classes[] = { &event_class_system, NULL };
	struct event ev = { 0 };
	struct buf b = { 0 };
	if (event_parse((struct str){ (const char *)data, size }, classes, &ev, NULL) == 0)
		event_sentence(&b, &ev, "ja");
	event_done(&ev);
	buf_done(&b);
	return 0;
}
