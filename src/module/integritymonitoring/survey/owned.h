#pragma once
#include "module/integritymonitoring/survey/packages.h"

/* Between packages.c and package_paths.c: paths as the packages of a root know them. */

char *root_dup(const char *root); /* without slashes at its end: "" is the host's */
/* A merged /usr: packages may still say /bin for /usr/bin. */
struct str path_canonical(struct str path);
/* The canonical path below the root; false: it is outside. */
bool path_inside(const char *root, struct str path, struct str *out);
/* A canonical path. */
bool package_paths_has(const struct package_paths *p, struct str path);
/* The headers of rpm's database below the root, if it has one of a form that is read. */
void rpm_each(const char *root, void (*each)(void *arg, struct str blob), void *arg);
