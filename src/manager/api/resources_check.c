#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/json.h"
#include "manager/api/resources.h"
#include "module/firewall/firewall.h"

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

/* An entry that the agent could not understand is refused here, by the same code. */
static bool understood(const char *kind, struct str item)
{
	struct err why = { { 0 } };
	AUTO(json_decrefp) json_t *items = json_pack("[s%]", item.p, item.n);
	return items && firewall_check_list(kind, items, &why) == 0;
}

bool item_ip(struct str item)
{
	return understood("ip", item);
}

bool item_mac(struct str item)
{
	return understood("mac", item);
}

bool item_port(struct str item)
{
	return understood("port", item);
}
