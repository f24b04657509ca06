#pragma once
#include "engine/app/inspect.h"

/*
 * SMB 1, 2 and 3 ([MS-CIFS], [MS-SMB2]) and DCE/RPC ([C706]) over its pipes. A message (of a
 * compound each) is a transaction that begins and ends with it.
 */

enum { SMB_HELD = 64 << 10, DCE_CONTEXTS = 16, SMB_PIPE_LONG = 128 };
/* How many of each are kept in mind; the oldest give way. */
enum { SMB_TREES = 8, SMB_PIPES = 8, SMB_HANDLES = 16, SMB_FILE_ID = 16 };

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

struct smb_tree {
	uint64_t mid; /* of the request, while asked */
	uint32_t id;
	bool asked, known, pipes;
};

struct smb_pipe {
	uint64_t mid;
	uint8_t id[SMB_FILE_ID];
	bool asked, known;
	char name[SMB_PIPE_LONG];
	size_t n;
	struct dce_context contexts[DCE_CONTEXTS];
	unsigned ncontexts;
};

/* What an answer is about that does not say it itself. */
struct smb_handle {
	uint64_t mid;
	unsigned command;
	bool used, is_pipe;
	struct smb_pipe *pipe; /* of smb.pipes, NULL: the last that was opened */
};

struct smb {
	struct app *app;
	struct smb_half half[APP_SIDES];
	struct smb_tx *spare; /* owned */
	bool ipc;             /* the share that was connected last has pipes */
	bool here;            /* so has the share that the message at hand is about */
	struct smb_tree trees[SMB_TREES];
	struct smb_pipe pipes[SMB_PIPES];
	struct smb_handle handles[SMB_HANDLES];
	unsigned next_tree, next_pipe, next_handle;
	struct smb_pipe *last, *now; /* of pipes: opened last, spoken over now; or NULL */
	uint8_t primary;             /* SMB1: the command of the transaction under way, 0: none */
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
/* A share, "\\server\share", is connected by the request mid: is it the one with pipes? */
void smb_connect(struct smb *s, struct smb_tx *t, uint64_t mid);
/* A file or pipe that the request mid opens or makes: t->name is set. */
void smb_open(struct smb *s, struct smb_tx *t, uint64_t mid);
void smb_malformed(struct smb *s, struct smb_tx *t);
bool smb_within(const struct smb_message *m, size_t at, size_t n);

void smb1_read(struct smb *s, const struct smb_message *m); /* smb1.c */
void smb2_read(struct smb *s, const struct smb_message *m); /* smb2.c */
/* smb_handles.c */
void smb_tree_asked(struct smb *s, uint64_t mid, bool pipes);
void smb_tree_given(struct smb *s, uint64_t mid, uint32_t id);
bool smb_tree_has_pipes(const struct smb *s, uint32_t id);
void smb_pipe_asked(struct smb *s, uint64_t mid, struct str name);
void smb_pipe_given(struct smb *s, uint64_t mid, const uint8_t id[static SMB_FILE_ID]);
struct smb_pipe *smb_pipe_of(struct smb *s, const uint8_t id[static SMB_FILE_ID]);
/* Key: the message and the command, so that an answer without a request is about no other one. */
void smb_handle_asked(struct smb *s, uint64_t mid, unsigned command, struct smb_handle h);
bool smb_handle_answered(struct smb *s, uint64_t mid, unsigned command, struct smb_handle *out);
/* What is written to, or read from, the pipe s->now: dce.c */
void dce_read(struct smb *s, struct smb_tx *t, const uint8_t *p, size_t n);
