#include "engine/app/smb.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"

enum { FRAME_HEADER = 4, FRAME_MESSAGE = 0 };

/* ---- detection: the identifier behind the frame's header ---- */

static enum detected detect_side(const uint8_t *p, size_t n)
{
	if (!n)
		return DETECT_MAYBE;
	if (p[0] == 0x81) /* a session of NetBIOS: 34 bytes of two names, twice */
		return n < 5                                                ? DETECT_MAYBE
		       : p[1] == 0 && p[2] == 0 && p[3] == 68 && p[4] == 32 ? DETECT_YES
		                                                            : DETECT_NO;
	if (p[0] != 0)
		return DETECT_NO;
	if (n < 5)
		return DETECT_MAYBE;
	if (p[4] != 0xff && p[4] != 0xfe && p[4] != 0xfd)
		return DETECT_NO;
	size_t have = n - 5 < 3 ? n - 5 : 3;
	if (memcmp(p + 5, "SMB", have) != 0)
		return DETECT_NO;
	return have == 3 ? DETECT_YES : DETECT_MAYBE;
}

static enum detected detect(const struct beginning *b)
{
	if (b->udp)
		return DETECT_NO;
	enum detected c = detect_side(b->p[APP_CLIENT], b->n[APP_CLIENT]);
	enum detected s = detect_side(b->p[APP_SERVER], b->n[APP_SERVER]);
	if (c == DETECT_YES || (s == DETECT_YES && c != DETECT_NO))
		return DETECT_YES;
	return c == DETECT_NO || s == DETECT_NO ? DETECT_NO : DETECT_MAYBE;
}

/* ---- what its readers share ---- */

bool smb_within(const struct smb_message *m, size_t at, size_t n)
{
	return at <= m->n && n <= m->n - at;
}

void smb_malformed(struct smb *s, struct smb_tx *t)
{
	app_tell(s->app, t ? &t->tx : NULL, t ? t->side : APP_CLIENT, APP_EVENT_SMB_MALFORMED);
}

static void put_utf8(struct smb *s, struct buf *out, uint32_t c)
{
	char b[4];
	size_t n = 0;
	if (c < 0x80) {
		b[n++] = (char)c;
	} else if (c < 0x800) {
		b[n++] = (char)(0xc0 | c >> 6);
		b[n++] = (char)(0x80 | (c & 63));
	} else if (c < 0x10000) {
		b[n++] = (char)(0xe0 | c >> 12);
		b[n++] = (char)(0x80 | (c >> 6 & 63));
		b[n++] = (char)(0x80 | (c & 63));
	} else {
		b[n++] = (char)(0xf0 | c >> 18);
		b[n++] = (char)(0x80 | (c >> 12 & 63));
		b[n++] = (char)(0x80 | (c >> 6 & 63));
		b[n++] = (char)(0x80 | (c & 63));
	}
	app_keep(s->app, out, b, n);
}

void smb_text(struct smb *s, struct buf *out, const uint8_t *p, size_t n, bool utf16)
{
	if (!utf16) {
		const uint8_t *end = memchr(p, 0, n);
		app_keep(s->app, out, p, end ? (size_t)(end - p) : n);
		return;
	}
	for (size_t i = 0; i + 2 <= n; i += 2) {
		uint32_t c = smb_16(p + i);
		if (!c)
			break;
		if (c >= 0xd800 && c < 0xdc00 && i + 4 <= n &&
		    (smb_16(p + i + 2) & 0xfc00) == 0xdc00) {
			c = 0x10000 + ((c & 0x3ff) << 10 | (smb_16(p + i + 2) & 0x3ff));
			i += 2;
		}
		put_utf8(s, out, c);
	}
}

void smb_connect(struct smb *s, struct smb_tx *t, uint64_t mid)
{
	struct str share = buf_view(&t->share);
	struct str end = str_skip(share, share.n > 4 ? share.n - 4 : 0);
	t->has_share = true;
	smb_tree_asked(s, mid, str_eq_nocase(end, STR("IPC$")));
}

void smb_open(struct smb *s, struct smb_tx *t, uint64_t mid)
{
	t->has_name = true;
	if (!s->here)
		return;
	smb_pipe_asked(s, mid, buf_view(&t->name));
	t->has_pipe = true;
	app_keep(s->app, &t->pipe, s->now->name, s->now->n);
}

struct smb_tx *smb_begin(struct smb *s, const struct smb_message *m, unsigned version,
                         unsigned command)
{
	struct smb_tx *t = s->spare;
	s->spare = NULL;
	if (!t && app_charge(s->app, sizeof(*t))) {
		t = calloc(1, sizeof(*t));
		if (!t)
			app_refund(s->app, sizeof(*t));
	}
	if (!t)
		return NULL;
	t->side = m->side;
	t->version = version;
	t->command = command;
	app_tx_begin(s->app, &t->tx);
	return t;
}

void smb_end(struct smb *s, struct smb_tx *t)
{
	if (t->has_opnum && !t->has_pipe && s->now && s->now->n) {
		t->has_pipe = true;
		app_keep(s->app, &t->pipe, s->now->name, s->now->n);
	}
	app_progress(&t->tx, t->side, STAGE_DONE);
	app_tx_end(s->app, &t->tx);
}

static void tx_free(struct app *a, struct smb_tx *t)
{
	if (!t)
		return;
	app_forget(a, &t->share);
	app_forget(a, &t->pipe);
	app_forget(a, &t->name);
	app_refund(a, sizeof(*t));
	free(t);
}

static void free_tx(struct app_tx *tx)
{
	struct smb_tx *t = (struct smb_tx *)tx;
	struct smb *s = tx->app->state;
	if (s->spare) {
		tx_free(tx->app, t);
		return;
	}
	struct buf share = t->share, pipe = t->pipe, name = t->name;
	buf_clear(&share);
	buf_clear(&pipe);
	buf_clear(&name);
	*t = (struct smb_tx){ .share = share, .pipe = pipe, .name = name };
	s->spare = t;
}

/* ---- frames ---- */

static void read_message(struct smb *s, enum app_side side, const uint8_t *p, size_t n)
{
	struct smb_message m = { p, n, side };
	if (n >= 4 && memcmp(p, "\xffSMB", 4) == 0)
		smb1_read(s, &m);
	else if (n >= 4 && memcmp(p, "\xfeSMB", 4) == 0)
		smb2_read(s, &m);
	else if (n >= 4 && memcmp(p, "\xfdSMB", 4) == 0)
		app_skip(s->app, side, n); /* encrypted */
	else
		smb_malformed(s, NULL);
}

static void begin_frame(struct smb *s, enum app_side side)
{
	struct smb_half *me = &s->half[side];
	const uint8_t *h = me->header;
	me->left = (size_t)h[1] << 16 | (size_t)h[2] << 8 | h[3];
	bool session = h[0] >= 0x81 && h[0] <= 0x85;
	if (h[0] == FRAME_MESSAGE || session)
		return;
	smb_malformed(s, NULL);
	me->over = true;
}

static size_t take_header(struct smb *s, enum app_side side, const uint8_t *p, size_t n)
{
	struct smb_half *me = &s->half[side];
	size_t used = FRAME_HEADER - me->nheader < n ? FRAME_HEADER - me->nheader : n;
	memcpy(me->header + me->nheader, p, used);
	me->nheader += (unsigned)used;
	if (me->nheader == FRAME_HEADER)
		begin_frame(s, side);
	if (me->nheader == FRAME_HEADER && !me->left)
		me->nheader = 0;
	return used;
}

/* Bytes of a message: read where they lie if they are all there. */
static size_t take_message(struct smb *s, enum app_side side, const uint8_t *p, size_t n)
{
	struct smb_half *me = &s->half[side];
	bool message = me->header[0] == FRAME_MESSAGE, begins = !me->held.n;
	size_t used = n < me->left ? n : me->left;
	me->left -= used;
	if (begins && !me->left) {
		size_t held = used < SMB_HELD ? used : SMB_HELD;
		me->nheader = 0;
		if (message)
			read_message(s, side, p, held);
		app_skip(s->app, side, used - held);
		return used;
	}
	size_t room = SMB_HELD - me->held.n, kept = used < room ? used : room;
	if (!app_keep(s->app, &me->held, p, kept)) {
		me->over = true;
		app_skip(s->app, side, used);
		return used;
	}
	app_skip(s->app, side, used - kept);
	if (me->left)
		return used;
	me->nheader = 0;
	if (message)
		read_message(s, side, (const uint8_t *)me->held.p, me->held.n);
	me->held.n = 0;
	return used;
}

/* ---- the row ---- */

static void data(void *state, enum app_side side, const uint8_t *p, size_t n)
{
	struct smb *s = state;
	struct smb_half *me = &s->half[side];
	while (n && !me->over && !s->app->stopped) {
		size_t used = me->nheader < FRAME_HEADER ? take_header(s, side, p, n)
		                                         : take_message(s, side, p, n);
		p += used;
		n -= used;
	}
	app_skip(s->app, side, n);
}

static void gap(void *state, enum app_side side, uint64_t len)
{
	struct smb *s = state;
	struct smb_half *me = &s->half[side];
	/* A hole inside a message loses that message; others follow. */
	if (me->nheader == FRAME_HEADER && len <= me->left) {
		me->left -= (size_t)len;
		me->header[0] = 0x85; /* so that nothing of it is read */
		if (!me->left) {
			me->nheader = 0;
			me->held.n = 0;
		}
		return;
	}
	me->over = true;
}

static void close_side(void *state, enum app_side side)
{
	struct smb *s = state;
	struct smb_half *me = &s->half[side];
	if (!me->over && me->held.n && me->header[0] == FRAME_MESSAGE)
		read_message(s, side, (const uint8_t *)me->held.p, me->held.n);
	me->over = true;
}

static void *new (struct app *a)
{
	if (!app_charge(a, sizeof(struct smb)))
		return NULL;
	struct smb *s = calloc(1, sizeof(*s));
	if (s)
		s->app = a;
	else
		app_refund(a, sizeof(*s));
	return s;
}

static void smb_free(void *state)
{
	struct smb *s = state;
	for (int i = 0; i < APP_SIDES; i++)
		app_forget(s->app, &s->half[i].held);
	tx_free(s->app, s->spare);
	app_refund(s->app, sizeof(*s));
	free(s);
}

static bool give(const struct buf *b, bool there, struct app_bytes *out)
{
	return there && app_bytes_of(out, b->p ? b->p : "", b->n);
}

static bool buffer(struct app_tx *tx, enum app_buffer b, enum app_side side, unsigned index,
                   struct app_bytes *out)
{
	const struct smb_tx *t = (const struct smb_tx *)tx;
	if (side != t->side || index)
		return false;
	if (b == BUFFER_SMB_SHARE)
		return give(&t->share, t->has_share, out);
	if (b == BUFFER_SMB_NAMED_PIPE)
		return give(&t->pipe, t->has_pipe, out);
	if (b == BUFFER_FILE_NAME)
		return give(&t->name, t->has_name && !t->has_pipe, out);
	if (b == BUFFER_DCE_STUB_DATA)
		return t->stub && app_bytes_of(out, t->stub, t->nstub);
	if (b == BUFFER_FILE_DATA)
		return t->file && app_bytes_of(out, t->file, t->nfile);
	return false;
}

static bool number(const struct app_tx *tx, enum app_number n, enum app_side side, uint64_t *out)
{
	const struct smb_tx *t = (const struct smb_tx *)tx;
	if (side != t->side)
		return false;
	if (n == NUMBER_SMB_VERSION)
		*out = t->version;
	else if (n == NUMBER_SMB_COMMAND)
		*out = t->command;
	else if (n == NUMBER_DCE_OPNUM && t->has_opnum)
		*out = t->opnum;
	else
		return false;
	return true;
}

static const uint8_t *interface_of(const struct app_tx *tx)
{
	return ((const struct smb_tx *)tx)->interface;
}

const struct inspector inspector_smb = {
	.protocol = APP_SMB,
	.detect = detect,
	.new = new,
	.data = data,
	.gap = gap,
	.close = close_side,
	.free = smb_free,
	.buffer = buffer,
	.number = number,
	.dce = interface_of,
	.free_tx = free_tx,
};
