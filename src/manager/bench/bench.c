#include "manager/bench/bench.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/json.h"
#include "base/log.h"
#include "base/wire.h"
#include "manager/manager.h"

static int answer(struct self *me, uint32_t id, int rc, struct str text)
{
	size_t n = text.n + 16;
	AUTO(freep) char *room = xcalloc(1, n);
	struct wr w = wr_init(room, n);
	wr_u32(&w, (uint32_t)-rc);
	wr_str(&w, text);
	rc = peer_send_big(self_peer(me, P_CORE, 0), M_TRIED, id, (struct str){ room, wr_len(&w) });
	return rc == -ENOTCONN ? 0 : rc;
}

static int on_try(struct self *me, struct peer *p, struct imsg *m)
{
	AUTO(imsg_body_done) struct imsg_body body = { 0 };
	AUTO(json_decrefp) json_t *result = NULL;
	AUTO(buf_done) struct buf b = { 0 };
	struct err why = { { 0 } };
	(void)p;
	int rc = imsg_body(m, BENCH_ORDER_MAX, &body);
	if (rc < 0)
		return rc;
	/* Whoever asks for too much loses the process, not the manager. */
	alarm(BENCH_SECONDS);
	rc = bench_run(body.s, &result, &why);
	alarm(0);
	if (rc == 0)
		json_write(&b, result);
	return answer(me, m->id, rc, rc < 0 ? str_of(why.text) : buf_view(&b));
}

int bench_start(struct self *me)
{
	(void)me;
	return 0;
}

int (*const bench_on[])(struct self *me, struct peer *p, struct imsg *m) = {
	[M_TRY] = on_try,
	[M_COUNT] = NULL,
};
