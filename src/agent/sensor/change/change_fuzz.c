#include <stdlib.h>

#include "agent/sensor/change/event.h"
#include "agent/sensor/change/sites.h"
#include "agent/sensor/change/touched.h"
#include "agent/sensor/change/who.h"

/* The first byte says what the rest is: events of the kernel, a message of ours, a datagram of the
 * connector, or mounts. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void seen(void *arg, struct str path)
{
	(void)arg;
	if (!path.n || path.p[0] != '/')
		abort();
}

static void mounts(struct str text)
{
	struct sites s = { 0 };
	sites_mounts(&s, text);
	sites_spread(&s, 8, 1, STR("/a/b"), seen, NULL);
	sites_done(&s);
}

static void person(struct str datagram)
{
	struct whos *w = whos_new();
	whos_told(w, datagram);
	whos_free(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str rest = { (const char *)data + 1, size - 1 };
	struct change_event e;
	struct touched t;
	if (!size)
		return 0;
	switch (data[0]) {
	case 'e':
		while (change_event_next(&rest, &e) == 1)
			if (e.dir.n && e.dir.n < HANDLE_FSID)
				abort();
		break;
	case 't':
		while (touched_read(&rest, &t) == 1)
			if (t.path.n && t.path.p[0] != '/')
				abort();
		break;
	case 'w':
		person(rest);
		break;
	case 'm':
		mounts(rest);
		break;
	default:
		break;
	}
	return 0;
}
