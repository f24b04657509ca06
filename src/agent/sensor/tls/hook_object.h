#pragma once
#include <stddef.h>

/* hook.bpf.c, compiled for the kernel's machine: an ELF object. */
extern const unsigned char hook_object[];
extern const size_t hook_object_size;
