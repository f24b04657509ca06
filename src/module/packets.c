#include "module/packets.h"

#include "module/firewall/firewall.h"
#include "module/intrusionprevention/section.h"

const struct packet_row *const packet_rows[] = { &firewall_packets, &prevention_packets, NULL };
