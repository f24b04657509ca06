#include "module/intrusionprevention/ips.h"

/* Transactions of engine/app. */
const struct ips_face ips_face_app = {
	.buffer = app_tx_buffer,
	.stage = app_tx_stage,
	.state = app_tx_state,
	.number = app_tx_number_of,
	.dce = app_tx_dce_interface,
};
