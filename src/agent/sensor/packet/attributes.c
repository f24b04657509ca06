#include "agent/sensor/packet/attributes.h"

struct wanted {
	const struct nlattr **out;
	unsigned max;
};

static int take(const struct nlattr *a, void *arg)
{
	const struct wanted *w = arg;
	if (mnl_attr_get_type(a) < w->max)
		w->out[mnl_attr_get_type(a)] = a;
	return MNL_CB_OK;
}

void attributes_of(const struct nlmsghdr *h, size_t header, const struct nlattr **out, unsigned max)
{
	struct wanted w = { out, max };
	if (h->nlmsg_len >= NLMSG_HDRLEN + NLMSG_ALIGN(header))
		mnl_attr_parse(h, (unsigned)header, take, &w);
}

void attributes_in(const struct nlattr *nest, const struct nlattr **out, unsigned max)
{
	struct wanted w = { out, max };
	mnl_attr_parse_nested(nest, take, &w);
}
