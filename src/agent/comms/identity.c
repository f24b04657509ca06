#include "agent/comms/identity.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/base64.h"
#include "base/file.h"
#include "base/json.h"

static const char file_name[] = "identity.json";

/* In the order in which they are removed: the first makes the rest worthless. */
static const char *const all_files[] = { file_name, IDENTITY_CERT, IDENTITY_KEY, IDENTITY_CA,
	                                 "policy.json" };

static int take_text(const json_t *j, const char *key, char *out, size_t n, struct err *why)
{
	const char *text = json_text(j, key, NULL);
	if (!text || strlen(text) >= n)
		return err_set(why, -EBADMSG, "\"%s\" is missing or too long", key);
	memcpy(out, text, strlen(text) + 1);
	return 0;
}

static int take_key(const json_t *j, uint8_t out[static PUBLIC_KEY_LEN], struct err *why)
{
	AUTO(buf_done) struct buf b = { 0 };
	if (base64_decode(&b, str_of(json_text(j, "policyKey", ""))) < 0 || b.n != PUBLIC_KEY_LEN)
		return err_set(why, -EBADMSG, "\"policyKey\" is no Ed25519 key");
	memcpy(out, b.p, PUBLIC_KEY_LEN);
	return 0;
}

/* From the manager's answer, and from our file, which has the address as well. */
static int from_json(const json_t *j, struct identity *out, struct err *why)
{
	int rc = take_text(j, "hostGUID", out->host_guid, sizeof(out->host_guid), why);
	if (rc == 0)
		rc = take_text(j, "tenantID", out->tenant_id, sizeof(out->tenant_id), why);
	if (rc == 0)
		rc = take_text(j, "managerGUID", out->manager_guid, sizeof(out->manager_guid), why);
	if (rc == 0)
		rc = take_key(j, out->policy_key, why);
	out->computer_id = json_int(j, "computerID", 0);
	return rc;
}

static int read_file(int dir, const char *name, struct buf *out, struct err *why)
{
	int rc = file_read(dir, name, PEM_MAX, out);
	return rc < 0 ? err_set(why, rc, "read %s: %s", name, strerror(-rc)) : 0;
}

static int check_files(int dir, struct err *why)
{
	AUTO(buf_done) struct buf key = { 0 }, cert = { 0 }, ca = { 0 };
	int rc = read_file(dir, IDENTITY_KEY, &key, why);
	if (rc == 0)
		rc = read_file(dir, IDENTITY_CERT, &cert, why);
	if (rc == 0)
		rc = read_file(dir, IDENTITY_CA, &ca, why);
	return rc < 0 ? rc : cert_matches(buf_view(&cert), buf_view(&key), why);
}

int identity_load(int dir, struct identity *out, struct err *why)
{
	AUTO(buf_done) struct buf b = { 0 };
	*out = (struct identity){ 0 };
	int rc = file_read(dir, file_name, PEM_MAX, &b);
	if (rc == -ENOENT)
		return 0;
	if (rc < 0)
		return err_set(why, rc, "read %s: %s", file_name, strerror(-rc));
	AUTO(json_decrefp) json_t *j = json_parse(buf_view(&b), why);
	if (!j)
		return err_add(why, -EBADMSG, "%s", file_name);
	struct identity id = { 0 };
	rc = from_json(j, &id, why);
	if (rc == 0)
		rc = address_parse(str_of(json_text(j, "manager", "")), "dsm", 0, &id.manager, why);
	if (rc == 0)
		rc = check_files(dir, why);
	if (rc < 0)
		return err_add(why, rc, "%s", file_name);
	id.valid = true;
	*out = id;
	return 0;
}

static int write_json(int dir, const struct address *manager, const json_t *answer)
{
	char address[320];
	AUTO(buf_done) struct buf b = { 0 };
	json_t *j = json_object();
	static const char *const kept[] = { "hostGUID", "tenantID", "managerGUID", "policyKey",
		                            "computerID" };
	for (size_t i = 0; i < ARRAY_LEN(kept); i++)
		if (json_object_get(answer, kept[i]))
			json_set(j, kept[i], json_incref(json_object_get(answer, kept[i])));
	address_write(manager, "dsm", address, sizeof(address));
	json_set_text(j, "manager", address);
	json_write(&b, j);
	json_decref(j);
	int rc = buf_end(&b);
	return rc < 0 ? rc : file_replace(dir, file_name, b.p, b.n, 0600);
}

static int write_files(int dir, const struct address *manager, struct str key, struct str cert,
                       struct str ca, const json_t *answer)
{
	int rc = file_replace(dir, IDENTITY_KEY, key.p, key.n, 0600);
	if (rc == 0)
		rc = file_replace(dir, IDENTITY_CERT, cert.p, cert.n, 0600);
	if (rc == 0)
		rc = file_replace(dir, IDENTITY_CA, ca.p, ca.n, 0600);
	return rc < 0 ? rc : write_json(dir, manager, answer);
}

int identity_keep(int dir, const struct address *manager, struct str key, struct str ca,
                  struct str answer, struct identity *out, struct err *why)
{
	AUTO(json_decrefp) json_t *j = json_parse(answer, why);
	if (!j)
		return err_add(why, -EBADMSG, "the manager's answer");
	struct identity id = { .manager = *manager, .valid = true };
	int rc = from_json(j, &id, why);
	struct str cert = str_of(json_text(j, "certificate", ""));
	if (rc == 0)
		rc = cert_matches(cert, key, why);
	if (rc == 0)
		rc = cert_check(cert, ca, why);
	if (rc < 0)
		return err_add(why, rc, "the manager's answer");
	rc = write_files(dir, manager, key, cert, ca, j);
	if (rc < 0)
		return err_set(why, rc, "keep the identity: %s", strerror(-rc));
	*out = id;
	return 0;
}

int identity_forget(int dir)
{
	int rc = 0;
	for (size_t i = 0; i < ARRAY_LEN(all_files); i++)
		if (unlinkat(dir, all_files[i], 0) < 0 && errno != ENOENT && rc == 0)
			rc = -errno;
	int sync = fsync(dir) < 0 ? -errno : 0;
	return rc < 0 ? rc : sync;
}

void identity_url(const struct identity *id, const char *path, struct buf *out)
{
	buf_fmt(out, "https://%s:%u%s", id->manager.host, (unsigned)id->manager.port, path);
}
