#pragma once
#include <jansson.h>

#include "base/buf.h"
#include "base/err.h"

/*
 * Which TCP ports of a host take a connection. order: {"host","ports":"22,80-90"}; out:
 * {"address","openPorts":[N,...],"scanned":N}. Some connections are tried at a time; one that is
 * not answered within a second is no open port. stop: a descriptor that becomes readable when the
 * process is to end, or -1. 0, or -errno and why.
 */
int scan_ports(const json_t *order, int stop, struct buf *out, struct err *why);
