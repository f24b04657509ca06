#include "agent/quarantine/quarantine.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/base64.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/rand.h"

enum {
	KEY_BYTES = 32,
	NONCE_BYTES = 12,
	TAG_BYTES = 16,
	CHUNK = 1 << 16,
	ID_MAX = 40,
	META_MAX = 1 << 20
};

static int load_key(int dir, uint8_t key[static KEY_BYTES])
{
	AUTO(buf_done) struct buf b = { 0 };
	int rc = file_read(dir, "key", KEY_BYTES, &b);
	if (rc == -ENOENT) {
		rand_bytes(key, KEY_BYTES);
		return file_replace(dir, "key", key, KEY_BYTES, 0600);
	}
	if (rc < 0 || b.n != KEY_BYTES)
		return rc < 0 ? rc : -EINVAL;
	memcpy(key, b.p, KEY_BYTES);
	return 0;
}

static void cipher_done(gnutls_aead_cipher_hd_t *c)
{
	if (*c)
		gnutls_aead_cipher_deinit(*c);
}

static int cipher_open(int dir, gnutls_aead_cipher_hd_t *out)
{
	uint8_t key[KEY_BYTES];
	int rc = load_key(dir, key);
	gnutls_datum_t k = { key, KEY_BYTES };
	if (rc == 0 && gnutls_aead_cipher_init(out, GNUTLS_CIPHER_AES_256_GCM, &k) < 0)
		rc = -EIO;
	explicit_bzero(key, sizeof(key));
	return rc;
}

/* Each chunk: nonce, length, bytes, tag; its number and whether it is the last are authenticated
 * with it. */
struct head {
	uint8_t nonce[NONCE_BYTES];
	uint32_t len;
};

struct place {
	uint64_t number;
	uint64_t last;
};

static int encrypt_chunk(gnutls_aead_cipher_hd_t c, int out, const struct place *at,
                         const void *bytes, size_t n)
{
	static uint8_t sealed[CHUNK + TAG_BYTES];
	struct head h = { .len = (uint32_t)n };
	size_t len = sizeof(sealed);
	rand_bytes(h.nonce, sizeof(h.nonce));
	if (gnutls_aead_cipher_encrypt(c, h.nonce, NONCE_BYTES, at, sizeof(*at), TAG_BYTES, bytes,
	                               n, sealed, &len) < 0)
		return -EIO;
	int rc = file_write_all(out, &h, sizeof(h));
	return rc < 0 ? rc : file_write_all(out, sealed, len);
}

static int encrypt(int dir, int in, int out, uint64_t *size)
{
	static uint8_t block[CHUNK];
	AUTO(cipher_done) gnutls_aead_cipher_hd_t c = NULL;
	struct place at = { 0 };
	int rc = cipher_open(dir, &c);
	*size = 0;
	while (rc == 0 && !at.last) {
		ssize_t n = pread(in, block, sizeof(block), (off_t)*size);
		if (n < 0)
			return -errno;
		at.last = n < (ssize_t)sizeof(block);
		rc = encrypt_chunk(c, out, &at, block, (size_t)n);
		at.number++;
		*size += (uint64_t)n;
	}
	return rc == 0 && fsync(out) < 0 ? -errno : rc;
}

static int decrypt(int dir, int in, int out)
{
	static uint8_t sealed[CHUNK + TAG_BYTES], block[CHUNK];
	AUTO(cipher_done) gnutls_aead_cipher_hd_t c = NULL;
	int rc = cipher_open(dir, &c);
	for (struct place at = { 0 }; rc == 0; at.number++) {
		struct head h;
		size_t n = sizeof(block);
		if (read(in, &h, sizeof(h)) != (ssize_t)sizeof(h) || h.len > CHUNK)
			return -EBADMSG;
		if (read(in, sealed, h.len + TAG_BYTES) != (ssize_t)h.len + TAG_BYTES)
			return -EBADMSG;
		at.last = h.len < CHUNK;
		if (gnutls_aead_cipher_decrypt(c, h.nonce, NONCE_BYTES, &at, sizeof(at), TAG_BYTES,
		                               sealed, h.len + TAG_BYTES, block, &n) < 0)
			return -EBADMSG;
		rc = file_write_all(out, block, n);
		if (at.last)
			break;
	}
	return rc == 0 && fsync(out) < 0 ? -errno : rc;
}

static bool id_fits(const char *id)
{
	size_t n = strspn(id, "0123456789ABCDEF-");
	return n > 8 && n < ID_MAX && id[n] == '\0';
}

static void file_name(const char *id, const char *suffix, char out[static 64])
{
	snprintf(out, 64, "%s%s", id, suffix);
}

static json_t *load_meta(int dir, const char *id)
{
	char name[64];
	AUTO(buf_done) struct buf b = { 0 };
	file_name(id, ".json", name);
	return file_read(dir, name, META_MAX, &b) < 0 ? NULL : json_parse(buf_view(&b), NULL);
}

static int save_meta(int dir, const char *id, const json_t *meta)
{
	char name[64];
	AUTO(buf_done) struct buf b = { 0 };
	file_name(id, ".json", name);
	json_write(&b, meta);
	return buf_end(&b) < 0 ? -ENOMEM : file_replace(dir, name, b.p, b.n, 0600);
}

/* What the manager is told of a record. */
static json_t *entry(const json_t *meta)
{
	static const char *const keys[] = { "recordID", "path",   "size", "malware", "time",
		                            "scanType", "action", "user", "sha256",  "state" };
	json_t *o = json_object();
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		json_t *v = json_object_get(meta, keys[i]);
		if (v)
			json_set(o, keys[i], json_incref(v));
	}
	return o;
}

/* Where tests let us be killed; only the sanitizer build can be told to. */
static void fault_point(const char *where)
{
#if YAGURA_SANITIZED
	const char *at = getenv("YAGURA_FAULT");
	if (at && strcmp(at, where) == 0)
		kill(getpid(), SIGKILL);
#else
	(void)where;
#endif
}

static int64_t nanoseconds(const struct timespec *t)
{
	return (int64_t)t->tv_sec * 1000000000 + t->tv_nsec;
}

/* The folder that holds path, so that nobody can exchange one above between look and deed. */
static int open_folder(const char *path, const char **name)
{
	const char *slash = strrchr(path, '/');
	char folder[PATH_MAX];
	if (!slash || !slash[1])
		return -EINVAL;
	size_t n = slash == path ? 1 : (size_t)(slash - path);
	if (n >= sizeof(folder))
		return -ENAMETOOLONG;
	memcpy(folder, path, n);
	folder[n] = '\0';
	*name = slash + 1;
	int fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int quarantine_unlink(const char *path, uint64_t dev, uint64_t ino, int64_t ctime_ns)
{
	struct stat st;
	const char *name = NULL;
	AUTO(closep) int dir = open_folder(path, &name);
	if (dir < 0)
		return dir == -ENOENT ? 0 : dir;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	/* A number alone is no identity: file systems give it to the next file. */
	if (st.st_dev != dev || st.st_ino != ino ||
	    (ctime_ns && nanoseconds(&st.st_ctim) != ctime_ns))
		return -ESTALE;
	if (unlinkat(dir, name, 0) < 0)
		return -errno;
	/* If this fails, a crash may bring the name back; quarantine_open() takes it away again. */
	(void)file_sync_dir(AT_FDCWD, path);
	return 0;
}

static json_t *describe(const char *id, const struct quarantine_file *f, const struct stat *st)
{
	AUTO(buf_done) struct buf raw = { 0 };
	json_t *o = json_object();
	base64_encode(&raw, str_of(f->path));
	json_set_text(o, "recordID", id);
	json_set_bytes(o, "path", str_of(f->path));
	json_set_text(o, "rawPath", raw.p ? raw.p : "");
	json_set_int(o, "size", st->st_size);
	json_set_int(o, "mode", st->st_mode & 07777);
	json_set_int(o, "uid", st->st_uid);
	json_set_int(o, "gid", st->st_gid);
	json_set_int(o, "mtime", st->st_mtim.tv_sec);
	json_set_int(o, "dev", (int64_t)f->dev);
	json_set_int(o, "ino", (int64_t)f->ino);
	json_set_int(o, "ctimeNs", nanoseconds(&st->st_ctim));
	json_set_int(o, "time", (int64_t)clock_ms());
	json_set_text(o, "action", "Quarantined");
	json_set_text(o, "malware", json_text(f->detail, "malware", ""));
	json_set_text(o, "user", json_text(f->detail, "user", ""));
	json_set_int(o, "scanType", json_int(f->detail, "scanType", 0));
	json_set_text(o, "unique", json_text(f->detail, "unique", ""));
	json_set_text(o, "state", "quarantined");
	return o;
}

static int store_bytes(int dir, const char *id, int in, uint64_t *size)
{
	char fresh[64], final[64];
	file_name(id, ".new", fresh);
	file_name(id, ".bin", final);
	AUTO(closep)
	int out = openat(dir, fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (out < 0)
		return -errno;
	int rc = encrypt(dir, in, out, size);
	fault_point("written");
	if (rc == 0 && renameat(dir, fresh, dir, final) < 0)
		rc = -errno;
	if (rc < 0)
		unlinkat(dir, fresh, 0);
	return rc < 0 ? rc : file_sync_dir(dir, final);
}

int quarantine_put(int dir, const struct quarantine_file *f, json_t **record, struct err *why)
{
	char id[37], name[64];
	struct stat st, after;
	uint64_t size = 0;
	rand_guid(id);
	if (fstat(f->fd, &st) < 0 || st.st_dev != f->dev || st.st_ino != f->ino)
		return err_set(why, -ESTALE, "the file is another one now");
	AUTO(json_decrefp) json_t *meta = describe(id, f, &st);
	int rc = store_bytes(dir, id, f->fd, &size);
	if (rc < 0)
		return err_set(why, rc, "keep a copy: %s", strerror(-rc));
	fault_point("copied");
	/* What was written to it meanwhile would be lost with the name. */
	if (fstat(f->fd, &after) < 0 || after.st_mtim.tv_sec != st.st_mtim.tv_sec ||
	    after.st_mtim.tv_nsec != st.st_mtim.tv_nsec || (uint64_t)after.st_size != size)
		rc = -EAGAIN;
	/* The record commits: from here on a crash is finished by quarantine_open(). */
	if (rc == 0)
		rc = save_meta(dir, id, meta);
	fault_point("recorded");
	if (rc == 0)
		rc = quarantine_unlink(f->path, f->dev, f->ino, nanoseconds(&st.st_ctim));
	fault_point("unlinked");
	if (rc == 0) {
		*record = entry(meta);
		return 0;
	}
	file_name(id, ".json", name);
	unlinkat(dir, name, 0);
	file_name(id, ".bin", name);
	unlinkat(dir, name, 0);
	return err_set(why, rc, "%s",
	               rc == -ESTALE ? "the file is another one now" : strerror(-rc));
}

static int set_state(int dir, const char *id, json_t *meta, const char *word, json_t **record)
{
	char name[64];
	json_set_text(meta, "state", word);
	int rc = save_meta(dir, id, meta);
	if (rc < 0)
		return rc;
	file_name(id, ".bin", name);
	unlinkat(dir, name, 0);
	*record = entry(meta);
	/* The manager keeps the history; here it would only grow. */
	file_name(id, ".json", name);
	unlinkat(dir, name, 0);
	return 0;
}

static json_t *find(int dir, const char *id, struct err *why)
{
	json_t *meta = id_fits(id) ? load_meta(dir, id) : NULL;
	if (!meta)
		err_set(why, -ENOENT, "there is no quarantined file %.40s", id);
	return meta;
}

int quarantine_restore(int dir, const char *id, json_t **record, struct err *why)
{
	char name[64], fresh[PATH_MAX];
	AUTO(json_decrefp) json_t *meta = find(dir, id, why);
	AUTO(buf_done) struct buf path = { 0 };
	if (!meta)
		return -ENOENT;
	if (base64_decode(&path, str_of(json_text(meta, "rawPath", ""))) < 0 || path.n == 0)
		return err_set(why, -EINVAL, "the record names no path");
	file_name(id, ".bin", name);
	AUTO(closep) int in = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (in < 0)
		return err_set(why, -errno, "open the copy: %s", strerror(errno));
	if (snprintf(fresh, sizeof(fresh), "%s.%.8s.restored", path.p, id) >= (int)sizeof(fresh))
		return err_set(why, -ENAMETOOLONG, "the path is too long");
	AUTO(closep)
	int out = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (out < 0)
		return err_set(why, -errno, "write to %s: %s", path.p, strerror(errno));
	const struct timespec times[2] = { { .tv_nsec = UTIME_NOW },
		                           { .tv_sec = json_int(meta, "mtime", 0) } };
	int rc = decrypt(dir, in, out);
	if (rc == 0 &&
	    (fchown(out, (uid_t)json_int(meta, "uid", 0), (gid_t)json_int(meta, "gid", 0)) < 0 ||
	     fchmod(out, (mode_t)json_int(meta, "mode", 0600)) < 0 || futimens(out, times) < 0))
		rc = -errno;
	/* Never over something that is there now. */
	if (rc == 0 && linkat(AT_FDCWD, fresh, AT_FDCWD, path.p, 0) < 0)
		rc = -errno;
	unlink(fresh);
	if (rc == 0)
		rc = file_sync_dir(AT_FDCWD, path.p);
	if (rc == 0)
		rc = set_state(dir, id, meta, "restored", record);
	return rc < 0 ? err_set(why, rc, "restore %s: %s", path.p, strerror(-rc)) : 0;
}

int quarantine_delete(int dir, const char *id, json_t **record, struct err *why)
{
	AUTO(json_decrefp) json_t *meta = find(dir, id, why);
	if (!meta)
		return -ENOENT;
	int rc = set_state(dir, id, meta, "deleted", record);
	return rc < 0 ? err_set(why, rc, "delete: %s", strerror(-rc)) : 0;
}

int quarantine_fetch(int dir, const char *id, struct err *why)
{
	char name[64];
	if (!id_fits(id))
		return err_set(why, -ENOENT, "there is no quarantined file %.40s", id);
	file_name(id, ".bin", name);
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? err_set(why, -errno, "open the copy: %s", strerror(errno)) : fd;
}

/* Calls each for the ID of every record (suffix ".json") or leftover. */
static void each_file(int dir, void (*each)(int dir, const char *name, void *arg), void *arg)
{
	DIR *d = fdopendir(openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	if (!d)
		return;
	for (const struct dirent *e = readdir(d); e; e = readdir(d))
		each(dir, e->d_name, arg);
	closedir(d);
}

static bool id_of(const char *name, const char *suffix, char out[static ID_MAX])
{
	struct str s = str_of(name), tail = str_of(suffix);
	if (!str_ends(s, tail) || s.n - tail.n >= ID_MAX)
		return false;
	snprintf(out, ID_MAX, "%.*s", (int)(s.n - tail.n), name);
	return id_fits(out);
}

static void add_entry(int dir, const char *name, void *arg)
{
	char id[ID_MAX];
	if (!id_of(name, ".json", id))
		return;
	AUTO(json_decrefp) json_t *meta = load_meta(dir, id);
	if (meta)
		json_array_append_new(arg, entry(meta));
}

json_t *quarantine_list(int dir)
{
	json_t *list = json_array();
	each_file(dir, add_entry, list);
	return list;
}

/* After a crash: copies without a record go, records whose original is still there finish. */
static void recover(int dir, const char *name, void *arg)
{
	char id[ID_MAX], other[64];
	struct stat st;
	(void)arg;
	if (id_of(name, ".new", id) || str_ends(str_of(name), STR(".new"))) {
		unlinkat(dir, name, 0);
		return;
	}
	file_name(id_of(name, ".bin", id) ? id : "", ".json", other);
	if (id_of(name, ".bin", id) && fstatat(dir, other, &st, 0) < 0) {
		unlinkat(dir, name, 0);
		return;
	}
	if (!id_of(name, ".json", id))
		return;
	AUTO(json_decrefp) json_t *meta = load_meta(dir, id);
	AUTO(buf_done) struct buf path = { 0 };
	file_name(id, ".bin", other);
	if (!meta || fstatat(dir, other, &st, 0) < 0) {
		unlinkat(dir, name, 0); /* deleted or restored: the last step was missing */
		return;
	}
	if (strcmp(json_text(meta, "state", ""), "quarantined") != 0) {
		unlinkat(dir, other, 0); /* the copy first: without it the record is a leftover */
		unlinkat(dir, name, 0);
		return;
	}
	/* Only the very file that was copied, untouched since; without its time nothing is. */
	if (json_int(meta, "ctimeNs", 0) &&
	    base64_decode(&path, str_of(json_text(meta, "rawPath", ""))) == 0 && path.n)
		quarantine_unlink(path.p, (uint64_t)json_int(meta, "dev", 0),
		                  (uint64_t)json_int(meta, "ino", 0), json_int(meta, "ctimeNs", 0));
}

int quarantine_open(const char *lib, struct err *why)
{
	char path[PATH_MAX];
	snprintf(path, sizeof(path), "%s/quarantine", lib);
	int rc = file_mkdirs(AT_FDCWD, path, 0700, (uid_t)-1, (gid_t)-1);
	int dir = rc < 0 ? rc : open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (rc == 0 && dir < 0)
		dir = -errno;
	if (dir < 0)
		return err_set(why, dir, "quarantine %s: %s", path, strerror(-dir));
	each_file(dir, recover, NULL);
	return dir;
}
