#include <string.h>

#include "engine/app/smb.h"

enum { HEADER = 32, ANDX_MAX = 16, NO_ANDX = 0xff };
enum {
	RENAME = 0x07,
	TRANS = 0x25,
	TRANS_SECONDARY = 0x26,
	WRITE_ANDX = 0x2f,
	TRANS2 = 0x32,
	TRANS2_SECONDARY = 0x33,
	TREE_CONNECT_ANDX = 0x75,
	NT_TRANS = 0xa0,
	NT_TRANS_SECONDARY = 0xa1,
	NT_CREATE_ANDX = 0xa2
};

/* One command of a message: its parameter words and its bytes. */
struct command {
	const struct smb_message *m;
	const uint8_t *words, *bytes;
	size_t nwords, nbytes; /* both in bytes */
	size_t bytes_at;       /* offset of bytes in the message */
	bool utf16;
};

static bool read_command(const struct smb_message *m, size_t at, struct command *c)
{
	if (!smb_within(m, at, 1))
		return false;
	c->m = m;
	c->nwords = (size_t)m->p[at] * 2;
	c->words = m->p + at + 1;
	if (!smb_within(m, at + 1, c->nwords + 2))
		return false;
	c->bytes_at = at + 1 + c->nwords + 2;
	c->bytes = m->p + c->bytes_at;
	c->nbytes = smb_16(c->bytes - 2);
	/* A count that is too large, or of a message that is not held whole. */
	if (c->nbytes > m->n - c->bytes_at)
		c->nbytes = m->n - c->bytes_at;
	c->utf16 = smb_16(m->p + 10) & 0x8000;
	return true;
}

/* Texts of two bytes a character lie at even offsets. */
static size_t aligned(const struct command *c, size_t at)
{
	return c->utf16 && (c->bytes_at + at) % 2 ? at + 1 : at;
}

static bool tree_connect(struct smb *s, struct smb_tx *t, const struct command *c)
{
	if (c->nwords < 8)
		return false;
	size_t at = aligned(c, smb_16(c->words + 6));
	if (at > c->nbytes)
		return false;
	smb_text(s, &t->share, c->bytes + at, c->nbytes - at, c->utf16);
	smb_connect(s, t, smb_16(c->m->p + 30));
	return true;
}

static bool nt_create(struct smb *s, struct smb_tx *t, const struct command *c)
{
	size_t at = aligned(c, 0);
	if (c->nwords < 48 || at > c->nbytes)
		return false;
	smb_text(s, &t->name, c->bytes + at, c->nbytes - at, c->utf16);
	smb_open(s, t, smb_16(c->m->p + 30));
	return true;
}

/* The new name is the second, each behind a byte 4. */
static bool rename_file(struct smb *s, struct smb_tx *t, const struct command *c)
{
	size_t at = aligned(c, 1);
	size_t step = c->utf16 ? 2 : 1;
	while (at + step <= c->nbytes && (c->bytes[at] || (c->utf16 && c->bytes[at + 1])))
		at += step;
	at += step;
	if (at >= c->nbytes || c->bytes[at] != 4)
		return false;
	at = aligned(c, at + 1);
	if (at > c->nbytes)
		return false;
	smb_text(s, &t->name, c->bytes + at, c->nbytes - at, c->utf16);
	t->has_name = true;
	return true;
}

static bool contents(struct smb *s, struct smb_tx *t, const struct smb_message *m, size_t at,
                     size_t n)
{
	if (at > m->n)
		return false;
	n = n < m->n - at ? n : m->n - at;
	if (s->here) {
		s->now = s->last;
		dce_read(s, t, m->p + at, n);
	} else {
		t->file = m->p + at;
		t->nfile = n;
	}
	return true;
}

static bool write_andx(struct smb *s, struct smb_tx *t, const struct command *c)
{
	if (c->nwords < 24)
		return false;
	size_t n = smb_16(c->words + 20) | (size_t)smb_16(c->words + 18) << 16;
	return contents(s, t, c->m, smb_16(c->words + 22), n);
}

static bool trans(struct smb *s, struct smb_tx *t, const struct command *c)
{
	size_t at = 0, n = 0;
	if (c->m->side == APP_CLIENT) {
		if (c->nwords < 28)
			return false;
		n = smb_16(c->words + 22);
		at = smb_16(c->words + 24);
	} else {
		if (c->nwords < 20)
			return c->nwords == 0; /* an error's answer, or an interim one */
		n = smb_16(c->words + 12);
		at = smb_16(c->words + 14);
	}
	if (at > c->m->n)
		return false;
	s->now = s->last;
	dce_read(s, t, c->m->p + at, n < c->m->n - at ? n : c->m->n - at);
	return true;
}

/*
 * MS17-010: a transaction that is begun as NT_TRANSACT, whose sizes have 32 bits, and ended by
 * TRANS2_SECONDARY, whose sizes have 16.
 */
static void follow_transaction(struct smb *s, struct smb_tx *t, uint8_t command,
                               const struct smb_message *m)
{
	static const uint8_t primaries[][2] = { { TRANS, TRANS_SECONDARY },
		                                { TRANS2, TRANS2_SECONDARY },
		                                { NT_TRANS, NT_TRANS_SECONDARY } };
	uint16_t mid = (uint16_t)smb_16(m->p + 30);
	for (size_t i = 0; m->side == APP_CLIENT && i < 3; i++) {
		if (command == primaries[i][0]) {
			s->primary = command;
			s->primary_mid = mid;
		}
		if (command == primaries[i][1] && s->primary && s->primary_mid == mid &&
		    s->primary != primaries[i][0])
			app_tell(s->app, &t->tx, m->side, APP_EVENT_SMB_SECONDARY);
	}
}

static const struct {
	uint8_t command;
	bool responses;
	bool (*read)(struct smb *s, struct smb_tx *t, const struct command *c);
} commands[] = {
	{ RENAME, false, rename_file },       { TRANS, true, trans },
	{ WRITE_ANDX, false, write_andx },    { TREE_CONNECT_ANDX, false, tree_connect },
	{ NT_CREATE_ANDX, false, nt_create },
};

static bool is_andx(uint8_t command)
{
	return command == 0x24 || command == 0x2d || command == 0x2e || command == WRITE_ANDX ||
	       command == 0x73 || command == 0x74 || command == TREE_CONNECT_ANDX ||
	       command == NT_CREATE_ANDX;
}

static void read_one(struct smb *s, const struct smb_message *m, uint8_t command,
                     const struct command *c)
{
	struct smb_tx *t = smb_begin(s, m, 1, command);
	bool fine = true;
	if (!t)
		return;
	if (m->side == APP_CLIENT)
		s->here = smb_tree_has_pipes(s, smb_16(m->p + 24));
	else if (command == TREE_CONNECT_ANDX && smb_32(m->p + 5) == 0)
		smb_tree_given(s, smb_16(m->p + 30), smb_16(m->p + 24));
	follow_transaction(s, t, command, m);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (commands[i].command == command &&
		    (m->side == APP_CLIENT || commands[i].responses))
			fine = commands[i].read(s, t, c);
	if (!fine)
		smb_malformed(s, t);
	smb_end(s, t);
}

/* Commands chained by AndX must lie behind one another, so there is an end. */
void smb1_read(struct smb *s, const struct smb_message *m)
{
	size_t at = HEADER;
	if (m->n < HEADER) {
		smb_malformed(s, NULL);
		return;
	}
	uint8_t command = m->p[4];
	for (int i = 0; i < ANDX_MAX; i++) {
		struct command c;
		if (!read_command(m, at, &c)) {
			smb_malformed(s, NULL);
			return;
		}
		read_one(s, m, command, &c);
		if (!is_andx(command) || c.nwords < 4 || c.words[0] == NO_ANDX)
			return;
		size_t next = smb_16(c.words + 2);
		if (next <= at)
			return;
		command = c.words[0];
		at = next;
	}
}
