#include "agent/sensor/packet/ask.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/xt_NFQUEUE.h>
#include <string.h>

#include "agent/sensor/packet/tables.h"
#include "base/auto.h"

const char *const ask_names[] = { "nothing", "queue statement", "compat target" };

/* An expression of a rule: NAME with the attributes that follow. */
struct expression {
	struct nlattr *element, *data;
};

static struct expression open_expression(struct nlmsghdr *h, const char *name)
{
	struct expression e = { .element = mnl_attr_nest_start(h, NFTA_LIST_ELEM) };
	mnl_attr_put_strz(h, NFTA_EXPR_NAME, name);
	e.data = mnl_attr_nest_start(h, NFTA_EXPR_DATA);
	return e;
}

static void close_expression(struct nlmsghdr *h, struct expression e)
{
	mnl_attr_nest_end(h, e.data);
	mnl_attr_nest_end(h, e.element);
}

/* symhash mod n == which: addresses and ports, both directions of a connection alike. */
static void put_share(struct nlmsghdr *h, unsigned n, unsigned which)
{
	struct expression e = open_expression(h, "hash");
	mnl_attr_put_u32(h, NFTA_HASH_DREG, htonl(NFT_REG32_00));
	mnl_attr_put_u32(h, NFTA_HASH_MODULUS, htonl(n));
	mnl_attr_put_u32(h, NFTA_HASH_TYPE, htonl(NFT_HASH_SYM));
	close_expression(h, e);
	e = open_expression(h, "cmp");
	mnl_attr_put_u32(h, NFTA_CMP_SREG, htonl(NFT_REG32_00));
	mnl_attr_put_u32(h, NFTA_CMP_OP, htonl(NFT_CMP_EQ));
	struct nlattr *data = mnl_attr_nest_start(h, NFTA_CMP_DATA);
	mnl_attr_put_u32(h, NFTA_DATA_VALUE, which);
	mnl_attr_nest_end(h, data);
	close_expression(h, e);
}

static void put_statement(struct nlmsghdr *h, uint16_t queue, bool bypass)
{
	struct expression e = open_expression(h, "queue");
	mnl_attr_put_u16(h, NFTA_QUEUE_NUM, htons(queue));
	mnl_attr_put_u16(h, NFTA_QUEUE_TOTAL, htons(1));
	if (bypass)
		mnl_attr_put_u16(h, NFTA_QUEUE_FLAGS, htons(NFT_QUEUE_FLAG_BYPASS));
	close_expression(h, e);
}

static void put_target(struct nlmsghdr *h, uint16_t queue, bool bypass)
{
	/* Targets are copied in whole words (XT_ALIGN). */
	union {
		struct xt_NFQ_info_v3 info;
		uint64_t whole;
	} u = { .whole = 0 };
	u.info.queuenum = queue;
	u.info.queues_total = 1;
	u.info.flags = bypass ? NFQ_FLAG_BYPASS : 0;
	struct expression e = open_expression(h, "target");
	mnl_attr_put_strz(h, NFTA_TARGET_NAME, "NFQUEUE");
	mnl_attr_put_u32(h, NFTA_TARGET_REV, htonl(3));
	mnl_attr_put(h, NFTA_TARGET_INFO, sizeof(u), &u);
	close_expression(h, e);
}

static void put_rule(struct tables_batch *b, const struct ask_plan *plan, unsigned which,
                     enum ask_by by)
{
	struct nlmsghdr *h =
		tables_add(b, NFT_MSG_NEWRULE, NFPROTO_INET, NLM_F_CREATE | NLM_F_APPEND);
	mnl_attr_put_strz(h, NFTA_RULE_TABLE, TABLE);
	mnl_attr_put_strz(h, NFTA_RULE_CHAIN, CHAIN_ASK);
	struct nlattr *list = mnl_attr_nest_start(h, NFTA_RULE_EXPRESSIONS);
	if (plan->queues > 1)
		put_share(h, plan->queues, which);
	if (by == ASK_STATEMENT)
		put_statement(h, (uint16_t)(QUEUE_FIRST + which), plan->fail_open);
	else
		put_target(h, (uint16_t)(QUEUE_FIRST + which), plan->fail_open);
	mnl_attr_nest_end(h, list);
	tables_added(b, h);
}

static void put_chain(struct tables_batch *b)
{
	struct nlmsghdr *h = tables_add(b, NFT_MSG_NEWTABLE, NFPROTO_INET, NLM_F_CREATE);
	mnl_attr_put_strz(h, NFTA_TABLE_NAME, TABLE);
	tables_added(b, h);
	h = tables_add(b, NFT_MSG_NEWCHAIN, NFPROTO_INET, NLM_F_CREATE);
	mnl_attr_put_strz(h, NFTA_CHAIN_TABLE, TABLE);
	mnl_attr_put_strz(h, NFTA_CHAIN_NAME, CHAIN_ASK);
	tables_added(b, h);
	h = tables_add(b, NFT_MSG_DELRULE, NFPROTO_INET, 0);
	mnl_attr_put_strz(h, NFTA_RULE_TABLE, TABLE);
	mnl_attr_put_strz(h, NFTA_RULE_CHAIN, CHAIN_ASK);
	tables_added(b, h);
}

int ask_put(const struct ask_plan *plan, enum ask_by *by)
{
	static const enum ask_by ways[] = { ASK_STATEMENT, ASK_TARGET };
	int rc = -EINVAL;
	AUTO(closep) int fd = tables_socket();
	*by = ASK_NOTHING;
	if (fd < 0)
		return fd;
	if (plan->queues < 1 || plan->queues > QUEUES_MAX)
		return rc;
	/* Whether a kernel has the statement is seen by trying: the batch is refused as a whole. */
	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		struct tables_batch b;
		tables_begin(&b);
		put_chain(&b);
		for (unsigned q = 0; q < plan->queues; q++)
			put_rule(&b, plan, q, ways[i]);
		rc = tables_commit(fd, &b);
		if (rc == 0)
			*by = ways[i];
		if (rc != -ENOENT && rc != -EOPNOTSUPP)
			break;
	}
	return rc;
}
