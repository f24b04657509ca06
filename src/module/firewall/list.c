#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "module/firewall/firewall.h"

enum { ITEMS_MAX = 100000, ITEM_MAX = 200 };

/* ---- addresses ---- */

static int take_ip(struct str s, struct ip *out)
{
	char text[64];
	s = str_trim(s);
	if (s.n >= sizeof(text) || memchr(s.p ? s.p : "", 0, s.n))
		return -EINVAL;
	memcpy(text, s.p ? s.p : "", s.n);
	text[s.n] = '\0';
	return ip_parse(text, out);
}

static size_t ip_width(const struct ip *ip)
{
	return ip->version == 4 ? 4 : 16;
}

/* "255.255.240.0" to 20; -EINVAL: its ones do not come first. */
static int mask_bits(const struct ip *mask)
{
	int bits = 0;
	bool ended = false;
	for (size_t i = 0; i < ip_width(mask) * 8; i++) {
		bool one = mask->b[i / 8] & (0x80 >> i % 8);
		if (one && ended)
			return -EINVAL;
		ended |= !one;
		bits += one;
	}
	return bits;
}

static int net_range(struct ip ip, unsigned bits, struct ip_range *out)
{
	*out = (struct ip_range){ ip, ip };
	for (size_t i = bits; i < ip_width(&ip) * 8; i++) {
		uint8_t bit = (uint8_t)(0x80 >> i % 8);
		out->from.b[i / 8] &= (uint8_t)~bit;
		out->to.b[i / 8] |= bit;
	}
	return 0;
}

static int take_net(struct str ip, struct str mask, struct ip_range *out)
{
	struct ip net = { 0 }, m = { 0 };
	uint64_t bits = 0;
	if (take_ip(ip, &net) < 0)
		return -EINVAL;
	if (take_ip(mask, &m) == 0) {
		int n = m.version == net.version ? mask_bits(&m) : -EINVAL;
		return n < 0 ? n : net_range(net, (unsigned)n, out);
	}
	if (str_u64(str_trim(mask), 0, ip_width(&net) * 8, &bits) < 0)
		return -EINVAL;
	return net_range(net, (unsigned)bits, out);
}

static int take_range(struct str s, struct ip_range *out, struct err *why)
{
	struct str rest = s, first = str_cut(&rest, '/');
	if (rest.p)
		return take_net(first, rest, out);
	rest = s;
	first = str_cut(&rest, '-');
	if (take_ip(first, &out->from) < 0)
		return -EINVAL;
	out->to = out->from;
	if (!rest.p)
		return 0;
	if (take_ip(rest, &out->to) < 0 || out->to.version != out->from.version)
		return -EINVAL;
	if (memcmp(&out->to, &out->from, sizeof(out->to)) < 0)
		return err_set(why, -ERANGE, "\"%.*s\" ends before it starts", STR_ARG(s));
	return 0;
}

static int range_cmp(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct ip_range));
}

static void ip_list_merge(struct ip_list *l)
{
	size_t n = 0;
	if (!l->n)
		return;
	qsort(l->ranges, l->n, sizeof(*l->ranges), range_cmp);
	for (size_t i = 1; i < l->n; i++) {
		struct ip_range *last = &l->ranges[n], *at = &l->ranges[i];
		if (memcmp(&at->from, &last->to, sizeof(at->from)) > 0)
			l->ranges[++n] = *at;
		else if (memcmp(&at->to, &last->to, sizeof(at->to)) > 0)
			last->to = at->to;
	}
	l->n = n + 1;
}

/* ---- any list ---- */

/* An item's text without its comment; empty ones are no items. */
static int item_at(const json_t *items, size_t i, struct str *out, struct err *why)
{
	const json_t *v = json_array_get(items, i);
	if (!json_is_string(v))
		return err_set(why, -EINVAL, "item %zu is no text", i + 1);
	struct str s = { json_string_value(v), json_string_length(v) };
	*out = str_trim(str_cut(&s, '#'));
	if (out->n > ITEM_MAX)
		return err_set(why, -EINVAL, "item %zu is too long", i + 1);
	return 0;
}

static int bad_item(struct err *why, struct str s, const char *what)
{
	return err_set(why, -EINVAL, "\"%.*s\" is no %s", STR_ARG(s), what);
}

static int items_count(const json_t *items, size_t *out, struct err *why)
{
	if (items && !json_is_array(items))
		return err_set(why, -EINVAL, "items is no array");
	*out = json_array_size(items);
	return *out > ITEMS_MAX ? err_set(why, -E2BIG, "more than %d items", ITEMS_MAX) : 0;
}

int ip_list_parse(struct ip_list *l, const json_t *items, struct err *why)
{
	AUTO(ip_list_done) struct ip_list made = { 0 };
	size_t n = 0;
	int rc = items_count(items, &n, why);
	if (rc < 0)
		return rc;
	made.ranges = xcalloc(n + 1, sizeof(*made.ranges));
	for (size_t i = 0; i < n; i++) {
		struct str s = { 0 };
		struct ip_range range = { 0 };
		rc = item_at(items, i, &s, why);
		if (rc == 0 && s.n == 0)
			continue;
		if (rc == 0)
			rc = take_range(s, &range, why);
		if (rc == -EINVAL && s.n)
			return bad_item(why, s, "address, network or range of addresses");
		if (rc < 0)
			return rc;
		made.ranges[made.n++] = range;
	}
	ip_list_merge(&made);
	l->n = made.n;
	l->ranges = TAKE(made.ranges);
	return 0;
}

void ip_list_done(struct ip_list *l)
{
	free(l->ranges);
	*l = (struct ip_list){ 0 };
}

bool ip_list_has(const struct ip_list *l, const struct ip *ip)
{
	size_t low = 0, high = l->n;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (memcmp(&l->ranges[mid].to, ip, sizeof(*ip)) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low < l->n && memcmp(&l->ranges[low].from, ip, sizeof(*ip)) <= 0;
}

/* ---- ports ---- */

static int take_ports(struct str s, struct port_range *out, struct err *why)
{
	struct str rest = s, first = str_cut(&rest, '-');
	uint64_t from = 0, to = 0;
	if (str_u64(str_trim(first), 0, UINT16_MAX, &from) < 0)
		return bad_item(why, s, "port from 0 to 65535 or range of ports");
	to = from;
	if (rest.p && str_u64(str_trim(rest), 0, UINT16_MAX, &to) < 0)
		return bad_item(why, s, "port from 0 to 65535 or range of ports");
	if (to < from)
		return err_set(why, -ERANGE, "\"%.*s\" ends before it starts", STR_ARG(s));
	*out = (struct port_range){ (uint16_t)from, (uint16_t)to };
	return 0;
}

static int port_cmp(const void *a, const void *b)
{
	const struct port_range *x = a, *y = b;
	return x->from != y->from ? x->from - y->from : x->to - y->to;
}

static void port_list_merge(struct port_list *l)
{
	size_t n = 0;
	if (!l->n)
		return;
	qsort(l->ranges, l->n, sizeof(*l->ranges), port_cmp);
	for (size_t i = 1; i < l->n; i++) {
		struct port_range *last = &l->ranges[n], *at = &l->ranges[i];
		if (at->from > last->to)
			l->ranges[++n] = *at;
		else if (at->to > last->to)
			last->to = at->to;
	}
	l->n = n + 1;
}

/* An item may be "80, 443,8000-8080". */
static size_t commas(const json_t *items)
{
	size_t n = 0;
	for (size_t i = 0; i < json_array_size(items); i++) {
		const char *s = json_string_value(json_array_get(items, i));
		for (n++; s && *s; s++)
			n += *s == ',';
	}
	return n;
}

static int port_item(struct port_list *l, struct str s, struct err *why)
{
	while (s.p) {
		struct str one = str_trim(str_cut(&s, ','));
		if (one.n == 0)
			continue;
		int rc = take_ports(one, &l->ranges[l->n], why);
		if (rc < 0)
			return rc;
		l->n++;
	}
	return 0;
}

int port_list_parse(struct port_list *l, const json_t *items, struct err *why)
{
	AUTO(port_list_done) struct port_list made = { 0 };
	size_t n = 0;
	int rc = items_count(items, &n, why);
	if (rc < 0)
		return rc;
	made.ranges = xcalloc(commas(items) + 1, sizeof(*made.ranges));
	for (size_t i = 0; i < n; i++) {
		struct str s = { 0 };
		rc = item_at(items, i, &s, why);
		if (rc == 0)
			rc = port_item(&made, s, why);
		if (rc < 0)
			return rc;
	}
	port_list_merge(&made);
	l->n = made.n;
	l->ranges = TAKE(made.ranges);
	return 0;
}

void port_list_done(struct port_list *l)
{
	free(l->ranges);
	*l = (struct port_list){ 0 };
}

bool port_list_has(const struct port_list *l, uint16_t port)
{
	for (size_t i = 0; i < l->n; i++)
		if (port >= l->ranges[i].from && port <= l->ranges[i].to)
			return true;
	return false;
}

/* ---- MACs ---- */

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int mac_parse(struct str s, uint8_t out[static 6])
{
	size_t n = 0;
	for (size_t i = 0; i < s.n; i++) {
		int v = hex(s.p[i]);
		if (v < 0 && (s.p[i] == ':' || s.p[i] == '-' || s.p[i] == '.') && n && i + 1 < s.n)
			continue;
		if (v < 0 || n == 12)
			return -EINVAL;
		out[n / 2] = (uint8_t)(n % 2 ? out[n / 2] | v : v << 4);
		n++;
	}
	return n == 12 ? 0 : -EINVAL;
}

static int mac_cmp(const void *a, const void *b)
{
	return memcmp(a, b, 6);
}

int mac_list_parse(struct mac_list *l, const json_t *items, struct err *why)
{
	AUTO(mac_list_done) struct mac_list made = { 0 };
	size_t n = 0, kept = 0;
	int rc = items_count(items, &n, why);
	if (rc < 0)
		return rc;
	made.macs = xcalloc(n + 1, sizeof(*made.macs));
	for (size_t i = 0; i < n; i++) {
		struct str s = { 0 };
		rc = item_at(items, i, &s, why);
		if (rc < 0)
			return rc;
		if (s.n == 0)
			continue;
		if (mac_parse(s, made.macs[made.n]) < 0)
			return bad_item(why, s, "MAC address");
		made.n++;
	}
	qsort(made.macs, made.n, sizeof(*made.macs), mac_cmp);
	for (size_t i = 0; i < made.n; i++)
		if (!kept || mac_cmp(made.macs[kept - 1], made.macs[i]) != 0)
			memmove(made.macs[kept++], made.macs[i], 6);
	made.n = kept;
	l->n = made.n;
	l->macs = TAKE(made.macs);
	return 0;
}

void mac_list_done(struct mac_list *l)
{
	free(l->macs);
	*l = (struct mac_list){ 0 };
}

bool mac_list_has(const struct mac_list *l, const uint8_t mac[static 6])
{
	return l->n && bsearch(mac, l->macs, l->n, sizeof(*l->macs), mac_cmp);
}
