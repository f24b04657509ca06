#include "manager/exchange.h"

#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/json.h"
#include "base/wire.h"

static int write_both(struct buf *out, const json_t *head, struct str body)
{
	AUTO(buf_done) struct buf text = { .max = EXCHANGE_HEAD_MAX };
	json_write(&text, head);
	if (buf_end(&text) < 0 || body.n > EXCHANGE_BODY_MAX)
		return -EMSGSIZE;
	size_t n = text.n + body.n + 8;
	char *room = buf_room(out, n);
	if (!room)
		return -ENOMEM;
	struct wr w = wr_init(room, n);
	wr_str(&w, buf_view(&text));
	wr_str(&w, body);
	if (wr_end(&w) < 0)
		return -EMSGSIZE;
	out->n += n;
	return 0;
}

static int read_both(struct str in, json_t **head, struct str *body, struct err *why)
{
	struct rd r = rd_init(in.p, in.n);
	struct str text = rd_str(&r, EXCHANGE_HEAD_MAX);
	*body = rd_str(&r, EXCHANGE_BODY_MAX);
	int rc = rd_end(&r);
	if (rc < 0)
		return err_set(why, rc, "the message is cut or too long");
	*head = json_parse(text, why);
	if (!*head)
		return -EBADMSG;
	if (json_is_object(*head))
		return 0;
	json_decref(*head);
	*head = NULL;
	return err_set(why, -EBADMSG, "the head is no object");
}

static void set_optional(json_t *head, const char *key, const char *value)
{
	if (value)
		json_set_bytes(head, key, str_of(value));
}

int ask_write(struct buf *out, const struct ask *a)
{
	AUTO(json_decrefp) json_t *head = json_object();
	json_set_bool(head, "agent", a->agent);
	json_set_text(head, "method", a->method);
	json_set_text(head, "path", a->path);
	json_object_set(head, "query", (json_t *)(uintptr_t)a->query);
	json_object_set(head, "headers", (json_t *)(uintptr_t)a->headers);
	set_optional(head, "address", a->address);
	set_optional(head, "fingerprint", a->fingerprint);
	set_optional(head, "cn", a->cn);
	set_optional(head, "untrusted", a->untrusted);
	return write_both(out, head, a->body);
}

int ask_read(struct str in, struct ask *out, struct err *why)
{
	struct ask a = { 0 };
	int rc = read_both(in, &a.head, &a.body, why);
	if (rc < 0)
		return rc;
	a.agent = json_bool(a.head, "agent", false);
	a.method = json_text(a.head, "method", NULL);
	a.path = json_text(a.head, "path", NULL);
	a.query = json_object_at(a.head, "query");
	a.headers = json_object_at(a.head, "headers");
	a.address = json_text(a.head, "address", "");
	a.fingerprint = json_text(a.head, "fingerprint", NULL);
	a.cn = json_text(a.head, "cn", NULL);
	a.untrusted = json_text(a.head, "untrusted", NULL);
	if (!a.method || !a.path || !a.query || !a.headers) {
		ask_done(&a);
		return err_set(why, -EBADMSG, "the request lacks method, path, query or headers");
	}
	*out = a;
	return 0;
}

void ask_done(struct ask *a)
{
	json_decref(a->head);
	*a = (struct ask){ 0 };
}

int answer_write(struct buf *out, const struct answer *a)
{
	AUTO(json_decrefp) json_t *head = json_object();
	json_set_int(head, "status", a->status);
	json_set_bool(head, "stream", a->stream);
	if (a->headers)
		json_object_set(head, "headers", (json_t *)(uintptr_t)a->headers);
	return write_both(out, head, a->body);
}

int answer_read(struct str in, struct answer *out, struct err *why)
{
	struct answer a = { 0 };
	int rc = read_both(in, &a.head, &a.body, why);
	if (rc < 0)
		return rc;
	int64_t status = json_int(a.head, "status", 0);
	if (status < 100 || status > 599) {
		answer_done(&a);
		return err_set(why, -EBADMSG, "the answer has no status");
	}
	a.status = (int)status;
	a.stream = json_bool(a.head, "stream", false);
	a.headers = json_object_at(a.head, "headers");
	*out = a;
	return 0;
}

void answer_done(struct answer *a)
{
	json_decref(a->head);
	*a = (struct answer){ 0 };
}
