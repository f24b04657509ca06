#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/str.h"

/* What sensors see and modules judge: the one noun both sides know. */
enum sense {
	SENSE_OPEN = 1u << 0,   /* a file about to be opened */
	SENSE_EXEC = 1u << 1,   /* a program about to run */
	SENSE_CHANGE = 1u << 2, /* a file that was written and closed, or moved in */
	SENSE_WALK = 1u << 3,   /* a file that a scan of the tree came to */
	SENSE_PACKET = 1u << 4, /* a packet that the kernel holds */
};

/* The process that acts. */
struct actor {
	pid_t pid; /* 0: nobody (a scan) */
	uint32_t uid;
	struct str image, user, container; /* image path, user name, container id; may be empty */
};

enum scan_type { SCAN_REAL_TIME = 0, SCAN_MANUAL = 1, SCAN_SCHEDULED = 2, SCAN_QUICK = 3 };

struct file_op {
	struct str path; /* raw bytes, absolute, as the host sees it; may be empty if unknown */
	uint64_t dev, ino, gen; /* identity; gen: generation or birth time, 0 if unknown */
	uint64_t size;
	uint64_t ctime_ns, mtime_ns, btime_ns;
	uint32_t mode, nlink;
	bool network; /* on a network file system */
	enum scan_type scan;
	uint32_t run; /* which on-demand scan; 0 in real time */
	struct actor actor;
};

struct packet;

/* The sensor owns what a sight points to; it lives until decide() returns. */
struct sight {
	enum sense sense;
	uint64_t id, when_ns;
	union {
		const struct file_op *file;
		const struct packet *packet;
	};
};

/* LATER: the module will call host->settle() with this sight's id. */
enum verdict { VERDICT_PASS, VERDICT_DENY, VERDICT_LATER };
