#include "agent/sensor/tls/functions.h"

#include <stddef.h>

const struct tls_function tls_functions[] = {
	{ "SSL_set_accept_state", "accepts", false },
	{ "SSL_set_connect_state", "connects", false },
	{ "SSL_do_handshake", "handshakes", true },
	{ "SSL_read", "reads", true },
	{ "SSL_read_ex", "reads_ex", true },
	{ "SSL_write", "writes", true },
	{ "SSL_write_ex", "writes_ex", true },
	{ "SSL_free", "frees", false },
	{ NULL, NULL, false },
};
