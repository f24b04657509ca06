#pragma once
#include "engine/app/inspect.h"

/*
 * SMB 1, 2 and 3 ([MS-CIFS], [MS-SMB2]) and DCE/RPC ([C706]) over its pipes. A message (of a
 * compound each) is a transaction that begins and ends with it.
 */

enum { SMB_HELD = 64 << 10, DCE_CONTEXTS = 16, SMB_PIPE_LONG = 256 };

struct smb_message {
	const uint8_t *p; /* from the protocol's identifier on */
	size_t n;         /* as much of it as is held */
	enum app_side side;
};

struct smb_tx {
	struct app_tx tx;
	enum app_side side;
	unsigned version, command;
	struct buf share, pipe, name; /* of this message; UTF-8 */
	bool has_share, has_pipe, has_name;
	/* Borrowed from the message. */
	const uint8_t *stub, *file, *interface;
	size_t nstub, nfile;
	bool has_opnum;
	uint16_t opnum;
};

struct dce_context {
	uint16_t id;
	uint8_t interface[16];
};

struct smb_half {
	uint8_t header[4];
	unsigned nheader;
	size_t left; /* of the message, not here yet */
	struct buf held;
	bool over;
};

struct smb {
	struct app *app;
	struct smb_half half[APP_SIDES];
	struct smb_tx *spare;     /* owned */
	bool ipc;                 /* the share that was connected last has pipes */
	char pipe[SMB_PIPE_LONG]; /* opened last */
	size_t npipe;
	struct dce_context contexts[DCE_CONTEXTS];
	unsigned ncontexts;
	uint8_t primary; /* SMB1: the command of the transaction under way, 0: none */
	uint16_t primary_mid;
};

static inline unsigned smb_16(const uint8_t *p)
{
	return (unsigned)p[1] << 8 | p[0];
}

static inline uint32_t smb_32(const uint8_t *p)
{
	return (uint32_t)smb_16(p + 2) << 16 | smb_16(p);
}

/* smb.c */
struct smb_tx *smb_begin(struct smb *s, const struct smb_message *m, unsigned version,
                         unsigned command); /* NULL: no memory */
void smb_end(struct smb *s, struct smb_tx *t);
/* UTF-16 as UTF-8, up to a NUL; a byte that is missing at the end is left out. */
void smb_text(struct smb *s, struct buf *out, const uint8_t *p, size_t n, bool utf16);
/* A share, "\\server\share": is it the one with pipes? */
void smb_connect(struct smb *s, struct smb_tx *t);
/* A file or pipe that is opened, renamed to, or made: t->name is set. */
void smb_open(struct smb *s, struct smb_tx *t);
void smb_malformed(struct smb *s, struct smb_tx *t);
bool smb_within(const struct smb_message *m, size_t at, size_t n);

void smb1_read(struct smb *s, const struct smb_message *m); /* smb1.c */
void smb2_read(struct smb *s, const struct smb_message *m); /* smb2.c */
/* What is written to, or read from, a pipe: dce.c */
void dce_read(struct smb *s, struct smb_tx *t, const uint8_t *p, size_t n);
