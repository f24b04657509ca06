#include "module/plaintext.h"

#include <stddef.h>

const struct plaintext_row *const plaintext_rows[] = { NULL };
