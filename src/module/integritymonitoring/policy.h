#pragma once
#include "module/integritymonitoring/integritymonitoring.h"

enum im_cpu { IM_CPU_LOW, IM_CPU_MEDIUM, IM_CPU_HIGH };

/* What a policy says of it. */
struct rules {
	bool on, real_time;
	enum im_cpu cpu;
	struct im_rules im;
};
