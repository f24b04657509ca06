#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "agent/quarantine/vault.h"
#include "base/auto.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"

/* Files that an administrator wanted back: the newest so many. */
enum { EXEMPT_MAX = 1000, EXEMPT_BYTES = 1 << 20 };

static const char file_name[] = "exempt.json";

void exempt_load(struct quarantine *q)
{
	AUTO(buf_done) struct buf b = { 0 };
	int rc = file_read(q->dir, file_name, EXEMPT_BYTES, &b);
	q->exempt = rc < 0 ? NULL : json_parse(buf_view(&b), NULL);
	if (json_is_array(q->exempt))
		return;
	json_decref(q->exempt);
	q->exempt = json_array();
}

static bool is_of(const json_t *o, const struct identity *file)
{
	return (uint64_t)json_int(o, "dev", 0) == file->dev &&
	       (uint64_t)json_int(o, "ino", 0) == file->ino;
}

static bool forget(struct quarantine *q, const struct identity *file)
{
	size_t before = json_array_size(q->exempt);
	for (size_t i = 0; i < json_array_size(q->exempt);) {
		if (is_of(json_array_get(q->exempt, i), file))
			json_array_remove(q->exempt, i);
		else
			i++;
	}
	return json_array_size(q->exempt) < before;
}

void exempt_forget(struct quarantine *q, const struct identity *file)
{
	if (forget(q, file))
		q->ears.exempted(q->ears.arg);
}

void exempt_set(struct quarantine *q, const struct identity *file)
{
	forget(q, file);
	if (json_array_size(q->exempt) >= EXEMPT_MAX)
		json_array_remove(q->exempt, 0);
	json_t *o = json_object();
	json_set_int(o, "dev", (int64_t)file->dev);
	json_set_int(o, "ino", (int64_t)file->ino);
	json_set_int(o, "ctimeNs", file->ctime_ns);
	json_set_int(o, "size", (int64_t)file->size);
	json_array_append_new(q->exempt, o);
	q->ears.exempted(q->ears.arg);
	if (file->ctime_ns == 0)
		return; /* only until it is in its place */
	AUTO(buf_done) struct buf b = { 0 };
	json_write(&b, q->exempt);
	int rc = buf_end(&b) < 0 ? -ENOMEM : file_replace(q->dir, file_name, b.p, b.n, 0600);
	if (rc < 0)
		log_error("quarantine: keep the list of restored files: %s", strerror(-rc));
}
