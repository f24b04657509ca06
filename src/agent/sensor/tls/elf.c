#include "agent/sensor/tls/elf.h"

#include <assert.h>
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/str.h"

enum { HEADERS_MAX = 4096, TABLE_MAX = 32 << 20 };

/* Everything that is looked at lies in three tables: segments, symbols, their names. */
struct image {
	Elf64_Phdr *segments; /* owned */
	size_t nsegments;
	Elf64_Sym *symbols; /* owned */
	size_t nsymbols;
	char *names; /* owned, ends with NUL */
	size_t nnames;
};

static void image_done(struct image *m)
{
	free(m->segments);
	free(m->symbols);
	free(m->names);
}

static int table(const struct elf_source *s, uint64_t at, uint64_t count, size_t each, void **out)
{
	if (count == 0 || count > TABLE_MAX / each)
		return -EBADMSG;
	AUTO(freep) char *p = xcalloc(count + 1, each);
	int rc = s->read(s->arg, at, p, (size_t)count * each);
	if (rc == 0)
		*out = TAKE(p);
	return rc;
}

static int read_header(const struct elf_source *s, Elf64_Ehdr *h)
{
	const Elf64_Half machine =
#if defined(__x86_64__)
		EM_X86_64;
#elif defined(__aarch64__)
		EM_AARCH64;
#else
		EM_NONE;
#endif
	int rc = s->read(s->arg, 0, h, sizeof(*h));
	if (rc < 0)
		return rc;
	if (memcmp(h->e_ident, ELFMAG, SELFMAG) != 0 || h->e_ident[EI_CLASS] != ELFCLASS64 ||
	    h->e_machine != machine || h->e_phentsize != sizeof(Elf64_Phdr) ||
	    h->e_shentsize != sizeof(Elf64_Shdr) || h->e_phnum > HEADERS_MAX ||
	    h->e_shnum > HEADERS_MAX)
		return -EBADMSG;
	return 0;
}

static int read_symbols(const struct elf_source *s, const Elf64_Ehdr *h, struct image *m)
{
	AUTO(freep) Elf64_Shdr *sections = NULL;
	int rc = table(s, h->e_shoff, h->e_shnum, sizeof(*sections), (void **)&sections);
	for (size_t i = 0; rc == 0 && i < h->e_shnum; i++) {
		const Elf64_Shdr *d = &sections[i];
		if (d->sh_type != SHT_DYNSYM || d->sh_link >= h->e_shnum)
			continue;
		const Elf64_Shdr *t = &sections[d->sh_link];
		m->nsymbols = d->sh_size / sizeof(Elf64_Sym);
		m->nnames = t->sh_size;
		rc = table(s, d->sh_offset, m->nsymbols, sizeof(Elf64_Sym), (void **)&m->symbols);
		if (rc == 0)
			rc = table(s, t->sh_offset, m->nnames, 1, (void **)&m->names);
		return rc;
	}
	return rc < 0 ? rc : -EBADMSG;
}

static int image_read(const struct elf_source *s, struct image *m)
{
	Elf64_Ehdr h;
	int rc = read_header(s, &h);
	if (rc < 0)
		return rc;
	m->nsegments = h.e_phnum;
	rc = table(s, h.e_phoff, m->nsegments, sizeof(Elf64_Phdr), (void **)&m->segments);
	return rc < 0 ? rc : read_symbols(s, &h, m);
}

/* An address of the running program is this far into the file; 0: in no part that is executed. */
static uint64_t in_file(const struct image *m, uint64_t address)
{
	for (size_t i = 0; i < m->nsegments; i++) {
		const Elf64_Phdr *p = &m->segments[i];
		if (p->p_type == PT_LOAD && (p->p_flags & PF_X) && address >= p->p_vaddr &&
		    address - p->p_vaddr < p->p_filesz && p->p_offset <= INT64_MAX)
			return address - p->p_vaddr + p->p_offset;
	}
	return 0;
}

int elf_functions(const struct elf_source *source, const char *const *names, size_t n,
                  uint64_t *offsets, struct err *why)
{
	AUTO(image_done) struct image m = { 0 };
	int found = 0;
	memset(offsets, 0, n * sizeof(*offsets));
	if (image_read(source, &m) < 0)
		return err_set(why, -EBADMSG, "no ELF file of this machine with dynamic symbols");
	assert(m.segments && m.symbols && m.names);
	for (size_t i = 0; i < m.nsymbols; i++) {
		const Elf64_Sym *s = &m.symbols[i];
		if (ELF64_ST_TYPE(s->st_info) != STT_FUNC || s->st_shndx == SHN_UNDEF ||
		    s->st_name >= m.nnames)
			continue;
		for (size_t k = 0; k < n; k++) {
			if (offsets[k] || strcmp(m.names + s->st_name, names[k]) != 0)
				continue;
			offsets[k] = in_file(&m, s->st_value);
			found += offsets[k] != 0;
		}
	}
	return found;
}
