#include "module/integritymonitoring/survey/ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/base64.h"
#include "base/file.h"
#include "base/json.h"

enum { JOURNAL_MAX = 1 << 30 };

struct ledger_block {
	struct keep_place place;
	struct im_entity first; /* class and key count; the key is the arena's */
};

/* What became of an entity since the baseline. */
struct ledger_line {
	struct buf packed; /* im_pack(); one that is gone has no attributes */
	bool gone;
	unsigned version;
	uint64_t round;
};

struct ledger_link {
	struct ledger_link *next;
	struct str path;
};

/* A file of the baseline that had one name then: it may get another. */
struct ledger_inode {
	uint32_t hash, block;
};

/* ---- keys ---- */

/* Files and directories share their names. */
static void line_key(struct buf *out, enum im_class class, struct str key)
{
	static const char kinds[IM_CLASSES + 1] = "ppghijklmno";
	buf_char(out, kinds[class]);
	buf_str(out, key);
}

static struct ledger_line *line_of(const struct ledger *l, enum im_class class, struct str key)
{
	AUTO(buf_done) struct buf b = { 0 };
	line_key(&b, class, key);
	return map_get(&l->lines, buf_view(&b));
}

static bool open_line(const struct ledger_line *line, struct im_unpacker *u, struct buf *text,
                      struct im_entity *out)
{
	buf_clear(text);
	buf_str(text, buf_view(&line->packed));
	im_unpack_block(u, buf_view(text));
	return im_unpack(u, out) == 1;
}

/* ---- names of files that have several ---- */

static void add_link(struct ledger *l, const struct im_entity *e)
{
	const uint64_t id[2] = { e->file.dev, e->file.ino };
	struct str key = { (const char *)id, sizeof(id) };
	struct ledger_link *first = map_get(&l->links, key);
	for (const struct ledger_link *k = first; k; k = k->next)
		if (str_eq(k->path, e->key))
			return;
	struct ledger_link *k = arena_alloc(&l->arena, sizeof(*k));
	k->next = first;
	k->path = (struct str){ arena_str(&l->arena, e->key), e->key.n };
	map_set(&l->links, key, k);
}

static uint32_t hash_of(uint64_t dev, uint64_t ino)
{
	const uint64_t id[2] = { dev, ino };
	static const uint64_t key[2] = { 1, 2 };
	return (uint32_t)siphash(key, id, sizeof(id));
}

static int add_inode(struct ledger *l, const struct im_entity *e, size_t block)
{
	if (l->ninodes == l->inode_cap) {
		size_t cap = l->inode_cap ? l->inode_cap * 2 : 1024;
		struct ledger_inode *more = reallocarray(l->inodes, cap, sizeof(*more));
		if (!more)
			return -ENOMEM;
		l->inodes = more;
		l->inode_cap = cap;
	}
	l->inodes[l->ninodes++] =
		(struct ledger_inode){ hash_of(e->file.dev, e->file.ino), (uint32_t)block };
	return 0;
}

static int by_hash(const void *a, const void *b)
{
	const struct ledger_inode *x = a, *y = b;
	return x->hash != y->hash ? (x->hash < y->hash ? -1 : 1)
	                          : (x->block > y->block) - (x->block < y->block);
}

/* The first of this hash, or of a greater one. */
static size_t first_inode(const struct ledger *l, uint32_t hash)
{
	size_t low = 0, high = l->ninodes;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (l->inodes[middle].hash < hash)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Has keep begin with the entities of a block; -EBADMSG or -errno. */
static int go_to_block(struct ledger *l, size_t at)
{
	int rc = 0;
	if (l->block != at)
		rc = keep_seek(&l->keep, &l->blocks[at].place);
	else
		im_unpack_block(&l->keep.unpacker, buf_view(&l->keep.block));
	l->block = rc < 0 ? SIZE_MAX : at;
	return rc;
}

void ledger_links(struct ledger *l, const struct im_file *f,
                  void (*each)(void *arg, struct str path), void *arg)
{
	const uint64_t id[2] = { f->dev, f->ino };
	const struct ledger_link *k = map_get(&l->links, (struct str){ (const char *)id, 16 });
	uint32_t hash = hash_of(f->dev, f->ino);
	struct im_entity e;
	for (; k; k = k->next)
		each(arg, k->path);
	for (size_t i = first_inode(l, hash); i < l->ninodes && l->inodes[i].hash == hash; i++) {
		if (go_to_block(l, l->inodes[i].block) < 0)
			return;
		while (im_unpack(&l->keep.unpacker, &e) == 1)
			if (e.class == IM_FILE && e.file.nlink == 1 && e.file.ino == f->ino &&
			    e.file.dev == f->dev)
				each(arg, e.key);
	}
}

/* ---- the journal ---- */

static void set_line(struct ledger *l, const struct im_entity *e, bool gone)
{
	struct im_packer p = { 0 };
	AUTO(buf_done) struct buf key = { 0 };
	struct ledger_line *line = line_of(l, e->class, e->key);
	if (im_pack(&p, e) < 0)
		abort();
	if (!line) {
		line = xcalloc(1, sizeof(*line));
		line_key(&key, e->class, e->key);
		map_set(&l->lines, buf_view(&key), line);
		l->bytes += sizeof(*line) + key.n;
	}
	l->bytes += p.block.n - line->packed.n;
	buf_done(&line->packed);
	line->packed = p.block;
	p.block = (struct buf){ 0 };
	im_packer_done(&p);
	line->gone = gone;
	line->version++;
	line->round = l->round;
	if (!gone && e->class == IM_FILE && S_ISREG(e->file.mode))
		add_link(l, e);
}

static int read_block(struct ledger *l, struct str block, bool first)
{
	struct str content;
	int kind = im_block_open(block, &l->chain, &content);
	if (kind < 0)
		return kind;
	if (first) {
		AUTO(json_decrefp)
		json_t *o = kind == IM_BLOCK_HEADER ? json_parse(content, NULL) : NULL;
		return strcmp(json_text(o, "root", ""), l->root) == 0 ? 0 : -EBADMSG;
	}
	AUTO(im_unpacker_done) struct im_unpacker u = { 0 };
	struct im_entity e;
	im_unpack_block(&u, content);
	for (;;) {
		int rc = im_unpack(&u, &e);
		if (rc <= 0)
			return rc;
		set_line(l, &e, e.has == 0);
	}
}

/* The bytes of the journal that are whole; 0: it is of another baseline. */
static size_t read_journal(struct ledger *l, struct str all)
{
	size_t at = 0;
	im_chain_init(&l->chain);
	while (all.n - at >= IM_BLOCK_HEAD) {
		int64_t n = im_block_length((const uint8_t *)all.p + at);
		if (n < 0 || (uint64_t)n > all.n - at ||
		    read_block(l, (struct str){ all.p + at, (size_t)n }, at == 0) < 0)
			break;
		at += (size_t)n;
	}
	return at;
}

static int open_journal(struct ledger *l)
{
	AUTO(buf_done) struct buf all = { 0 }, header = { 0 }, out = { 0 };
	int rc = file_read(l->dir, l->journal, JOURNAL_MAX, &all);
	if (rc < 0 && rc != -ENOENT)
		return rc;
	size_t whole = read_journal(l, buf_view(&all));
	l->fd = openat(l->dir, l->journal, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (l->fd < 0 || ftruncate(l->fd, (off_t)whole) < 0 || lseek(l->fd, 0, SEEK_END) < 0)
		return -errno;
	if (whole)
		return 0;
	AUTO(json_decrefp) json_t *o = json_object();
	json_set_text(o, "root", l->root);
	json_write(&header, o);
	im_chain_init(&l->chain);
	rc = im_block_make(&out, IM_BLOCK_HEADER, buf_view(&header), &l->chain);
	return rc < 0 ? rc : file_write_all(l->fd, out.p, out.n);
}

int ledger_save(struct ledger *l)
{
	AUTO(buf_done) struct buf out = { 0 };
	struct im_chain before = l->chain;
	if (!l->pending.block.n || l->fd < 0)
		return 0;
	off_t at = lseek(l->fd, 0, SEEK_CUR);
	int rc = im_block_make(&out, IM_BLOCK_ENTITIES, buf_view(&l->pending.block), &l->chain);
	if (rc == 0)
		rc = file_write_all(l->fd, out.p, out.n);
	if (rc == 0) {
		im_packer_next(&l->pending);
		return 0;
	}
	/* Half a block would hide all that follow. */
	l->chain = before;
	if (at < 0 || ftruncate(l->fd, at) < 0 || lseek(l->fd, at, SEEK_SET) < 0)
		close(TAKE_FD(l->fd));
	return rc;
}

static void note(struct ledger *l, const struct im_entity *e, bool gone)
{
	set_line(l, e, gone);
	/* A block is bounded, and so is what a crash makes us find again. */
	if (l->pending.block.n > IM_BLOCK_MAX / 2)
		ledger_save(l);
	if (l->pending.block.n <= IM_BLOCK_MAX / 2)
		im_pack(&l->pending, e);
}

void ledger_put(struct ledger *l, const struct im_entity *e)
{
	note(l, e, false);
}

void ledger_gone(struct ledger *l, enum im_class class, struct str key)
{
	const struct im_entity e = { .class = class, .key = key };
	note(l, &e, true);
}

/* ---- the baseline ---- */

static int add_block(struct ledger *l, const struct keep_place *place, size_t *cap)
{
	struct im_entity e;
	int rc = im_unpack(&l->keep.unpacker, &e);
	if (rc <= 0)
		return rc;
	if (l->nblocks == *cap) {
		size_t more = *cap ? *cap * 2 : 64;
		struct ledger_block *b = reallocarray(l->blocks, more, sizeof(*b));
		if (!b)
			return -ENOMEM;
		l->blocks = b;
		*cap = more;
	}
	struct ledger_block *b = &l->blocks[l->nblocks++];
	*b = (struct ledger_block){ .place = *place, .first = { .class = e.class } };
	b->first.key = (struct str){ arena_str(&l->arena, e.key), e.key.n };
	for (; rc == 1; rc = im_unpack(&l->keep.unpacker, &e)) {
		if (e.class != IM_FILE || !S_ISREG(e.file.mode))
			continue;
		if (e.file.nlink > 1)
			add_link(l, &e);
		else if (add_inode(l, &e, l->nblocks - 1) < 0)
			return -ENOMEM;
	}
	return rc;
}

static int index_blocks(struct ledger *l)
{
	struct keep_place place;
	size_t cap = 0;
	int rc = 0;
	while ((rc = keep_block(&l->keep, &place)) == 1) {
		rc = add_block(l, &place, &cap);
		if (rc < 0)
			break;
	}
	if (l->ninodes)
		qsort(l->inodes, l->ninodes, sizeof(*l->inodes), by_hash);
	return rc;
}

int ledger_open(struct ledger *l, int dir, const char *path, struct err *why)
{
	AUTO(buf_done) struct buf name = { 0 };
	*l = (struct ledger){ .dir = dir, .fd = -1, .block = SIZE_MAX, .keep = { .fd = -1 } };
	buf_fmt(&name, "%s.changes", path);
	l->journal = buf_take(&name);
	int rc = keep_open(&l->keep, dir, path, why);
	if (rc < 0)
		return rc;
	hex_lower(l->root, l->keep.root.hash, IM_CHAIN);
	rc = index_blocks(l);
	if (rc < 0)
		return err_set(why, rc, "read %s: %s", path, strerror(-rc));
	rc = open_journal(l);
	return rc < 0 ? err_set(why, rc, "%s: %s", l->journal, strerror(-rc)) : 0;
}

void ledger_close(struct ledger *l)
{
	struct map_item item;
	for (size_t at = 0; map_next(&l->lines, &at, &item);) {
		struct ledger_line *line = item.value;
		buf_done(&line->packed);
		free(line);
	}
	map_done(&l->lines);
	map_done(&l->links);
	if (l->journal)
		keep_close(&l->keep);
	if (l->journal && l->fd >= 0)
		close(l->fd);
	free(l->journal);
	free(l->blocks);
	free(l->frozen);
	free(l->inodes);
	arena_done(&l->arena);
	buf_done(&l->found);
	buf_done(&l->frozen_text);
	im_unpacker_done(&l->unpacker);
	im_unpacker_done(&l->frozen_unpacker);
	im_packer_done(&l->pending);
	*l = (struct ledger){ .fd = -1, .keep = { .fd = -1 } };
}

/* The block that would hold it; SIZE_MAX: before all. */
static size_t block_of(const struct ledger *l, const struct im_entity *e)
{
	size_t low = 0, high = l->nblocks;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (im_order(&l->blocks[middle].first, e) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low - 1;
}

static int find_in_baseline(struct ledger *l, const struct im_entity *e, struct im_entity *out)
{
	size_t at = block_of(l, e);
	if (at == SIZE_MAX)
		return 0;
	int rc = go_to_block(l, at);
	while (rc == 0) {
		rc = im_unpack(&l->keep.unpacker, out);
		if (rc <= 0)
			return rc;
		int order = im_order(out, e);
		if (order >= 0)
			return order == 0;
		rc = 0;
	}
	return rc;
}

int ledger_find(struct ledger *l, enum im_class class, struct str key, struct im_entity *out)
{
	const struct im_entity e = { .class = class, .key = key };
	const struct ledger_line *line = line_of(l, class, key);
	if (line)
		return !line->gone && open_line(line, &l->unpacker, &l->found, out);
	return find_in_baseline(l, &e, out);
}

unsigned ledger_version(const struct ledger *l, enum im_class class, struct str key)
{
	const struct ledger_line *line = line_of(l, class, key);
	return line ? line->version : 0;
}

/* ---- beside a survey ---- */

static int by_order(const void *a, const void *b)
{
	const struct ledger_line *const *x = a, *const *y = b;
	struct im_unpacker u = { 0 }, v = { 0 };
	struct im_entity e = { 0 }, f = { 0 };
	im_unpack_block(&u, buf_view(&(*x)->packed));
	im_unpack_block(&v, buf_view(&(*y)->packed));
	im_unpack(&u, &e);
	im_unpack(&v, &f);
	int order = im_order(&e, &f);
	im_unpacker_done(&u);
	im_unpacker_done(&v);
	return order;
}

static struct ledger_line **all_lines(const struct ledger *l, size_t *n)
{
	struct ledger_line **list = xcalloc(l->lines.n + 1, sizeof(struct ledger_line *));
	struct map_item item;
	*n = 0;
	for (size_t at = 0; map_next(&l->lines, &at, &item);)
		list[(*n)++] = item.value;
	return list;
}

void ledger_freeze(struct ledger *l)
{
	free(l->frozen);
	l->frozen = all_lines(l, &l->nfrozen);
	l->thawed = 0;
	l->round++;
	qsort(l->frozen, l->nfrozen, sizeof(struct ledger_line *), by_order);
}

int ledger_thaw(struct ledger *l, struct im_entity *out, bool *gone)
{
	if (l->thawed == l->nfrozen)
		return 0;
	const struct ledger_line *line = l->frozen[l->thawed++];
	*gone = line->gone;
	return open_line(line, &l->frozen_unpacker, &l->frozen_text, out);
}

bool ledger_newer(const struct ledger *l, const struct im_entity *e)
{
	const struct ledger_line *line = line_of(l, e->class, e->key);
	return line && line->round == l->round;
}

static bool is_known(struct ledger *l, const struct im_entity *e, bool gone)
{
	struct im_entity was = { 0 };
	if (ledger_find(l, e->class, e->key, &was) != 1)
		return gone;
	return !gone && was.class == e->class && was.has == e->has && im_compare(&was, e) == 0 &&
	       (!im_classes[e->class].paths || was.file.changed == e->file.changed);
}

void ledger_carry(struct ledger *l, struct ledger *before)
{
	struct map_item item;
	AUTO(im_unpacker_done) struct im_unpacker u = { 0 };
	AUTO(buf_done) struct buf text = { 0 };
	for (size_t at = 0; map_next(&before->lines, &at, &item);) {
		const struct ledger_line *line = item.value;
		struct im_entity e;
		if (line->round == before->round && open_line(line, &u, &text, &e) &&
		    !is_known(l, &e, line->gone))
			note(l, &e, line->gone);
	}
}

/* ---- all that is known ---- */

int cursor_open(struct cursor *c, struct ledger *l, enum im_class class, struct str below)
{
	AUTO(buf_done) struct buf b = { 0 };
	*c = (struct cursor){ .ledger = l, .class = class, .keep = { .fd = -1 } };
	buf_str(&b, below);
	if (im_classes[class].paths && !str_ends(below, STR("/")))
		buf_char(&b, '/');
	buf_str(&b, (struct str){ 0 });
	c->below = str_dup(buf_view(&b));
	c->lines = all_lines(l, &c->nlines);
	c->keep.fd = fcntl(l->keep.fd, F_DUPFD_CLOEXEC, 3);
	c->keep.size = l->keep.size;
	if (c->keep.fd < 0)
		return -errno;
	/* What lies below a path follows it. */
	const struct im_entity from = { .class = class, .key = below };
	size_t at = block_of(l, &from);
	if (l->nblocks == 0)
		c->keep.ended = true;
	else
		return keep_seek(&c->keep, &l->blocks[at == SIZE_MAX ? 0 : at].place);
	return 0;
}

void cursor_close(struct cursor *c)
{
	if (c->below)
		keep_close(&c->keep);
	free(c->below);
	free(c->lines);
	buf_done(&c->text);
	im_unpacker_done(&c->unpacker);
	*c = (struct cursor){ .keep = { .fd = -1 } };
}

static bool is_meant(const struct cursor *c, const struct im_entity *e)
{
	if (!im_classes[c->class].paths)
		return e->class == c->class;
	return im_classes[e->class].paths && str_starts(e->key, str_of(c->below));
}

/* Nothing more of the baseline can be meant. */
static bool is_past(const struct cursor *c, const struct im_entity *e)
{
	const struct im_entity end = { .class = c->class, .key = str_of(c->below) };
	return im_order(e, &end) > 0;
}

int cursor_next(struct cursor *c, struct im_entity *out)
{
	while (!c->passed) {
		int rc = c->keep.ended ? 0 : keep_next(&c->keep, out);
		if (rc < 0)
			return rc;
		if (rc == 0 || (is_past(c, out) && !is_meant(c, out)))
			c->passed = true;
		else if (is_meant(c, out) && !line_of(c->ledger, out->class, out->key))
			return 1;
	}
	while (c->line < c->nlines) {
		const struct ledger_line *line = c->lines[c->line++];
		if (!line->gone && open_line(line, &c->unpacker, &c->text, out) && is_meant(c, out))
			return 1;
	}
	return 0;
}
