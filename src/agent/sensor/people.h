#pragma once
#include <stdint.h>

#include "base/str.h"

/* What /proc says of processes, in the words of events. Pure. */
enum { PEOPLE_CONTAINER = 64, PEOPLE_NAME = 64 };

/* The first run of 64 hexadecimal digits in a cgroup path: how container engines name a container;
 * empty: none. Borrowed from cgroup. */
struct str people_container(struct str cgroup);
/* The name that passwd(5) gives a user, else the number. */
void people_name(struct str passwd, uint32_t uid, char out[static PEOPLE_NAME]);
