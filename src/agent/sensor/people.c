#include "agent/sensor/people.h"

#include <stdio.h>
#include <string.h>

void people_name(struct str passwd, uint32_t uid, char out[static PEOPLE_NAME])
{
	snprintf(out, PEOPLE_NAME, "%u", uid);
	while (passwd.p) {
		struct str l = str_cut(&passwd, '\n');
		struct str name = str_cut(&l, ':');
		uint64_t id = 0;
		str_cut(&l, ':');
		if (str_u64(str_cut(&l, ':'), 0, UINT32_MAX, &id) == 0 && id == uid &&
		    name.n < PEOPLE_NAME) {
			snprintf(out, PEOPLE_NAME, "%.*s", STR_ARG(name));
			return;
		}
	}
}

struct str people_container(struct str cgroup)
{
	size_t run = 0;
	for (size_t i = 0; i < cgroup.n; i++) {
		run = strchr("0123456789abcdef", cgroup.p[i]) && cgroup.p[i] ? run + 1 : 0;
		if (run == PEOPLE_CONTAINER)
			return (struct str){ cgroup.p + i + 1 - PEOPLE_CONTAINER,
				             PEOPLE_CONTAINER };
	}
	return (struct str){ 0 };
}
