#include "agent/comms/host.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/utsname.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/json.h"

static json_t *text(struct str s)
{
	AUTO(buf_done) struct buf b = { 0 };
	buf_safe(&b, s);
	return json_stringn(b.p ? b.p : "", b.n);
}

json_t *host_name(void)
{
	struct utsname u;
	return text(uname(&u) == 0 ? str_of(u.nodename) : STR("localhost"));
}

/* The value of PRETTY_NAME in os-release(5). */
static struct str pretty_name(struct str file)
{
	while (file.p) {
		struct str line = str_cut(&file, '\n');
		if (!str_starts(line, STR("PRETTY_NAME=")))
			continue;
		line = str_trim(str_skip(line, sizeof("PRETTY_NAME=") - 1));
		if (line.n >= 2 && line.p[0] == '"' && line.p[line.n - 1] == '"')
			line = (struct str){ line.p + 1, line.n - 2 };
		return line;
	}
	return STR("Linux");
}

json_t *host_platform(void)
{
	AUTO(buf_done) struct buf file = { 0 }, b = { 0 };
	struct utsname u = { 0 };
	file_read(AT_FDCWD, "/etc/os-release", 64 << 10, &file);
	uname(&u);
	buf_str(&b, pretty_name(buf_view(&file)));
	buf_fmt(&b, " (%s) (%s)", u.machine, u.release);
	return text(buf_view(&b));
}

static json_t *entry(json_t *list, const char *name)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		if (strcmp(json_text(json_array_get(list, i), "name", ""), name) == 0)
			return json_array_get(list, i);
	json_t *e = json_object();
	json_set_bytes(e, "name", str_of(name));
	json_set_text(e, "MAC", "");
	json_set(e, "IPs", json_array());
	json_array_append_new(list, e);
	return e;
}

static void add_address(json_t *e, const struct sockaddr *sa)
{
	char out[INET6_ADDRSTRLEN] = "";
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	struct sockaddr_ll ll;
	if (sa->sa_family == AF_INET) {
		memcpy(&v4, sa, sizeof(v4));
		inet_ntop(AF_INET, &v4.sin_addr, out, sizeof(out));
	} else if (sa->sa_family == AF_INET6) {
		memcpy(&v6, sa, sizeof(v6));
		inet_ntop(AF_INET6, &v6.sin6_addr, out, sizeof(out));
	} else if (sa->sa_family == AF_PACKET) {
		memcpy(&ll, sa, sizeof(ll));
		snprintf(out, sizeof(out), "%02X:%02X:%02X:%02X:%02X:%02X", ll.sll_addr[0],
		         ll.sll_addr[1], ll.sll_addr[2], ll.sll_addr[3], ll.sll_addr[4],
		         ll.sll_addr[5]);
		json_set_text(e, "MAC", out);
		return;
	}
	if (*out)
		json_array_append_new(json_object_get(e, "IPs"), json_string(out));
}

json_t *host_interfaces(void)
{
	json_t *list = json_array();
	struct ifaddrs *all = NULL;
	if (getifaddrs(&all) < 0)
		return list;
	for (const struct ifaddrs *i = all; i && json_array_size(list) < 64; i = i->ifa_next)
		if (i->ifa_addr && !(i->ifa_flags & IFF_LOOPBACK))
			add_address(entry(list, i->ifa_name), i->ifa_addr);
	freeifaddrs(all);
	return list;
}
