#include "agent/comms/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/auto.h"

static bool is_name(struct str s)
{
	if (s.n == 0 || s.n > 253 || s.p[0] == '-' || s.p[0] == '.')
		return false;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		      c == '-' || c == '.' || c == '_'))
			return false;
	}
	return true;
}

static bool is_v6(struct str s)
{
	char text[INET6_ADDRSTRLEN];
	struct in6_addr a;
	if (s.n < 4 || s.n - 2 >= sizeof(text) || s.p[0] != '[' || s.p[s.n - 1] != ']')
		return false;
	memcpy(text, s.p + 1, s.n - 2);
	text[s.n - 2] = '\0';
	return inet_pton(AF_INET6, text, &a) == 1;
}

/* Cuts scheme and slashes off the front. */
static int cut_scheme(struct str *s, const char *scheme, struct err *why)
{
	struct str want = str_of(scheme);
	if (s->n < want.n + 2 || !str_eq_nocase((struct str){ s->p, want.n }, want) ||
	    s->p[want.n] != ':' || s->p[want.n + 1] != '/')
		return err_set(why, -EINVAL, "an address must start with %s://", scheme);
	*s = str_skip(*s, want.n + 2);
	if (s->n && s->p[0] == '/')
		*s = str_skip(*s, 1);
	return 0;
}

int address_parse(struct str text, const char *scheme, uint16_t otherwise, struct address *out,
                  struct err *why)
{
	struct str s = str_trim(text), host = { 0 };
	int rc = cut_scheme(&s, scheme, why);
	if (rc < 0)
		return rc;
	if (s.n && s.p[s.n - 1] == '/')
		s.n--;
	const char *close = s.n && s.p[0] == '[' ? memchr(s.p, ']', s.n) : NULL;
	struct str rest = s;
	if (close) {
		host = (struct str){ s.p, (size_t)(close - s.p) + 1 };
		rest = str_skip(s, host.n);
		if (rest.n && rest.p[0] != ':')
			return err_set(why, -EINVAL, "a port must follow the address %s://",
			               scheme);
		rest = rest.n ? str_skip(rest, 1) : (struct str){ 0 };
	} else {
		host = str_cut(&rest, ':');
	}
	if (!is_name(host) && !is_v6(host))
		return err_set(why, -EINVAL, "no host name or address in %s://", scheme);
	uint64_t port = otherwise;
	if (rest.p || !otherwise)
		rc = str_u64(rest, 1, 65535, &port);
	if (rc < 0)
		return err_set(why, -EINVAL, "the port must be a number from 1 to 65535");
	*out = (struct address){ .port = (uint16_t)port };
	memcpy(out->host, host.p, host.n);
	return 0;
}

void address_write(const struct address *a, const char *scheme, char *out, size_t n)
{
	snprintf(out, n, "%s://%s:%u/", scheme, a->host, (unsigned)a->port);
}
