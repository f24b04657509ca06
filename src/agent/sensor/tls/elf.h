#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Where bytes come from: 0, or -errno when not all n of them are there. */
struct elf_source {
	int (*read)(void *arg, uint64_t at, void *to, size_t n);
	void *arg;
};

/*
 * Looks functions up in the dynamic symbols of an ELF file of this machine's kind (elf(5)) that
 * anybody may have written. offsets[i]: where names[i] begins in the file, 0: it is not there. How
 * many were found, or -EBADMSG with a sentence.
 */
int elf_functions(const struct elf_source *source, const char *const *names, size_t n,
                  uint64_t *offsets, struct err *why);
