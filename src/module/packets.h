#pragma once
#include "engine/packet.h"
#include "module/module.h"

/*
 * The second half of a module's face, for modules that judge packets. The process `packet` asks
 * its rows one after the other (packets.c has the order); `yagura packets` runs the same rows over
 * a capture. Nothing here allocates per packet.
 */

/* What one module says of a packet, and what all of them together say. */
struct packet_answer {
	bool drop;  /* never set in tap mode */
	bool reset; /* with drop, of TCP: the connection ends, its sender is told */
	bool skip;  /* those behind are not asked: a Bypass rule decided */
	/* Of this connection and direction nothing more is to be asked: the kernel passes it on. */
	bool settled;
};

/* Packets that a module has to see although the rules let them pass. Ports are this computer's. */
struct packet_want {
	enum packet_direction direction;
	uint8_t proto; /* PROTO_TCP, PROTO_UDP, ... */
	bool remote;   /* the ports are the other side's */
	/* Of TCP: the answers are not wanted. What the receiver would not take must not come, since
	 * the module cannot know: the ruleset drops what conntrack finds invalid. */
	bool alone;
	uint16_t from, to; /* 0 to 65535: all, also of what has no ports */
};

enum { PACKET_WANTS_MAX = 256 };

/* Where the computer is; contexts name any of them. */
enum fw_place { PLACE_LOCAL = 1, PLACE_REMOTE = 2, PLACE_NONE = 4, PLACE_NO_INTERNET = 8 };
/* What a context of the API names: bits of enum fw_place (firewall/section.c). */
unsigned context_places(const json_t *context);

struct packet_row {
	const struct module *module; /* section, start(), apply(), report(), stop() */
	/* Does what takes long with a policy that has just been parsed, in any thread; may be NULL,
	 * and apply() does without. */
	int (*prepare)(struct rules *r, struct err *why);
	/* Does this policy have the module judge anything? */
	bool (*on)(const struct rules *r);
	/* why: what packet_decode() said of it; REASON_NONE: it is well-formed. */
	struct packet_answer (*judge)(struct instance *i, const struct packet *p, enum reason why);
	/* Every half second or so. */
	void (*tick)(struct instance *i, uint64_t now_ms);
	void (*flush)(struct instance *i); /* all events, now */
	/* What the rules in force want to see, at most max; how many. NULL: what the ruleset of
	 * the Firewall asks by itself. */
	size_t (*wants)(const struct instance *i, struct packet_want *out, size_t max);
	/* The computer's time zone, and where it is (bits of enum fw_place); may be NULL. */
	void (*place)(struct instance *i, int64_t utc_offset_s, unsigned places);
};

extern const struct packet_row *const packet_rows[]; /* packets.c; the Firewall first, NULL last */
enum { PACKET_ROWS_MAX = 4 };
