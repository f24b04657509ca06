#include <string.h>

#include "engine/app/smb.h"

/*
 * What the server gives numbers to: connected shares and opened pipes. A request names it, the
 * answer to that request ([MS-SMB2] 2.2.1, MessageId; SMB1: the multiplex identifier) numbers it,
 * and later requests say the number alone.
 */

void smb_tree_asked(struct smb *s, uint64_t mid, bool pipes)
{
	struct smb_tree *t = &s->trees[s->next_tree++ % SMB_TREES];
	*t = (struct smb_tree){ .mid = mid, .asked = true, .pipes = pipes };
	s->ipc = pipes;
}

void smb_tree_given(struct smb *s, uint64_t mid, uint32_t id)
{
	struct smb_tree *given = NULL;
	for (int i = 0; i < SMB_TREES; i++) {
		struct smb_tree *t = &s->trees[i];
		if (t->asked && t->mid == mid)
			given = t;
		else if (t->known && t->id == id)
			t->known = false;
	}
	if (!given)
		return;
	given->asked = false;
	given->known = true;
	given->id = id;
}

/* Where the answer was not seen: as the share that was connected last. */
bool smb_tree_has_pipes(const struct smb *s, uint32_t id)
{
	for (int i = 0; i < SMB_TREES; i++)
		if (s->trees[i].known && s->trees[i].id == id)
			return s->trees[i].pipes;
	return s->ipc;
}

void smb_pipe_asked(struct smb *s, uint64_t mid, struct str name)
{
	struct smb_pipe *p = &s->pipes[s->next_pipe++ % SMB_PIPES];
	*p = (struct smb_pipe){ .mid = mid, .asked = true };
	p->n = name.n < sizeof(p->name) ? name.n : sizeof(p->name);
	if (p->n)
		memcpy(p->name, name.p, p->n);
	s->last = s->now = p;
}

void smb_pipe_given(struct smb *s, uint64_t mid, const uint8_t id[static SMB_FILE_ID])
{
	for (int i = 0; i < SMB_PIPES; i++) {
		struct smb_pipe *p = &s->pipes[i];
		if (!p->asked || p->mid != mid)
			continue;
		p->asked = false;
		p->known = true;
		memcpy(p->id, id, SMB_FILE_ID);
	}
}

struct smb_pipe *smb_pipe_of(struct smb *s, const uint8_t id[static SMB_FILE_ID])
{
	for (int i = 0; i < SMB_PIPES; i++)
		if (s->pipes[i].known && memcmp(s->pipes[i].id, id, SMB_FILE_ID) == 0)
			return &s->pipes[i];
	return NULL;
}

void smb_handle_asked(struct smb *s, uint64_t mid, unsigned command, struct smb_handle h)
{
	h.mid = mid;
	h.command = command;
	h.used = true;
	s->handles[s->next_handle++ % SMB_HANDLES] = h;
}

bool smb_handle_answered(struct smb *s, uint64_t mid, unsigned command, struct smb_handle *out)
{
	for (int i = 0; i < SMB_HANDLES; i++) {
		struct smb_handle *h = &s->handles[i];
		if (!h->used || h->mid != mid || h->command != command)
			continue;
		*out = *h;
		h->used = false;
		return true;
	}
	return false;
}
