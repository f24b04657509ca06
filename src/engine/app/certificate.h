#pragma once
#include "base/buf.h"

/* What rules ask of an X.509 certificate (RFC 5280), out of its DER form. */

/*
 * Texts as Suricata writes them: names "C=US, O=Example, CN=www.example.com", the serial number
 * "0A:1B:...". 0, or -EBADMSG: it cannot be read as far as the subject; texts read before stay.
 */
int certificate_read(const uint8_t *der, size_t n, struct buf *subject, struct buf *issuer,
                     struct buf *serial);
