#pragma once
#include "module/integritymonitoring/group.h"

/*
 * Changes that package managers made: the transactions of dpkg and rpm since a moment, and whether
 * a change is part of one. A file is when its package was installed or upgraded then and its bytes
 * are what the package's own records say (md5sums, digests); what they do not record (a new owner
 * or mode, set-user-ID, capabilities, a link that leaves the packages) is never explained by one.
 */
struct packages;

enum { PACKAGES_MAX = 200000, PACKAGE_FILES_MAX = 8 << 20 };

/* The paths that any package's records list now. Eight bytes each. */
struct package_paths;

struct package_paths *package_paths_new(const char *root);
void package_paths_free(struct package_paths *p);
bool package_paths_have(const struct package_paths *p, struct str path);

/* root: where the databases are ("/"); what cannot be read explains nothing. paths: borrowed, of
 * the same root: what a package listed and none lists any more went with it. */
struct packages *packages_new(const char *root, int64_t since_ms,
                              const struct package_paths *paths);
/* For a baseline with this header: from a little before it was begun, since a transaction may have
 * run meanwhile. */
int64_t packages_since(const json_t *header);
void packages_free(struct packages *p);
/* Takes the change into the group of its transaction: true; false: nothing explains it. */
bool packages_explain(struct packages *p, const struct im_change *c);
/* The groups that took something; NULL behind the last. */
const struct im_group *packages_group(const struct packages *p, size_t i);

/* ---- parsers: pure, of bytes that others wrote ---- */

struct package_deed {
	int64_t when_ms;
	struct str package, was, is; /* "libc6:amd64", versions; "" for <none> */
};

/* dpkg's log: what was installed, upgraded, removed since; lines of another form are passed over.
 * each: false ends it. */
void parse_dpkg_log(struct str log, int64_t since_ms,
                    bool (*each)(void *arg, const struct package_deed *d), void *arg);

/* A file of a package. md5, sha256: NULL when the records have none. */
struct package_file {
	struct str path; /* absolute, in the package's root */
	const uint8_t *md5, *sha256;
};

/* PKG.list and PKG.md5sums of dpkg, and Conffiles: of a paragraph of its status. */
void parse_dpkg_list(struct str list, bool (*each)(void *arg, const struct package_file *f),
                     void *arg);
void parse_md5sums(struct str sums, bool (*each)(void *arg, const struct package_file *f),
                   void *arg);
void parse_conffiles(struct str paragraph, bool (*each)(void *arg, const struct package_file *f),
                     void *arg);
/* A package's header in rpm's database: its files; d: when it was installed. 0 or -EBADMSG. */
int parse_rpm_files(struct str blob, struct package_deed *d, struct buf *name,
                    bool (*each)(void *arg, const struct package_file *f), void *arg);
