#pragma once
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

/* The network interfaces of this namespace, as the kernel tells them (rtnetlink). */
struct link {
	uint32_t index;
	char name[IFNAMSIZ];
	uint8_t mac[6];
	bool has_mac, up; /* up: it can carry packets now */
};

enum { LINKS_MAX = 512 };

struct links {
	int fd;            /* borrowed */
	struct link *list; /* owned, LINKS_MAX */
	unsigned n;
	const char *names[LINKS_MAX + 1]; /* NULL last */
};

int links_socket(void); /* in the guard: asks for changes too; or -errno */
int links_init(struct links *l, int fd);
void links_done(struct links *l);
/* Reads what changed: 1 when an interface came, went, got up, down or another name, 0, or -errno.
 */
int links_read(struct links *l);
const struct link *links_find(const struct links *l, uint32_t index); /* or NULL */
