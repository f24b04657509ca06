#include "agent/sensor/change/event.h"

#include <errno.h>
#include <string.h>
#include <sys/fanotify.h>

#include "base/auto.h"

/* Linux 5.17; libc may be older. */
enum { INFO_OLD_NAME = 10, INFO_NEW_NAME = 12, HANDLE_HEAD = 8 };

/* The handle and what is behind it: "" or a name that ends with NUL. */
static int split(struct str info, struct str *handle, struct str *name)
{
	uint32_t bytes = 0;
	if (info.n < HANDLE_FSID + HANDLE_HEAD)
		return -EBADMSG;
	memcpy(&bytes, info.p + HANDLE_FSID, sizeof(bytes));
	if (bytes > info.n - HANDLE_FSID - HANDLE_HEAD)
		return -EBADMSG;
	size_t n = HANDLE_FSID + HANDLE_HEAD + bytes;
	*handle = (struct str){ info.p, n };
	struct str rest = str_skip(info, n);
	*name = (struct str){ rest.p, rest.n ? strnlen(rest.p, rest.n) : 0 };
	return 0;
}

static int take_info(struct change_event *e, unsigned type, struct str info)
{
	struct str none;
	switch (type) {
	case FAN_EVENT_INFO_TYPE_PIDFD:
		if (info.n >= sizeof(e->pidfd))
			memcpy(&e->pidfd, info.p, sizeof(e->pidfd));
		return 0;
	case FAN_EVENT_INFO_TYPE_FID:
		return split(info, &e->file, &none);
	case FAN_EVENT_INFO_TYPE_DFID:
	case FAN_EVENT_INFO_TYPE_DFID_NAME:
	case INFO_OLD_NAME:
		return split(info, &e->dir, &e->name);
	case INFO_NEW_NAME:
		return split(info, &e->new_dir, &e->new_name);
	default:
		return 0; /* of a later kernel */
	}
}

int change_event_next(struct str *events, struct change_event *out)
{
	struct fanotify_event_metadata m;
	struct change_event e = { .pidfd = -1 };
	if (!events->n)
		return 0;
	if (events->n < sizeof(m))
		return -EBADMSG;
	memcpy(&m, events->p, sizeof(m));
	if (m.vers != FANOTIFY_METADATA_VERSION || m.event_len > events->n ||
	    m.metadata_len < sizeof(m) || m.event_len < m.metadata_len)
		return -EBADMSG;
	e.mask = m.mask;
	e.pid = m.pid;
	struct str rest = { events->p + m.metadata_len, m.event_len - (size_t)m.metadata_len };
	*events = str_skip(*events, m.event_len);
	while (rest.n) {
		struct fanotify_event_info_header h;
		if (rest.n < sizeof(h))
			return -EBADMSG;
		memcpy(&h, rest.p, sizeof(h));
		if (h.len < sizeof(h) || h.len > rest.n)
			return -EBADMSG;
		const struct str info = { rest.p + sizeof(h), h.len - sizeof(h) };
		int rc = take_info(&e, h.info_type, info);
		if (rc < 0)
			return rc;
		rest = str_skip(rest, h.len);
	}
	*out = e;
	return 1;
}
