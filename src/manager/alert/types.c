#include "manager/alert/alert.h"

enum { WARNING, CRITICAL };

/* clang-format off */
const struct alert_type alert_types[] = {
#define ALERT(id, name, level, class, raises, clears, en, ja) { id, name, (level) == CRITICAL, class, raises, clears, en, ja },
#include "manager/alert/types.def"
#undef ALERT
	{ 0 },
};
/* clang-format on */
