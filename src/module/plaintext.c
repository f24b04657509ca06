#include "module/plaintext.h"

#include <stddef.h>

#include "module/intrusionprevention/section.h"

const struct plaintext_row *const plaintext_rows[] = { &prevention_plaintext, NULL };
