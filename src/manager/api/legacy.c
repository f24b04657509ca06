#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "base/json.h"
#include "manager/api/app.h"

/* What is left of the API before v1, as far as scripts still use it (rest-api.md 12): its sign-in,
 * its list of hosts. */

static int text(struct call *c, const char *word)
{
	buf_z(&c->raw, word);
	c->raw_type = "text/plain;charset=utf-8";
	return 200;
}

/* {"dsCredentials":{"userName","password"}} -> the session's ID as bare text. */
int legacy_sign_in(struct call *c)
{
	json_t *given = json_object_get(c->body, "dsCredentials");
	if (json_is_object(given)) {
		given = json_incref(given);
		json_decref(c->body);
		c->body = given;
	}
	int status = session_open(c);
	if (status != 200)
		return status;
	const char *cookie = json_text(c->headers, "Set-Cookie", "");
	struct str sid = str_of(strchr(cookie, '=') + 1);
	sid = str_cut(&sid, ';');
	buf_str(&c->raw, sid);
	c->raw_type = "text/plain;charset=utf-8";
	return 200;
}

int legacy_version(struct call *c)
{
	return text(c, "4");
}

int legacy_ping(struct call *c)
{
	return text(c, "");
}

static json_t *host(int64_t id, const json_t *o)
{
	static const char *const same[] = { "displayName", "description", "platform" };
	json_t *h = json_object();
	json_set_int(h, "ID", id);
	json_set_text(h, "name", json_text(o, "hostName", ""));
	for (size_t i = 0; i < ARRAY_LEN(same); i++)
		json_set_text(h, same[i], json_text(o, same[i], ""));
	json_set_int(h, "hostGroupID", json_int(o, "groupID", 0));
	json_set_int(h, "securityProfileID", json_int(o, "policyID", 0));
	json_set_text(h, "hostType", "STANDARD");
	json_set_bool(h, "external", false);
	return h;
}

/* All of them, or the one of the path. */
int legacy_hosts(struct call *c)
{
	const struct resource *r = resource_find(STR("computers"));
	struct rows rows;
	json_t *list = json_array();
	int rc = store_query(c->app->store, STMT_OBJECT_LIST, ARGS(VAL_TEXT(r->path)), &rows);
	while (rc == 0 && rows_next(&rows) == 1) {
		AUTO(json_decrefp) json_t *o = json_parse(col_str(&rows, 1), NULL);
		int64_t id = rows.col[0].i;
		if ((c->id < 0 || c->id == id) && access_sees(c, r, id, o))
			json_array_append_new(list, host(id, o));
	}
	rows_done(&rows);
	bool missing = c->id >= 0 && json_array_size(list) == 0;
	c->out = json_pack("{s:{s:o}}", "hosts", "hosts", list);
	if (missing)
		err_set(&c->why, 0, "The computer does not exist.");
	return missing ? 404 : 200;
}
