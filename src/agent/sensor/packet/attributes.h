#pragma once
#include <libmnl/libmnl.h>

/* The attributes behind a message's header of `header` bytes, by type, those below max; the others
 * are left as they are. */
void attributes_of(const struct nlmsghdr *h, size_t header, const struct nlattr **out,
                   unsigned max);
void attributes_in(const struct nlattr *nest, const struct nlattr **out, unsigned max);
