#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "engine/packet.h"

/* pcap and pcapng files, from memory: each packet as it stands there. */

enum { CAPTURE_INTERFACES = 64 };

struct capture {
	const uint8_t *p; /* borrowed */
	size_t n, at;
	bool ng, little;
	unsigned ninterfaces;
	struct capture_interface {
		uint16_t link; /* LINKTYPE_ number */
		uint64_t per_second;
	} interfaces[CAPTURE_INTERFACES];
};

struct capture_packet {
	const uint8_t *data; /* behind a cooked header */
	size_t len, wire_len;
	uint64_t when_ms;
	enum packet_link link;
	bool readable; /* false: no link type that we know, or a frame without IP */
	int outgoing;  /* 1, 0, or -1: the file does not say */
	unsigned interface;
};

int capture_open(struct capture *c, const void *p, size_t n, struct err *why);
/* 1: a packet; 0: the end; -EBADMSG: the file is damaged here. */
int capture_next(struct capture *c, struct capture_packet *out, struct err *why);
