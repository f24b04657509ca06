#pragma once
#include "module/firewall/firewall.h"

/* What decide.c, recon.c and note.c share. */

/* ---- reconnaissance: recon.c ---- */

struct recons;

struct recon_found {
	enum recon kind;
	struct ip source, target;
	uint16_t port;
	uint64_t when_ms;
	char ifname[16];
};

struct recons *recons_new(const uint64_t key[static 2]);
void recons_free(struct recons *r);
/* refused: why the packet could not be read or put together. Kinds that were found, as bits. */
unsigned recons_see(struct recons *r, const struct recon_rules *rules, const struct packet *p,
                    enum reason refused, uint64_t now_ms);
bool recons_blocked(struct recons *r, const struct ip *source, uint64_t now_ms);
void recons_block(struct recons *r, const struct ip *source, uint64_t until_ms);

/* ---- events, folded: note.c ---- */

enum note_action { NOTE_DENY = 1, NOTE_LOG = 6, NOTE_DETECT = 0x81, NOTE_CONNECTION = 0 };

struct notes;

struct notes *notes_new(void);
void notes_free(struct notes *n);
/* One packet to be told of. rule NULL: reason says why. Allocates nothing. */
void notes_add(struct notes *n, const struct rules *r, const struct packet *p,
               const struct fw_rule *rule, enum reason reason, enum note_action action,
               const char *note, uint64_t now_ms);
void notes_recon(struct notes *n, const struct recon_found *found);
/* Gives the host what is due; all: what is folded too. */
void notes_tell(struct notes *n, const struct rules *r, struct host *h, uint64_t now_ms, bool all);
