#include <string.h>

#include "engine/app/smb.h"

/* DCE/RPC's connection-oriented PDUs ([C706], 12.6): which interface, which operation, its
 * arguments. */

enum { DCE_HEADER = 16, REQUEST_HEADER = 24, CONTEXT_LEN = 44, CONTEXT_SYNTAX = 20 };
enum { PDU_REQUEST = 0, PDU_RESPONSE = 2, PDU_BIND = 11, PDU_ALTER = 14 };
enum { FLAG_OBJECT = 0x80 };

static unsigned number(const uint8_t *pdu, size_t at)
{
	bool little = pdu[4] & 0x10;
	return little ? smb_16(pdu + at) : (unsigned)pdu[at] << 8 | pdu[at + 1];
}

static void keep_context(struct smb *s, uint16_t id, const uint8_t *interface)
{
	struct smb_pipe *p = s->now;
	unsigned i = 0;
	if (!p)
		return;
	while (i < p->ncontexts && p->contexts[i].id != id)
		i++;
	if (i == DCE_CONTEXTS)
		i = 0; /* the oldest gives way */
	else if (i == p->ncontexts)
		p->ncontexts++;
	p->contexts[i].id = id;
	memcpy(p->contexts[i].interface, interface, sizeof(p->contexts[i].interface));
}

static void read_bind(struct smb *s, struct smb_tx *t, const uint8_t *p, size_t n)
{
	size_t at = DCE_HEADER + 12;
	if (n < at) {
		smb_malformed(s, t);
		return;
	}
	for (unsigned left = p[DCE_HEADER + 8]; left; left--) {
		if (n - at < CONTEXT_LEN - CONTEXT_SYNTAX) {
			smb_malformed(s, t);
			return;
		}
		keep_context(s, (uint16_t)number(p, at), p + at + 4);
		t->interface = p + at + 4;
		size_t len = CONTEXT_LEN - CONTEXT_SYNTAX + (size_t)p[at + 2] * CONTEXT_SYNTAX;
		if (n - at < len)
			return;
		at += len;
	}
}

static void read_request(struct smb *s, struct smb_tx *t, const uint8_t *p, size_t n)
{
	size_t at = REQUEST_HEADER + (p[3] & FLAG_OBJECT ? 16u : 0u);
	if (n < at) {
		smb_malformed(s, t);
		return;
	}
	uint16_t id = (uint16_t)number(p, DCE_HEADER + 4);
	t->opnum = (uint16_t)number(p, DCE_HEADER + 6);
	t->has_opnum = true;
	for (unsigned i = 0; s->now && i < s->now->ncontexts; i++)
		if (s->now->contexts[i].id == id)
			t->interface = s->now->contexts[i].interface;
	t->stub = p + at;
	t->nstub = n - at;
}

void dce_read(struct smb *s, struct smb_tx *t, const uint8_t *p, size_t n)
{
	if (n < DCE_HEADER || p[0] != 5 || p[1] > 1)
		return; /* another protocol of pipes, or a fragment's rest */
	size_t fragment = number(p, 8), auth = number(p, 10);
	if (fragment < DCE_HEADER || fragment > n)
		fragment = n;
	if (auth && auth + 8 <= fragment - DCE_HEADER)
		fragment -= auth + 8; /* the verifier and its header */
	if (p[2] == PDU_BIND || p[2] == PDU_ALTER) {
		read_bind(s, t, p, fragment);
	} else if (p[2] == PDU_REQUEST) {
		read_request(s, t, p, fragment);
	} else if (p[2] == PDU_RESPONSE && fragment >= REQUEST_HEADER) {
		t->stub = p + REQUEST_HEADER;
		t->nstub = fragment - REQUEST_HEADER;
	}
}
