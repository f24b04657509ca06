#pragma once
#include <stdbool.h>
#include <stdint.h>

/*
 * Roots of other mount namespaces, where a container's files have their names. A mount's number is
 * the same in no two namespaces, so that it tells which one a path is meant in.
 */

/* The number of the mount that the descriptor was opened through (statx(2)); 0: not known. */
uint64_t mount_of(int fd);
/*
 * Calls try(arg, root) with the root folder (O_PATH) of processes whose namespace has that mount,
 * until one returns 0. What the last one returned; -ESTALE: there is no such process.
 */
int namespace_try(uint64_t mount, int (*try)(void *arg, int root), void *arg);
