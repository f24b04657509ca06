#pragma once
#include "module/integritymonitoring/integritymonitoring.h"

/*
 * What the sensor of changes tells `tree` (M_TOUCHED): a path, or a class of things that are no
 * paths, that somebody touched; whether anything is different now, `tree` finds out by looking.
 */
enum touch {
	TOUCH_CONTENT = 1u << 0,    /* written, or closed after it could be written */
	TOUCH_ATTRIBUTES = 1u << 1, /* mode, owner, times, extended attributes, names */
	TOUCH_NAME = 1u << 2,       /* the name came or went */
	TOUCH_TREE = 1u << 3,       /* a directory with all that is in it came or went */
	TOUCH_CLASS = 1u << 4,      /* no path: entities of this class */
	TOUCH_MOVED = 1u << 5,      /* the name is, or was, another's: the other half is told too */
	TOUCH_ALL = (1u << 6) - 1,
};

struct touched {
	uint32_t touch;
	enum im_class class; /* of TOUCH_CLASS */
	struct str path;     /* empty: only its other names count */
	uint64_t dev, ino;   /* of a file that has other names; 0: not known, or none */
	struct im_actor actor;
};

enum { TOUCHED_BYTES = 24 * 1024 };

/* Appends it to a message's body. */
void touched_write(struct buf *out, const struct touched *t);
/* Takes the next one off *body (strings borrowed from it): 1, 0 at the end, or -EBADMSG. */
int touched_read(struct str *body, struct touched *out);
