#include <string.h>

#include "engine/app/smb.h"

enum { HEADER = 64, FLAG_RESPONSE = 1, CHAIN_MAX = 64 };
enum {
	NEGOTIATE = 0,
	TREE_CONNECT = 3,
	CREATE = 5,
	READ = 8,
	WRITE = 9,
	IOCTL = 11,
	SET_INFO = 17
};
enum { PIPE_TRANSCEIVE = 0x0011c017, INFO_FILE = 1, INFO_RENAME = 10 };

enum { FLAG_ASYNC = 2, FLAG_RELATED = 4, AT_FLAGS = 16, AT_MID = 24, AT_TREE = 36 };

static uint64_t mid_of(const struct smb_message *m)
{
	return (uint64_t)smb_32(m->p + AT_MID + 4) << 32 | smb_32(m->p + AT_MID);
}

/* n bytes at an offset from the header on; false: they are not all there. */
static bool part(const struct smb_message *m, size_t at, size_t n, const uint8_t **out)
{
	if (!smb_within(m, at, n))
		return false;
	*out = m->p + at;
	return true;
}

static bool tree_connect(struct smb *s, struct smb_tx *t, const struct smb_message *m)
{
	const uint8_t *b = m->p + HEADER, *path = NULL;
	if (m->n < HEADER + 8 || !part(m, smb_16(b + 4), smb_16(b + 6), &path))
		return false;
	smb_text(s, &t->share, path, smb_16(b + 6), true);
	smb_connect(s, t, mid_of(m));
	return true;
}

static bool tree_connected(struct smb *s, struct smb_tx *t, const struct smb_message *m)
{
	(void)t;
	if (smb_32(m->p + 8) == 0)
		smb_tree_given(s, mid_of(m), smb_32(m->p + AT_TREE));
	return true;
}

static bool create(struct smb *s, struct smb_tx *t, const struct smb_message *m)
{
	const uint8_t *b = m->p + HEADER, *name = NULL;
	if (m->n < HEADER + 56 || !part(m, smb_16(b + 44), smb_16(b + 46), &name))
		return false;
	smb_text(s, &t->name, name, smb_16(b + 46), true);
	smb_open(s, t, mid_of(m));
	return true;
}

static bool created(struct smb *s, struct smb_tx *t, const struct smb_message *m)
{
	(void)t;
	if (smb_32(m->p + 8) == 0 && m->n >= HEADER + 80)
		smb_pipe_given(s, mid_of(m), m->p + HEADER + 64);
	return true;
}

/* What a request's FileId means; one of bits alone is what the message before it opened. */
static struct smb_handle handle_of(struct smb *s, const uint8_t *id)
{
	struct smb_pipe *pipe = smb_pipe_of(s, id);
	return (struct smb_handle){ .is_pipe = pipe || s->here, .pipe = pipe };
}

static struct smb_handle answered(struct smb *s, const struct smb_message *m)
{
	struct smb_handle h = { .is_pipe = s->ipc };
	smb_handle_answered(s, mid_of(m), READ, &h);
	return h;
}

/* Data of a file, or what is said over a pipe; only as much as is held. */
static bool contents(struct smb *s, struct smb_tx *t, const struct smb_message *m,
                     const struct smb_handle *h, size_t at, size_t n)
{
	if (at > m->n)
		return false;
	n = n < m->n - at ? n : m->n - at;
	if (h->is_pipe) {
		s->now = h->pipe ? h->pipe : s->last;
		dce_read(s, t, m->p + at, n);
	} else {
		t->file = m->p + at;
		t->nfile = n;
	}
	return true;
}

static bool write_request(struct smb *s, struct smb_tx *t, const struct smb_message *m)
{
	const uint8_t *b = m->p + HEADER;
	if (m->n < HEADER + 48)
		return false;
	struct smb_handle h = handle_of(s, b + 16);
	return contents(s, t, m, &h, smb_16(b + 2), smb_32(b + 4));
}

static bool read_request(struct smb *s, struct smb_tx *t, const struct smb_message *m)
{
	(void)t;
	if (m->n < HEADER + 48)
		return false;
	smb_handle_asked(s, mid_of(m), READ, handle_of(s, m->p + HEADER + 16));
	return true;
}

static bool read_response(struct smb *s, struct smb_tx *t, const struct smb_message *m)
{
	const uint8_t *b = m->p + HEADER;
	if (m->n < HEADER + 16 || smb_16(b) != 17)
		return m->n >= HEADER + 8; /* an error's answer */
	struct smb_handle h = answered(s, m);
	return contents(s, t, m, &h, b[2], smb_32(b + 4));
}

static bool ioctl_body(struct smb *s, struct smb_tx *t, const struct smb_message *m)
{
	const uint8_t *b = m->p + HEADER;
	bool answer = m->side == APP_SERVER;
	if (m->n < HEADER + (answer ? 48u : 56u))
		return answer && m->n >= HEADER + 8;
	if (smb_32(b + 4) != PIPE_TRANSCEIVE)
		return true;
	size_t at = answer ? smb_32(b + 32) : smb_32(b + 24);
	size_t n = answer ? smb_32(b + 36) : smb_32(b + 28);
	struct smb_handle h = { .is_pipe = true };
	if (answer) {
		smb_handle_answered(s, mid_of(m), IOCTL, &h);
	} else {
		h.pipe = smb_pipe_of(s, b + 8);
		smb_handle_asked(s, mid_of(m), IOCTL, h);
	}
	return contents(s, t, m, &h, at, n);
}

static bool set_info(struct smb *s, struct smb_tx *t, const struct smb_message *m)
{
	const uint8_t *b = m->p + HEADER, *info = NULL;
	if (m->n < HEADER + 32)
		return false;
	if (b[2] != INFO_FILE || b[3] != INFO_RENAME)
		return true;
	size_t at = smb_16(b + 8), len = 0;
	if (!part(m, at, 20, &info))
		return false;
	len = smb_32(info + 16);
	if (!smb_within(m, at + 20, len))
		return false;
	smb_text(s, &t->name, info + 20, len, true);
	t->has_name = true;
	return true;
}

static const struct {
	unsigned command;
	bool (*request)(struct smb *s, struct smb_tx *t, const struct smb_message *m);
	bool (*response)(struct smb *s, struct smb_tx *t, const struct smb_message *m);
} commands[] = {
	{ TREE_CONNECT, tree_connect, tree_connected },
	{ CREATE, create, created },
	{ READ, read_request, read_response },
	{ WRITE, write_request, NULL },
	{ IOCTL, ioctl_body, ioctl_body },
	{ SET_INFO, set_info, NULL },
};

static void read_one(struct smb *s, const struct smb_message *m)
{
	unsigned command = smb_16(m->p + 12);
	struct smb_tx *t = smb_begin(s, m, 2, command);
	bool fine = true;
	if (!t)
		return;
	if (!(smb_32(m->p + AT_FLAGS) & (FLAG_ASYNC | FLAG_RELATED)))
		s->here = smb_tree_has_pipes(s, smb_32(m->p + AT_TREE));
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (commands[i].command != command)
			continue;
		if (m->side == APP_CLIENT && commands[i].request)
			fine = commands[i].request(s, t, m);
		if (m->side == APP_SERVER && commands[i].response)
			fine = commands[i].response(s, t, m);
	}
	if (!fine)
		smb_malformed(s, t);
	smb_end(s, t);
}

/* A message may hold several, each saying how far away the next is (2.2.1). */
void smb2_read(struct smb *s, const struct smb_message *m)
{
	struct smb_message one = *m;
	for (int i = 0; i < CHAIN_MAX && one.n >= HEADER && memcmp(one.p, "\xfeSMB", 4) == 0; i++) {
		uint32_t next = smb_32(one.p + 20);
		size_t whole = one.n;
		if (next && (next < HEADER || next > whole)) {
			smb_malformed(s, NULL);
			next = 0;
		}
		one.n = next ? next : whole;
		read_one(s, &one);
		if (!next)
			return;
		one.p += next;
		one.n = whole - next;
	}
	if (m->n < HEADER)
		smb_malformed(s, NULL);
}
