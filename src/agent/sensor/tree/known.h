#pragma once
#include <sys/stat.h>

#include "agent/sensor/tree/judged.h"
#include "module/antimalware/antimalware.h"

/*
 * When a scan on demand may go by an earlier verdict, and when one may be kept for later. A clean
 * verdict is kept for a version that nobody can still be changing unseen:
 *  - on a file system whose change times can be trusted (place.fit);
 *  - changed longer ago than the clock's grain when the look began (as git's index does it,
 *    host-sensors 4.4);
 *  - with no writer and no writable mapping at that moment, since the kernel notes a change through
 * a mapping only when the page is first touched. Whoever comes later gives it a new change time;
 *  - judged by the signatures and options that are still in force when the answer comes.
 */
enum { SCAN_TYPES = SCAN_QUICK + 1 };

struct known {
	struct judged table;
	int dir; /* borrowed: where it is kept */
	char boot[JUDGED_BOOT + 1];
	bool lasting;                    /* the kernel never gives a mount id twice (6.8) */
	int mounts;                      /* owned: else tells of changes to the mounts */
	struct buf signatures;           /* what scan said of them */
	uint64_t conditions[SCAN_TYPES]; /* 0: nothing can be known */
};

/* The directory that a walk is in. */
struct place {
	uint64_t mount, dev;
	bool fit;
};

void known_init(struct known *k, int dir);
void known_done(struct known *k);
/* Signatures (empty: as before) or rules (NULL: none) changed. */
void known_conditions(struct known *k, struct str signatures, const struct rules *r);
struct place known_place(struct known *k, int dir, const struct stat *st);
/* The key of a file in that place under what is in force; false: it has none. */
bool known_key(const struct known *k, const struct place *p, const struct stat *st,
               enum scan_type scan, struct judged_key *out);
bool known_clean(const struct known *k, const struct judged_key *key);
/* May the coming verdict on fd be kept? The key must be of a stat before this. */
bool known_calm(int fd, const struct judged_key *key);
void known_put(struct known *k, const struct judged_key *key, enum scan_type scan);
void known_save(struct known *k); /* if it changed */
