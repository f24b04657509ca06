#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "base/json.h"
#include "manager/api/resources.h"

/* Checks that many collections share. */

static int ref_right(struct call *c, const struct ref *r, const json_t *v)
{
	int64_t id = json_integer_value(v);
	AUTO(json_decrefp) json_t *there = id ? object_get(c->app->store, r->kind, id) : NULL;
	return id && !there ? err_set(&c->why, -EINVAL, "%s %lld does not exist.", r->field,
	                              (long long)id)
	                    : 0;
}

int refs_right(struct call *c, const json_t *o, const struct ref *refs)
{
	for (; refs->field; refs++) {
		const json_t *v = json_object_get(o, refs->field);
		int rc = json_is_integer(v) ? ref_right(c, refs, v) : 0;
		for (size_t i = 0; rc == 0 && i < json_array_size(v); i++)
			rc = ref_right(c, refs, json_array_get(v, i));
		if (rc < 0)
			return rc;
	}
	return 0;
}

static bool is_there(const json_t *v)
{
	return json_is_integer(v)  ? json_integer_value(v) != 0
	       : json_is_string(v) ? json_string_length(v) > 0
	                           : json_array_size(v) > 0;
}

int needs_right(struct call *c, const json_t *o, const struct need *needs)
{
	for (; needs->field; needs++)
		if (strcmp(json_text(o, needs->field, ""), needs->choice) == 0 &&
		    !is_there(json_object_get(o, needs->needs)))
			return err_set(&c->why, -EINVAL, "%s is required with %s %s.", needs->needs,
			               needs->field, needs->choice);
	return 0;
}

static int item_check(struct call *c, const struct item_kind *k, const json_t *v)
{
	struct str rest = { json_string_value(v), json_string_length(v) };
	struct str item = str_trim(str_cut(&rest, '#'));
	if (item.n == 0 || k->right(item))
		return 0;
	return err_set(&c->why, -EINVAL, "Invalid value for %s: %.*s.", k->field,
	               item.n > 100 ? 100 : (int)item.n, item.p);
}

int items_right(struct call *c, const json_t *o, const struct item_kind *kinds)
{
	for (; kinds->field; kinds++) {
		const json_t *v = json_object_get(o, kinds->field);
		int rc = json_is_string(v) ? item_check(c, kinds, v) : 0;
		for (size_t i = 0; rc == 0 && i < json_array_size(v); i++)
			rc = item_check(c, kinds, json_array_get(v, i));
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* 4 or 6 and the address's bytes, or 0. */
static int address(struct str s, unsigned char out[static 16])
{
	char text[INET6_ADDRSTRLEN + 1];
	s = str_trim(s);
	if (s.n == 0 || s.n > INET6_ADDRSTRLEN || memchr(s.p, '\0', s.n))
		return 0;
	snprintf(text, sizeof(text), "%.*s", STR_ARG(s));
	if (inet_pton(AF_INET, text, out) == 1)
		return 4;
	return inet_pton(AF_INET6, text, out) == 1 ? 6 : 0;
}

bool item_ip(struct str item)
{
	unsigned char a[16], b[16];
	uint64_t bits = 0;
	struct str to = item, mask = item;
	struct str from = str_cut(&to, '-'), net = str_cut(&mask, '/');
	if (to.p) {
		int family = address(from, a);
		return family && family == address(to, b) &&
		       memcmp(a, b, family == 4 ? 4 : 16) <= 0;
	}
	int family = address(net, a);
	if (!mask.p || !family)
		return family != 0;
	return str_u64(mask, 0, family == 4 ? 32 : 128, &bits) == 0 || address(mask, b) == family;
}

bool item_mac(struct str item)
{
	static const char hex[] = "0123456789abcdefABCDEF";
	if (item.n != 17)
		return false;
	for (size_t i = 0; i < item.n; i++)
		if (i % 3 == 2 ? item.p[i] != item.p[2] || !strchr(":-", item.p[i])
		               : !item.p[i] || !strchr(hex, item.p[i]))
			return false;
	return true;
}

bool item_port(struct str item)
{
	uint64_t from = 0, to = 0;
	struct str rest = item;
	struct str first = str_trim(str_cut(&rest, '-'));
	if (str_u64(first, 0, 65535, &from) < 0)
		return false;
	return !rest.p || (str_u64(str_trim(rest), 0, 65535, &to) == 0 && from <= to);
}
