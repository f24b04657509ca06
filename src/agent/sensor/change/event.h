#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

/*
 * An event of a fanotify group that reports directories and names (fanotify(7)): where it happened
 * is told by handles. A handle here is the file system's ID and a struct file_handle behind it.
 */
enum { HANDLE_FSID = 8 };

struct change_event {
	uint64_t mask;
	int32_t pid;
	int pidfd;            /* the reader's; < 0: the process is gone, or the kernel gives none */
	struct str dir, name; /* the directory's handle, and the name in it; "." itself */
	struct str new_dir, new_name; /* of FAN_RENAME */
	struct str file;              /* the file's own handle */
};

/* Takes the next one off *events (borrowed from it): 1, 0 at the end, or -EBADMSG. */
int change_event_next(struct str *events, struct change_event *out);
