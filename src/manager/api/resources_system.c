#include <errno.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "base/base64.h"
#include "base/clock.h"
#include "base/json.h"
#include "manager/api/resources.h"

/* Of the manager itself: certificates that it trusts, agent versions that it hands out, calls that
 * it answered. */

/* clang-format off */
static const struct field details_fields[] = {
	{ "issuerDN",          T_TEXT, F_READ_ONLY, .doc = "who signed it" },
	{ "subjectDN",         T_TEXT, F_READ_ONLY, .doc = "whose it is" },
	{ "notBefore",         T_INT,  F_READ_ONLY, .doc = "ms since the epoch" },
	{ "notAfter",          T_INT,  F_READ_ONLY, .doc = "ms since the epoch" },
	{ "serialNumber",      T_TEXT, F_READ_ONLY, .doc = "hexadecimal" },
	{ "sha1Fingerprint",   T_TEXT, F_READ_ONLY, .doc = "hexadecimal" },
	{ "sha256Fingerprint", T_TEXT, F_READ_ONLY, .doc = "hexadecimal" },
	{ 0 },
};
static const struct field certificate_fields[] = {
	{ "certificate",        T_TEXT,   F_REQUIRED | F_NOT_SEARCHED, .max = 20000, .doc = "PEM" },
	{ "certificateDetails", T_OBJECT, F_READ_ONLY | F_NOT_SEARCHED, .doc = "what it says", .members = details_fields },
	{ "trusted",            T_BOOL,   F_NOT_SEARCHED, .otherwise = "true", .doc = "false: refused" },
	{ "purpose",            T_CHOICE, F_NOT_SEARCHED, "SSL|EXCEPTION", "\"SSL\"", .doc = "for connections, or as an exception of scans" },
	ID_FIELD, { 0 },
};

static const struct field profile_fields[] = {
	{ "name", T_TEXT, F_READ_ONLY, .doc = "unique" },
	ID_FIELD, { 0 },
};

static const struct field version_fields[] = { { "name", T_TEXT, F_READ_ONLY, .doc = "of the package" }, { 0 } };
static const struct field control_fields[] = {
	{ "os",                T_CHOICE,  F_READ_ONLY, "Windows|Linux|Unix", "\"Linux\"", .doc = "kind of system" },
	{ "distro",            T_TEXT,    F_READ_ONLY, .doc = "which Linux" },
	{ "platform",          T_TEXT,    F_READ_ONLY, .doc = "with its version" },
	{ "architecture",      T_CHOICE,  F_READ_ONLY, "32-bit|64-bit|sparc|powerpc|64-bit Arm", "\"64-bit\"", .doc = "of the processor" },
	{ "type",              T_CHOICE,  0, "latest|latest-lts|specified|unknown", "\"latest\"", .doc = "which version agents get" },
	{ "version",           T_TEXT,    F_OMIT_EMPTY, .max = 60, .doc = "of specified" },
	{ "availableVersions", T_OBJECTS, F_READ_ONLY | F_NOT_SEARCHED, .otherwise = "[]", .doc = "that the manager has", .members = version_fields },
	ID_FIELD, { 0 },
};

const struct field usage_fields[] = {
	{ "apiType",              T_TEXT, F_READ_ONLY, .doc = "rest" },
	{ "action",               T_TEXT, F_READ_ONLY, .doc = "the path, numbers as {id}" },
	{ "method",               T_TEXT, F_READ_ONLY, .doc = "of HTTP" },
	{ "date",                 T_TIME, F_READ_ONLY, .doc = "when" },
	{ "tenantGUID",           T_TEXT, F_READ_ONLY, .doc = "whose" },
	{ "duration",             T_INT,  F_READ_ONLY, .doc = "ms" },
	{ "statusCode",           T_INT,  F_READ_ONLY, .doc = "of HTTP" },
	{ "authenticationMethod", T_TEXT, F_READ_ONLY, .doc = "api-key, session or none" },
	{ "expandParameter",      T_TEXT, F_READ_ONLY | F_OMIT_EMPTY, .doc = "as it was sent" },
	{ "responseItemCount",    T_INT,  F_READ_ONLY, .doc = "objects in a list" },
	ID_FIELD, { 0 },
};
/* clang-format on */

static int hex(gnutls_x509_crt_t crt, gnutls_digest_algorithm_t by, char out[static 130])
{
	unsigned char sum[64];
	size_t n = sizeof(sum);
	int rc = by ? gnutls_x509_crt_get_fingerprint(crt, by, sum, &n)
	            : gnutls_x509_crt_get_serial(crt, sum, &n);
	if (rc == 0)
		hex_upper(out, sum, n);
	return rc;
}

static json_t *details(gnutls_x509_crt_t crt)
{
	static const struct {
		const char *name;
		gnutls_digest_algorithm_t by;
	} sums[] = { { "serialNumber", 0 },
		     { "sha1Fingerprint", GNUTLS_DIG_SHA1 },
		     { "sha256Fingerprint", GNUTLS_DIG_SHA256 } };
	json_t *o = json_object();
	gnutls_datum_t issuer = { 0 }, subject = { 0 };
	gnutls_x509_crt_get_issuer_dn3(crt, &issuer, 0);
	gnutls_x509_crt_get_dn3(crt, &subject, 0);
	json_set_bytes(o, "issuerDN", (struct str){ (const char *)issuer.data, issuer.size });
	json_set_bytes(o, "subjectDN", (struct str){ (const char *)subject.data, subject.size });
	gnutls_free(issuer.data);
	gnutls_free(subject.data);
	json_set_int(o, "notBefore", (int64_t)gnutls_x509_crt_get_activation_time(crt) * 1000);
	json_set_int(o, "notAfter", (int64_t)gnutls_x509_crt_get_expiration_time(crt) * 1000);
	for (size_t i = 0; i < ARRAY_LEN(sums); i++) {
		char text[130] = "";
		if (hex(crt, sums[i].by, text) == 0)
			json_set_text(o, sums[i].name, text);
	}
	return o;
}

static int certificate_check(struct call *c, int64_t id, const json_t *old, json_t *o)
{
	const char *pem = json_text(o, "certificate", "");
	const gnutls_datum_t data = { (unsigned char *)(uintptr_t)pem, (unsigned)strlen(pem) };
	gnutls_x509_crt_t crt = NULL;
	(void)id, (void)old;
	if (gnutls_x509_crt_init(&crt) < 0)
		return err_set(&c->why, -EINVAL, "Invalid value for certificate.");
	int rc = gnutls_x509_crt_import(crt, &data, GNUTLS_X509_FMT_PEM);
	if (rc == 0)
		json_set(o, "certificateDetails", details(crt));
	gnutls_x509_crt_deinit(crt);
	return rc < 0 ? err_set(&c->why, -EINVAL, "Invalid value for certificate. It is no PEM: %s",
	                        gnutls_strerror(rc))
	              : 0;
}

/* POST .../agentversioncontrols {"agentVersionControls":[{"ID","type","version"}]} changes those.
 */
int version_controls_set(struct call *c)
{
	const struct resource *r =
		resource_find(STR("agentversioncontrolprofiles/agentversioncontrols"));
	size_t i;
	json_t *v;
	json_t *out = json_array();
	c->undo = true;
	c->out = json_object();
	json_set(c->out, r->list, out);
	json_array_foreach (json_object_get(c->body, r->list), i, v) {
		int64_t id = json_int(v, "ID", 0);
		AUTO(json_decrefp) json_t *o = object_get(c->app->store, r->path, id);
		if (!o || json_int(o, RESOURCE_OWNER, 0) != c->id) {
			err_set(&c->why, 0, "The agent version control does not exist.");
			return 404;
		}
		if (fields_take(r->fields, v, o, false, &c->why) < 0)
			return 400;
		if (object_set(c->app->store, r, id, o) < 0)
			return 500;
		json_array_append_new(out, fields_show(r->fields, o, id));
	}
	return 200;
}

/* ---- calls that were answered: the last ones, in memory ---- */

enum { USAGE_MAX = 1000 };

/* Numbers in a path are IDs: the same action. */
static void action_of(const char *path, struct buf *b)
{
	struct str rest = str_skip(str_of(path), 1);
	while (rest.p) {
		struct str part = str_cut(&rest, '/');
		int64_t n = 0;
		buf_char(b, '/');
		buf_str(b, str_i64(part, 0, INT64_MAX, &n) == 0 ? STR("{id}") : part);
	}
}

static int64_t items_of(const json_t *out)
{
	const char *key;
	json_t *v;
	json_object_foreach ((json_t *)(uintptr_t)out, key, v)
		if (json_is_array(v) && json_object_size(out) <= 2)
			return (int64_t)json_array_size(v);
	return out ? 1 : 0;
}

void usage_add(struct call *c, int status, uint64_t began_ms)
{
	struct app *a = c->app;
	AUTO(buf_done) struct buf action = { 0 };
	if (strncmp(c->rq->path, "/api/", 5) != 0)
		return;
	if (!a->usage)
		a->usage = json_array();
	action_of(c->rq->path, &action);
	const char *how = c->who.key ? "api-key" : c->who.session ? "session" : "none";
	json_t *o =
		json_pack("{s:s,s:s,s:I,s:s,s:I,s:i,s:s,s:I,s:I}", "apiType", "rest", "method",
	                  c->rq->method, "date", (json_int_t)clock_ms(), "tenantGUID", a->tenant,
	                  "duration", (json_int_t)(clock_mono_ms() - began_ms), "statusCode",
	                  status, "authenticationMethod", how, "responseItemCount",
	                  (json_int_t)items_of(c->out), "ID", (json_int_t)++a->answered);
	json_set_bytes(o, "action", buf_view(&action));
	json_set_bytes(o, "expandParameter", str_of(query_text(c->rq, "expand", "")));
	if (json_array_size(a->usage) >= USAGE_MAX)
		json_array_remove(a->usage, 0);
	json_array_append_new(a->usage, o);
}

int usage_list(struct call *c)
{
	struct search *s = xcalloc(1, sizeof(*s));
	json_t *list = json_array();
	size_t i;
	json_t *v;
	int rc = search_read(usage_fields, c->body, s, &c->why);
	json_array_foreach (c->app->usage, i, v) {
		int64_t id = json_int(v, "ID", 0);
		if (rc == 0 && json_array_size(list) < (size_t)s->max && search_fits(s, v, id))
			json_array_append_new(list, fields_show(usage_fields, v, id));
	}
	free(s);
	c->out = json_object();
	json_set(c->out, "apiUsageMetrics", list);
	return rc < 0 ? 400 : 200;
}

/* ---- what this manager does not have ---- */

int not_here(struct call *c)
{
	c->code = "not-here";
	err_set(&c->why, 0,
	        "This manager has no such objects: cloud accounts, vCenters, tenants and moves between managers are not managed here.");
	return 404;
}

/* clang-format off */
const struct resource system_resources[] = {
	{ "certificates", "certificates", "certificate", NULL, NULL, certificate_fields, V_LIST | V_GET | V_CREATE | V_DELETE,
	  .check = certificate_check, .make = "canCreateNewCertificates", .erase = "canDeleteCertificates" },
	{ "agentversioncontrolprofiles", "agentVersionControlProfiles", "agent version control profile", "name", NULL, profile_fields, V_LIST | V_GET },
	{ "agentversioncontrolprofiles/agentversioncontrols", "agentVersionControls", "agent version control", NULL, NULL, control_fields,
	  V_LIST | V_GET | V_SEARCH },
	{ 0 },
};
/* clang-format on */
