#include "agent/comms/policy.h"

#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/base64.h"
#include "base/file.h"
#include "base/json.h"

enum { POLICY_MAX = 32 << 20 };

void policy_done(struct policy *p)
{
	buf_done(&p->text);
	json_decref(p->json);
	*p = (struct policy){ 0 };
}

int policy_check(struct str text, struct str signature, const struct identity *id, uint64_t have,
                 struct policy *out, struct err *why)
{
	if (signature_check(id->policy_key, text, signature) < 0)
		return err_set(why, -EPERM, "its signature is not the manager's");
	AUTO(json_decrefp) json_t *j = json_parse(text, why);
	if (!j)
		return -EBADMSG;
	int64_t version = json_int(j, "version", -1);
	if (version <= 0 || !json_object_at(j, "sections"))
		return err_set(why, -EBADMSG, "it has no version or no sections");
	if (strcmp(json_text(j, "hostGUID", ""), id->host_guid) != 0)
		return err_set(why, -EPERM, "it is for another computer");
	if ((uint64_t)version < have)
		return err_set(why, -ESTALE, "its version %lld is older than %llu",
		               (long long)version, (unsigned long long)have);
	struct policy p = { .json = TAKE(j), .version = (uint64_t)version };
	buf_str(&p.text, text);
	if (buf_end(&p.text) < 0) {
		policy_done(&p);
		return err_set(why, -ENOMEM, "no memory");
	}
	*out = p;
	return 0;
}

int policy_decode(struct str answer, struct buf *text, struct buf *signature, struct err *why)
{
	AUTO(json_decrefp) json_t *j = json_parse(answer, why);
	if (!j)
		return -EBADMSG;
	if (base64_decode(text, str_of(json_text(j, "policy", ""))) < 0 || text->n == 0)
		return err_set(why, -EBADMSG, "there is no policy in the answer");
	if (base64_decode(signature, str_of(json_text(j, "signature", ""))) < 0)
		return err_set(why, -EBADMSG, "there is no signature in the answer");
	return 0;
}

int policy_keep(int dir, struct str text, struct str signature)
{
	AUTO(buf_done) struct buf b = { 0 };
	buf_str(&b, signature);
	buf_str(&b, text);
	int rc = buf_end(&b);
	if (rc == 0 && signature.n != SIGNATURE_LEN)
		rc = -EINVAL;
	return rc < 0 ? rc : file_replace(dir, "policy.json", b.p, b.n, 0600);
}

int policy_load(int dir, const struct identity *id, struct policy *out, struct err *why)
{
	AUTO(buf_done) struct buf b = { 0 };
	int rc = file_read(dir, "policy.json", POLICY_MAX, &b);
	if (rc < 0)
		return err_set(why, rc, "read the last good policy: %s", strerror(-rc));
	if (b.n <= SIGNATURE_LEN)
		return err_set(why, -EBADMSG, "the last good policy is cut off");
	struct str signature = { b.p, SIGNATURE_LEN };
	rc = policy_check(str_skip(buf_view(&b), SIGNATURE_LEN), signature, id, 0, out, why);
	return rc < 0 ? err_add(why, rc, "the last good policy") : 0;
}

const char *policy_setting(const struct policy *p, const char *name, const char *otherwise)
{
	const json_t *settings = p->json ? json_object_at(p->json, "settings") : NULL;
	return settings ? json_text(settings, name, otherwise) : otherwise;
}

uint64_t policy_duration(const char *text)
{
	static const struct {
		const char *unit;
		uint64_t ms;
	} units[] = { { "Second", 1000 }, { "Minute", 60000 }, { "Hour", 3600000 } };
	struct str rest = str_of(text);
	struct str number = str_cut(&rest, ' ');
	uint64_t n = 0;
	if (str_u64(number, 1, 100000, &n) < 0)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		struct str unit = str_of(units[i].unit);
		if (str_eq_nocase(rest, unit) ||
		    (rest.n == unit.n + 1 && (rest.p[unit.n] == 's' || rest.p[unit.n] == 'S') &&
		     str_eq_nocase((struct str){ rest.p, unit.n }, unit)))
			return n * units[i].ms;
	}
	return 0;
}
