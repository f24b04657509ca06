#pragma once
#include <sys/queue.h>

#include "agent/outbox.h"
#include "base/map.h"
#include "module/module.h"

/*
 * Where a module sits in a worker: its host. A look is a file that it judges; the sensor (files,
 * tree) opens one and learns of the answer by the callbacks.
 */
struct look {
	LIST_ENTRY(look) next;
	uint64_t id;
	int fd;            /* owned: the file */
	struct file_op op; /* op.path and actor point into text[] */
	char *text[4];     /* owned: path, image, user, container */
	uint64_t since_ms; /* monotonic */
	uint64_t wall_ms;
	json_t *asked; /* owned: options of the scan that is outstanding */
	bool sent;     /* the scan process has it */
	bool settled, late, malware, cacheable;
	bool stale;     /* asked under older signatures or rules: not to be remembered */
	bool judged;    /* the scanner knew: clean or malware */
	char name[128]; /* of the malware */
	enum verdict verdict;
	void *owner; /* the sensor's */
};

/* A file that was restored on purpose; ctime_ns 0: it is just being put there. */
struct exempt {
	uint64_t dev, ino, ctime_ns, size;
};

/* A scan worker that was lent to us: asked directly, it costs two wake-ups less a file. */
struct lent {
	struct watch sock; /* fd -1: none */
	uint64_t look;     /* whose file it has; 0: it is idle */
};

struct desk {
	struct host host;
	struct self *me;
	struct outbox outbox;
	struct instance *antimalware;
	struct rules *rules; /* owned; NULL: protect nothing */
	bool on;
	unsigned deadline_ms;
	uint64_t next_id;
	struct map looks; /* by id */
	struct lent lent;
	LIST_HEAD(, look) list;
	unsigned n;
	struct exempt *exempt; /* owned */
	size_t nexempt;
	void (*settled)(struct desk *d, struct look *l);
	void (*released)(struct desk *d, struct look *l); /* before it is freed */
};

void desk_init(struct desk *d, struct self *me);
/* Takes a policy as M_POLICY brings it (empty: none). */
int desk_policy(struct desk *d, struct str policy);
/* Begins a look at fd (taken). PASS or DENY: answered already and the look is gone; LATER:
 * callbacks follow. */
enum verdict desk_look(struct desk *d, enum sense sense, struct look *l);
struct look *look_new(int fd, struct str path);
void look_actor(struct look *l, struct str image, struct str user, struct str container);
void look_free(struct look *l);
/* Handlers of a process whose state begins with its desk. */
int desk_on_kept(struct self *me, struct peer *p, struct imsg *m);      /* M_EVENT_KEPT */
int desk_on_scanned(struct self *me, struct peer *p, struct imsg *m);   /* M_SCANNED */
int desk_on_scanner(struct self *me, struct peer *p, struct imsg *m);   /* M_SCANNER */
int desk_on_deed_done(struct self *me, struct peer *p, struct imsg *m); /* M_DEED_DONE */
int desk_on_exempt(struct self *me, struct peer *p, struct imsg *m);    /* M_EXEMPT */
void desk_up(struct desk *d, const struct peer *p);
void desk_down(struct desk *d, const struct peer *p);
void desk_tick(struct desk *d); /* deadlines */
/* The lent worker has signatures that are no longer in force. */
void desk_return_scanner(struct desk *d);
/* Signatures or rules changed: what is under way now is judged by the old ones. */
void desk_forget(struct desk *d);
