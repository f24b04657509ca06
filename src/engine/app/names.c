#include <string.h>

#include "base/auto.h"
#include "engine/app/app.h"

/* The tables of app.h, from their .def files. */

static const char *const protocols[APP_PROTOCOLS] = {
	[APP_UNKNOWN] = "unknown",
#define PROTOCOL(id, name, tcp, udp, words) [APP_##id] = (name),
#include "engine/app/protocol.def"
#undef PROTOCOL
	[APP_FAILED] = "failed",
};

const char *app_protocol_name(enum app_protocol p)
{
	return protocols[p];
}

enum app_protocol app_protocol_find(const char *name)
{
	for (unsigned p = APP_UNKNOWN + 1; p < APP_PROTOCOLS; p++)
		if (strcmp(protocols[p], name) == 0)
			return (enum app_protocol)p;
	return APP_UNKNOWN;
}

enum { APP_ANY = APP_UNKNOWN };
enum { one = false, list = true };
enum { SIDE_CLIENT = 1, SIDE_SERVER = 2, SIDE_BOTH = 3 };

/* clang-format off */
const struct app_buffer_row app_buffers[APP_BUFFERS] = {
#define BUFFER(id, words, of, side, number)                                                  \
	[BUFFER_##id] = { .name = (words), .protocol = (enum app_protocol)APP_##of,          \
		          .client = (SIDE_##side & SIDE_CLIENT) != 0,                        \
		          .server = (SIDE_##side & SIDE_SERVER) != 0, .many = (bool)(number) },
#include "engine/app/buffer.def"
#undef BUFFER
};

const struct app_event_row app_events[] = {
#define EVENT(id, words, n, of) \
	[APP_EVENT_##id] = { .name = (words), .number = (n), .protocol = (enum app_protocol)APP_##of },
#include "engine/app/event.def"
#undef EVENT
	[APP_EVENTS] = { 0 },
};
/* clang-format on */

int app_buffer_find(const char *name)
{
	for (unsigned b = 0; b < APP_BUFFERS; b++)
		if (strcmp(app_buffers[b].name, name) == 0)
			return (int)b;
	return -1;
}
