#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/*
 * What the store knows of a file: ID.json. docs/quarantine.md names the members.
 */
enum { KEPT_ID = 40, KEPT_MAX = 1 << 20, KEPT_NAMES = 256, KEPT_XATTRS = 256 };

enum kept_state {
	KEPT_TAKING,      /* nothing is kept yet, but the file's flags are lifted */
	KEPT_QUARANTINED, /* the copy is whole; the names go */
	KEPT_RESTORING,   /* being written to `to`, or there already: `to_file` tells */
	KEPT_RESTORED,
	KEPT_DELETED,
	KEPT_STATES
};

/* Which file it is, also after a restart: an inode's number alone goes to the next file. */
struct identity {
	uint64_t dev, ino;
	int64_t ctime_ns, mtime_ns, btime_ns; /* btime 0: the file system has none */
	uint64_t size;
	char handle[280]; /* hex of name_to_handle_at(2), or "" */
};

struct attribute {
	char *name; /* owned */
	struct buf value;
};

struct kept {
	char id[KEPT_ID];
	enum kept_state state;
	struct buf path;   /* raw bytes; the first name */
	uint64_t mount;    /* path is meant in a namespace with this mount; 0: the agent's own */
	struct buf *names; /* owned: further names in the same folder */
	unsigned nnames;
	uint64_t other_names; /* that stayed elsewhere */
	struct identity file;
	uint64_t size, stored; /* of the file, of the sealed copy */
	uint32_t mode, uid, gid;
	int64_t atime_ns;
	uint32_t flags;               /* of FS_IOC_GETFLAGS that were lifted */
	struct attribute *attributes; /* owned */
	unsigned nattributes, lost_attributes;
	struct buf to, to_temporary; /* raw; while it is restored */
	uint64_t to_mount;           /* as mount */
	struct identity to_file;
	int64_t time_ms;
	int64_t scan_type;
	char *malware, *user, *unique, *sha256, *action; /* owned */
	char *event; /* owned: what is to be told of it (event_write form), or "" */
};

/* 0; -EBADMSG with a sentence. *out is written only on success. */
int kept_parse(struct str text, struct kept *out, struct err *why);
void kept_write(const struct kept *r, struct buf *out);
void kept_done(struct kept *r);
bool kept_id_fits(const char *id);
json_t *kept_entry(const struct kept *r); /* agent.h STORE_CHANGED; new reference */
void kept_add_name(struct kept *r, struct str name);
