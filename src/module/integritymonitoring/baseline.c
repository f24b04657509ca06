#include "module/integritymonitoring/baseline.h"

#include <errno.h>
#include <gcrypt.h>
#include <string.h>
#include <sys/stat.h>

#include "base/auto.h"
#include "base/wire.h"

static void link_on(struct im_chain *c, const void *head, struct str content)
{
	gcry_buffer_t parts[] = {
		{ .data = c->hash, .len = IM_CHAIN },
		{ .data = (void *)(uintptr_t)head, .len = IM_BLOCK_HEAD },
		{ .data = (void *)(uintptr_t)content.p, .len = content.n },
	};
	uint8_t next[IM_CHAIN];
	gcry_md_hash_buffers(GCRY_MD_SHA256, 0, next, parts, content.n ? 3 : 2);
	memcpy(c->hash, next, IM_CHAIN);
}

void im_chain_init(struct im_chain *c)
{
	static const char name[] = "Yagura integrity baseline 1";
	gcry_md_hash_buffer(GCRY_MD_SHA256, c->hash, name, sizeof(name) - 1);
}

int im_block_make(struct buf *out, enum im_block kind, struct str content, struct im_chain *c)
{
	uint8_t head[IM_BLOCK_HEAD];
	struct wr w = wr_init(head, sizeof(head));
	wr_u32(&w, (uint32_t)content.n);
	wr_u8(&w, (uint8_t)kind);
	link_on(c, head, content);
	buf_add(out, head, sizeof(head));
	buf_str(out, content);
	buf_add(out, c->hash, IM_CHAIN);
	return buf_end(out);
}

int64_t im_block_length(const uint8_t head[static IM_BLOCK_HEAD])
{
	struct rd r = rd_init(head, IM_BLOCK_HEAD);
	uint32_t n = rd_u32(&r);
	uint8_t kind = rd_u8(&r);
	if (kind != IM_BLOCK_HEADER && kind != IM_BLOCK_ENTITIES && kind != IM_BLOCK_END)
		return -EBADMSG;
	if (n > (kind == IM_BLOCK_HEADER ? (uint32_t)IM_HEADER_MAX : (uint32_t)IM_BLOCK_MAX))
		return -EBADMSG;
	return IM_BLOCK_HEAD + (int64_t)n + IM_CHAIN;
}

int im_block_open(struct str block, struct im_chain *c, struct str *content)
{
	const uint8_t *p = (const uint8_t *)block.p;
	if (block.n < IM_BLOCK_HEAD + IM_CHAIN || im_block_length(p) != (int64_t)block.n)
		return -EBADMSG;
	struct str inside = { block.p + IM_BLOCK_HEAD, block.n - IM_BLOCK_HEAD - IM_CHAIN };
	struct im_chain next = *c;
	link_on(&next, p, inside);
	if (memcmp(next.hash, block.p + block.n - IM_CHAIN, IM_CHAIN) != 0)
		return -EBADMSG;
	*c = next;
	*content = inside;
	return p[4];
}

/* ---- numbers of any length: seven bits a byte, the lowest first ---- */

static void put(struct buf *b, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		buf_char(b, (char)(v | 0x80));
	buf_char(b, (char)v);
}

static void put_signed(struct buf *b, int64_t v)
{
	put(b, ((uint64_t)v << 1) ^ (v < 0 ? UINT64_MAX : 0));
}

struct in {
	struct str s;
	bool bad;
};

static uint64_t get(struct in *in)
{
	uint64_t v = 0;
	for (unsigned shift = 0; shift < 64; shift += 7) {
		if (!in->s.n)
			break;
		uint8_t byte = (uint8_t)in->s.p[0];
		in->s = str_skip(in->s, 1);
		v |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return v;
	}
	in->bad = true;
	return 0;
}

static uint32_t get32(struct in *in)
{
	uint64_t v = get(in);
	in->bad |= v > UINT32_MAX;
	return (uint32_t)v;
}

static int64_t get_signed(struct in *in)
{
	uint64_t v = get(in);
	return (int64_t)((v >> 1) ^ (v & 1 ? UINT64_MAX : 0));
}

static struct str get_bytes(struct in *in, uint64_t n)
{
	if (in->bad || n > in->s.n) {
		in->bad = true;
		return (struct str){ 0 };
	}
	struct str s = { in->s.p, (size_t)n };
	in->s = str_skip(in->s, (size_t)n);
	return s;
}

static void get_fixed(struct in *in, void *to, size_t n)
{
	struct str s = get_bytes(in, n);
	if (n && s.n == n)
		memcpy(to, s.p, n);
}

/* ---- entities ---- */

static bool is_zero(const uint8_t *p, size_t n)
{
	while (n && !p[n - 1])
		n--;
	return n == 0;
}

/* What a file has of this kind of bytes: where, how long. NULL: none of it is written. */
static uint8_t *digest_of(struct im_file *f, unsigned attribute, size_t *n)
{
	const struct {
		enum im_path_attribute attribute;
		uint8_t *p;
		size_t n;
	} rows[] = {
		{ IMP_MD5, f->md5, sizeof(f->md5) },
		{ IMP_SHA1, f->sha1, sizeof(f->sha1) },
		{ IMP_SHA256, f->sha256, sizeof(f->sha256) },
		{ IMP_SHA512, f->sha512, sizeof(f->sha512) },
		{ IMP_ACL, f->acl, sizeof(f->acl) },
		{ IMP_XATTRS, f->xattrs, sizeof(f->xattrs) },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (rows[i].attribute == attribute) {
			*n = rows[i].n;
			return rows[i].p;
		}
	}
	return NULL;
}

enum { SETTLED = 1u << 0, HAS_ACL = 1u << 1, HAS_XATTRS = 1u << 2, OWNED = 1u << 3 };

static bool left_out(unsigned attribute, unsigned marks)
{
	return (attribute == IMP_ACL && !(marks & HAS_ACL)) ||
	       (attribute == IMP_XATTRS && !(marks & HAS_XATTRS));
}

static void put_file(struct buf *b, uint32_t has, const struct im_file *file)
{
	struct im_file f = *file;
	unsigned marks = (f.settled ? (unsigned)SETTLED : 0) | (f.owned ? (unsigned)OWNED : 0) |
	                 (is_zero(f.acl, IM_DIGEST) ? 0 : (unsigned)HAS_ACL) |
	                 (is_zero(f.xattrs, IM_DIGEST) ? 0 : (unsigned)HAS_XATTRS);
	put(b, marks);
	put(b, f.mode);
	put(b, f.uid);
	put(b, f.gid);
	put(b, f.nlink);
	put(b, f.ino);
	put(b, f.dev);
	put(b, f.rdev);
	put(b, f.size);
	put(b, f.blocks);
	put(b, f.flags);
	/* Most are of one installation: close together. Differences wrap around and back. */
	put_signed(b, f.changed);
	put_signed(b, (int64_t)((uint64_t)f.changed - (uint64_t)f.modified));
	put_signed(b, (int64_t)((uint64_t)f.changed - (uint64_t)f.created));
	if (has & IM_BIT(IMP_ACCESSED))
		put_signed(b, (int64_t)((uint64_t)f.changed - (uint64_t)f.accessed));
	if (S_ISLNK(f.mode) || (has & IM_BIT(IMP_LINK))) {
		put(b, f.target.n);
		buf_str(b, f.target);
	}
	for (unsigned i = 0; i < IMP_COUNT; i++) {
		size_t n = 0;
		const uint8_t *p = digest_of(&f, i, &n);
		if (p && (has & IM_BIT(i)) && !left_out(i, marks))
			buf_add(b, p, n);
	}
}

static void get_file(struct in *in, uint32_t has, struct im_file *f)
{
	unsigned marks = get32(in);
	in->bad |= marks > (SETTLED | HAS_ACL | HAS_XATTRS | OWNED);
	f->settled = marks & SETTLED;
	f->owned = marks & OWNED;
	f->mode = get32(in);
	f->uid = get32(in);
	f->gid = get32(in);
	f->nlink = get32(in);
	f->ino = get(in);
	f->dev = get(in);
	f->rdev = get(in);
	f->size = get(in);
	f->blocks = get(in);
	f->flags = get(in);
	f->changed = get_signed(in);
	f->modified = (int64_t)((uint64_t)f->changed - (uint64_t)get_signed(in));
	f->created = (int64_t)((uint64_t)f->changed - (uint64_t)get_signed(in));
	if (has & IM_BIT(IMP_ACCESSED))
		f->accessed = (int64_t)((uint64_t)f->changed - (uint64_t)get_signed(in));
	if (S_ISLNK(f->mode) || (has & IM_BIT(IMP_LINK)))
		f->target = get_bytes(in, get(in));
	for (unsigned i = 0; i < IMP_COUNT; i++) {
		size_t n = 0;
		uint8_t *p = digest_of(f, i, &n);
		if (p && (has & IM_BIT(i)) && !left_out(i, marks))
			get_fixed(in, p, n);
	}
}

void im_packer_done(struct im_packer *p)
{
	buf_done(&p->block);
	buf_done(&p->last);
}

void im_packer_next(struct im_packer *p)
{
	buf_clear(&p->block);
	buf_clear(&p->last);
}

int im_pack(struct im_packer *p, const struct im_entity *e)
{
	size_t same = 0;
	while (same < p->last.n && same < e->key.n && p->last.p[same] == e->key.p[same])
		same++;
	put(&p->block, (uint64_t)e->class);
	put(&p->block, same);
	put(&p->block, e->key.n - same);
	buf_str(&p->block, str_skip(e->key, same));
	put(&p->block, e->has);
	if (im_classes[e->class].paths)
		put_file(&p->block, e->has, &e->file);
	for (unsigned i = 0; !im_classes[e->class].paths && i < IM_VALUES_MAX; i++) {
		if (!(e->has & IM_BIT(i)))
			continue;
		put(&p->block, e->value[i].n);
		buf_str(&p->block, e->value[i]);
	}
	p->last.n = same;
	buf_str(&p->last, str_skip(e->key, same));
	p->n++;
	return buf_end(&p->block) < 0 || buf_end(&p->last) < 0 ? -ENOMEM : 0;
}

void im_unpacker_done(struct im_unpacker *u)
{
	buf_done(&u->key);
}

void im_unpack_block(struct im_unpacker *u, struct str content)
{
	u->rest = content;
	buf_clear(&u->key);
}

int im_unpack(struct im_unpacker *u, struct im_entity *out)
{
	struct in in = { .s = u->rest };
	if (!u->rest.n)
		return 0;
	struct im_entity e = { 0 };
	uint64_t class = get(&in), same = get(&in), more = get(&in);
	struct str tail = get_bytes(&in, more);
	if (in.bad || class >= IM_LINUX_CLASSES || same > u->key.n || same + more > IM_PATH_MAX)
		return -EBADMSG;
	e.class = (enum im_class) class;
	e.has = get32(&in);
	in.bad |= (e.has & ~im_attributes_all(e.class)) != 0;
	if (im_classes[e.class].paths)
		get_file(&in, e.has, &e.file);
	for (unsigned i = 0; !im_classes[e.class].paths && i < IM_VALUES_MAX; i++)
		if (e.has & IM_BIT(i))
			e.value[i] = get_bytes(&in, get(&in));
	u->key.n = (size_t)same;
	buf_str(&u->key, tail);
	if (in.bad || buf_end(&u->key) < 0)
		return -EBADMSG;
	e.key = buf_view(&u->key);
	u->rest = in.s;
	*out = e;
	return 1;
}

/* ---- totals ---- */

void im_totals_count(struct im_totals *t, const struct im_entity *e)
{
	t->entities++;
	t->files += e->class == IM_FILE;
	t->directories += e->class == IM_DIRECTORY;
	t->bytes += e->class == IM_FILE && S_ISREG(e->file.mode) ? e->file.size : 0;
}

int im_totals_make(struct buf *out, const struct im_totals *t, struct im_chain *c)
{
	AUTO(buf_done) struct buf b = { 0 };
	put(&b, t->entities);
	put(&b, t->files);
	put(&b, t->directories);
	put(&b, t->bytes);
	return im_block_make(out, IM_BLOCK_END, buf_view(&b), c);
}

int im_totals_open(struct str content, struct im_totals *out)
{
	struct in in = { .s = content };
	struct im_totals t = { .entities = get(&in) };
	t.files = get(&in);
	t.directories = get(&in);
	t.bytes = get(&in);
	if (in.bad || in.s.n)
		return -EBADMSG;
	*out = t;
	return 0;
}
