#include "agent/sensor/packet/learnt.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

#include "agent/sensor/packet/ask.h"
#include "agent/sensor/packet/attributes.h"
#include "agent/sensor/packet/tables.h"
#include "base/str.h"

int learnt_block(int fd, const struct ip *source, uint32_t seconds)
{
	struct tables_batch b;
	tables_begin(&b);
	struct nlmsghdr *h = tables_add(&b, NFT_MSG_NEWSETELEM, NFPROTO_INET, NLM_F_CREATE);
	mnl_attr_put_strz(h, NFTA_SET_ELEM_LIST_TABLE, TABLE);
	mnl_attr_put_strz(h, NFTA_SET_ELEM_LIST_SET,
	                  source->version == 4 ? "blocked4" : "blocked6");
	struct nlattr *list = mnl_attr_nest_start(h, NFTA_SET_ELEM_LIST_ELEMENTS);
	struct nlattr *element = mnl_attr_nest_start(h, NFTA_LIST_ELEM);
	struct nlattr *key = mnl_attr_nest_start(h, NFTA_SET_ELEM_KEY);
	mnl_attr_put(h, NFTA_DATA_VALUE, source->version == 4 ? 4 : 16, source->b);
	mnl_attr_nest_end(h, key);
	mnl_attr_put_u64(h, NFTA_SET_ELEM_TIMEOUT, htobe64((uint64_t)seconds * 1000));
	mnl_attr_nest_end(h, element);
	mnl_attr_nest_end(h, list);
	tables_added(&b, h);
	int rc = tables_commit(fd, &b);
	return rc == -EEXIST ? 0 : rc;
}

static int look_at_chain(const struct nlmsghdr *h, void *arg)
{
	const struct nlattr *a[NFTA_CHAIN_MAX + 1] = { NULL };
	attributes_of(h, sizeof(struct nfgenmsg), a, NFTA_CHAIN_MAX + 1);
	const struct nlattr *table = a[NFTA_CHAIN_TABLE], *name = a[NFTA_CHAIN_NAME];
	bool *there = arg;
	if (table && name && strcmp(mnl_attr_get_str(table), TABLE) == 0 &&
	    strcmp(mnl_attr_get_str(name), "in") == 0)
		*there = true;
	return MNL_CB_OK;
}

bool learnt_there(int fd)
{
	bool there = false;
	int rc = tables_dump(fd, NFT_MSG_GETCHAIN, NFPROTO_INET, NULL, look_at_chain, &there);
	return rc == 0 && there;
}

/* ---- hits ---- */

struct hits {
	void (*each)(uint64_t rule, uint64_t packets, void *arg);
	void *arg;
};

enum { ATTRIBUTES = 16, UDATA_COMMENT = 0 };

/* A rule's user data: nft keeps type, length and a comment with its final NUL. */
static uint64_t rule_of(const struct nlattr *udata)
{
	const uint8_t *p = mnl_attr_get_payload(udata);
	size_t n = mnl_attr_get_payload_len(udata);
	uint64_t id = 0;
	while (n >= 2 && p[1] + 2u <= n) {
		struct str text = { (const char *)p + 2, p[1] };
		if (p[0] == UDATA_COMMENT && text.n > 3 && memcmp(text.p, "R ", 2) == 0) {
			text.p += 2;
			text.n -= 3; /* the NUL too */
			return str_u64(text, 1, UINT64_MAX, &id) == 0 ? id : 0;
		}
		n -= p[1] + 2u;
		p += p[1] + 2u;
	}
	return 0;
}

static uint64_t packets_of(const struct nlattr *data)
{
	const struct nlattr *a[ATTRIBUTES] = { NULL };
	uint64_t n = 0;
	attributes_in(data, a, ATTRIBUTES);
	if (a[NFTA_COUNTER_PACKETS] && mnl_attr_get_payload_len(a[NFTA_COUNTER_PACKETS]) == 8)
		memcpy(&n, mnl_attr_get_payload(a[NFTA_COUNTER_PACKETS]), sizeof(n));
	return be64toh(n);
}

static int count_expression(const struct nlattr *element, void *arg)
{
	const struct nlattr *a[ATTRIBUTES] = { NULL };
	uint64_t *packets = arg;
	attributes_in(element, a, ATTRIBUTES);
	if (a[NFTA_EXPR_NAME] && a[NFTA_EXPR_DATA] &&
	    strcmp(mnl_attr_get_str(a[NFTA_EXPR_NAME]), "counter") == 0)
		*packets += packets_of(a[NFTA_EXPR_DATA]);
	return MNL_CB_OK;
}

static int look_at_rule(const struct nlmsghdr *h, void *arg)
{
	const struct nlattr *a[ATTRIBUTES] = { NULL };
	const struct hits *hits = arg;
	uint64_t packets = 0, id = 0;
	attributes_of(h, sizeof(struct nfgenmsg), a, ATTRIBUTES);
	if (!a[NFTA_RULE_TABLE] || strcmp(mnl_attr_get_str(a[NFTA_RULE_TABLE]), TABLE) != 0)
		return MNL_CB_OK;
	if (a[NFTA_RULE_USERDATA] && a[NFTA_RULE_EXPRESSIONS])
		id = rule_of(a[NFTA_RULE_USERDATA]);
	if (id)
		mnl_attr_parse_nested(a[NFTA_RULE_EXPRESSIONS], count_expression, &packets);
	if (packets)
		hits->each(id, packets, hits->arg);
	return MNL_CB_OK;
}

int learnt_hits(int fd, void (*each)(uint64_t rule, uint64_t packets, void *arg), void *arg)
{
	struct hits hits = { each, arg };
	return tables_dump(fd, NFT_MSG_GETRULE, NFPROTO_INET, TABLE, look_at_rule, &hits);
}
