#include "agent/spool/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "agent/spool/segment.h"
#include "base/auto.h"
#include "base/wire.h"

enum { SLOT = 512 };

static const uint32_t slot_magic = 0x54534759; /* "YGST" */

static void encode(const struct state *s, uint8_t out[static SLOT])
{
	memset(out, 0, SLOT);
	struct wr w = wr_init(out, SLOT - 4);
	wr_u32(&w, slot_magic);
	wr_u64(&w, s->generation);
	wr_u64(&w, s->reserved);
	wr_u64(&w, s->acked);
	wr_u64(&w, s->lost);
	wr_u64(&w, s->untold);
	wr_u64(&w, s->telling);
	wr_u64(&w, s->victim);
	wr_u64(&w, s->victim_count);
	wr_u32(&w, s->victim_severity);
	wr_str(&w, str_of(s->unique));
	struct wr sum = wr_init(out + SLOT - 4, 4);
	wr_u32(&sum, crc32c(0, out, SLOT - 4));
}

static bool decode(const uint8_t in[static SLOT], struct state *out)
{
	struct rd sum = rd_init(in + SLOT - 4, 4);
	if (rd_u32(&sum) != crc32c(0, in, SLOT - 4))
		return false;
	struct rd r = rd_init(in, SLOT - 4);
	if (rd_u32(&r) != slot_magic)
		return false;
	struct state s = { 0 };
	s.generation = rd_u64(&r);
	s.reserved = rd_u64(&r);
	s.acked = rd_u64(&r);
	s.lost = rd_u64(&r);
	s.untold = rd_u64(&r);
	s.telling = rd_u64(&r);
	s.victim = rd_u64(&r);
	s.victim_count = rd_u64(&r);
	s.victim_severity = rd_u32(&r);
	struct str unique = rd_str(&r, sizeof(s.unique) - 1);
	if (r.bad)
		return false;
	memcpy(s.unique, unique.p, unique.n);
	*out = s;
	return true;
}

int state_save(struct state_file *f, bool sync)
{
	uint8_t slot[SLOT];
	f->s.generation++;
	encode(&f->s, slot);
	int rc = f->disk->write(f->fd, slot, SLOT, (f->s.generation & 1) * SLOT);
	return rc == 0 && sync ? f->disk->sync(f->fd) : rc;
}

int state_open(struct state_file *f, int dir, const struct disk *disk, bool *fresh)
{
	uint8_t slots[2 * SLOT] = { 0 };
	*f = (struct state_file){ .fd = -1, .disk = disk };
	AUTO(closep) int fd = openat(dir, "state", O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno != ENOENT)
		return -errno;
	*fresh = true;
	if (fd >= 0 && pread(fd, slots, sizeof(slots), 0) == (ssize_t)sizeof(slots)) {
		for (size_t i = 0; i < 2; i++) {
			struct state s;
			if (decode(slots + i * SLOT, &s) && s.generation >= f->s.generation) {
				f->s = s;
				*fresh = false;
			}
		}
	}
	if (fd < 0)
		fd = disk->create(dir, "state");
	if (fd < 0)
		return fd;
	f->fd = TAKE_FD(fd);
	/* Both slots get their place on the disk now, while there may still be some. */
	return *fresh ? disk->write(f->fd, slots, sizeof(slots), 0) : 0;
}

void state_done(struct state_file *f)
{
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
}
