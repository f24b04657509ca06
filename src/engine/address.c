#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "engine/packet.h"

const char *ip_text(const struct ip *ip, char out[static 46])
{
	if (!ip->version || !inet_ntop(ip->version == 4 ? AF_INET : AF_INET6, ip->b, out, 46))
		snprintf(out, 46, "-");
	return out;
}

int ip_parse(const char *text, struct ip *out)
{
	struct ip ip = { .version = 4 };
	if (inet_pton(AF_INET, text, ip.b) != 1) {
		ip.version = 6;
		if (inet_pton(AF_INET6, text, ip.b) != 1)
			return -EINVAL;
	}
	*out = ip;
	return 0;
}
