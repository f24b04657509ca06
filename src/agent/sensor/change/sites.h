#pragma once
#include <jansson.h>

#include "base/map.h"
#include "module/integritymonitoring/integritymonitoring.h"

/*
 * Where what is watched lies: the file systems to be marked, and the paths that a directory has,
 * which the kernel names by a handle. A directory may be seen in several places: its file system
 * is mounted twice, it is a layer of an overlay, a rule's base is behind a link.
 */
struct sites {
	struct site_mount *mounts; /* owned */
	size_t nmounts;
	struct site_alias *aliases; /* owned */
	size_t naliases;
	struct map systems; /* by file system ID: struct site_system, owned */
	uint64_t round;
};

/* A file system that is watched, or is to be. */
struct site_system {
	uint8_t id[8];
	char *point, *root; /* owned: where it is mounted, and which directory of it that is */
	uint64_t mount;     /* the number of that mount */
	uint32_t major, minor;
	int fd; /* owned: the point, open while a batch is resolved; -1 */
	bool marked, asked;
	char *error; /* owned: why it could not be marked */
	uint64_t round;
};

void sites_done(struct sites *p);
/* Takes the mounts of this namespace. Pure. */
void sites_mounts(struct sites *p, struct str mountinfo);
/*
 * Finds the file systems that hold something of these rules: mark(arg, system, fd) for each that is
 * not marked yet, with a directory of it (O_PATH, to be closed by the callee). extra: more paths,
 * NULL last.
 */
void sites_want(struct sites *p, const struct im_rules *watched, const char *const *extra,
                void (*mark)(void *arg, struct site_system *s, int fd), void *arg);
/* Everything that is wanted is marked, or cannot be. */
bool sites_complete(const struct sites *p);
void sites_forget(struct sites *p); /* nothing is marked any more */
json_t *sites_shown(const struct sites *p);
json_t *sites_failed(const struct sites *p);

/*
 * The paths of name in the directory of this handle; "": of the directory. 0; -ESTALE: it is gone;
 * -errno: it has no path that can be told. dir: a descriptor of the directory (O_PATH, the
 * caller's), may be NULL.
 */
int sites_resolve(struct sites *p, struct str handle, struct str name, int *dir,
                  void (*each)(void *arg, struct str path), void *arg);
/* The file of a handle itself (O_PATH, the caller's), or -errno. */
int sites_open(struct sites *p, struct str handle);
/* A batch is resolved: nothing stays open, so that file systems can be unmounted. */
void sites_rest(struct sites *p);
/* All paths of what is at this path of a file system. Pure. */
void sites_spread(const struct sites *p, uint32_t major, uint32_t minor, struct str path,
                  void (*each)(void *arg, struct str path), void *arg);
