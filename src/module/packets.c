#include "module/packets.h"

#include "module/firewall/firewall.h"

const struct packet_row *const packet_rows[] = { &firewall_packets, NULL };
