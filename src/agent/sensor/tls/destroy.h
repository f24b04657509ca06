#pragma once
#include "agent/sensor/tls/record.h"

/*
 * Ends a TCP connection of this host for both sides: SOCK_DESTROY of sock_diag(7), which the kernel
 * does with a reset. diag: a socket of NETLINK_SOCK_DIAG that was opened with CAP_NET_ADMIN. 0;
 * -ENOENT: there is no such connection (any more) in the host's network namespace; -errno.
 */
int destroy_connection(int diag, const struct tls_ends *ends);
