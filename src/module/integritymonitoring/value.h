#pragma once
#include <stddef.h>

#include "module/integritymonitoring/integritymonitoring.h"

/* Where an attribute of a path is, and how it is shown. */
enum im_value_type {
	VALUE_TYPE,
	VALUE_MODE,
	VALUE_TIME,
	VALUE_NUMBER32,
	VALUE_NUMBER,
	VALUE_DEVICE,
	VALUE_FLAGS,
	VALUE_TEXT,
	VALUE_HEX,
	VALUE_DIGEST
};

struct im_path_value {
	enum im_value_type type;
	size_t offset, size; /* in struct im_file */
};

extern const struct im_path_value im_path_values[IMP_COUNT];
