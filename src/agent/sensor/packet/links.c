#include "agent/sensor/packet/links.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/sensor/packet/attributes.h"
#include "base/auto.h"

enum { ROOM = 32768 };

int links_socket(void)
{
	const struct sockaddr_nl to = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK };
	AUTO(closep)
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	if (fd < 0 || bind(fd, (const struct sockaddr *)&to, sizeof(to)) < 0)
		return -errno;
	return TAKE_FD(fd);
}

static int ask_all(int fd)
{
	_Alignas(8) char room[128];
	struct nlmsghdr *h = mnl_nlmsg_put_header(room);
	h->nlmsg_type = RTM_GETLINK;
	h->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	h->nlmsg_seq = 1;
	struct ifinfomsg *info = mnl_nlmsg_put_extra_header(h, sizeof(*info));
	info->ifi_family = AF_UNSPEC;
	return send(fd, h, h->nlmsg_len, 0) < 0 ? -errno : 0;
}

int links_init(struct links *l, int fd)
{
	*l = (struct links){ .fd = fd, .list = calloc(LINKS_MAX, sizeof(*l->list)) };
	return l->list ? ask_all(fd) : -ENOMEM;
}

void links_done(struct links *l)
{
	free(l->list);
	l->list = NULL;
	l->n = 0;
}

static struct link *find(const struct links *l, uint32_t index)
{
	for (unsigned i = 0; i < l->n; i++)
		if (l->list[i].index == index)
			return &l->list[i];
	return NULL;
}

const struct link *links_find(const struct links *l, uint32_t index)
{
	return find(l, index);
}

static void name_all(struct links *l)
{
	for (unsigned i = 0; i < l->n; i++)
		l->names[i] = l->list[i].name;
	l->names[l->n] = NULL;
}

static bool gone(struct links *l, uint32_t index)
{
	for (unsigned i = 0; i < l->n; i++) {
		if (l->list[i].index == index) {
			l->list[i] = l->list[--l->n];
			return true;
		}
	}
	return false;
}

static bool there(struct links *l, const struct nlmsghdr *h, const struct ifinfomsg *info)
{
	struct link new = { .index = (uint32_t)info->ifi_index,
		            .up = (info->ifi_flags & (IFF_UP | IFF_RUNNING)) ==
		                  (IFF_UP | IFF_RUNNING) };
	const struct nlattr *a[IFLA_IFNAME + 1] = { NULL };
	attributes_of(h, sizeof(*info), a, IFLA_IFNAME + 1);
	size_t n = a[IFLA_IFNAME] ? mnl_attr_get_payload_len(a[IFLA_IFNAME]) : 0;
	if (n > 0 && n <= sizeof(new.name))
		memcpy(new.name, mnl_attr_get_payload(a[IFLA_IFNAME]), n);
	new.name[sizeof(new.name) - 1] = '\0';
	if (a[IFLA_ADDRESS] && mnl_attr_get_payload_len(a[IFLA_ADDRESS]) == sizeof(new.mac)) {
		memcpy(new.mac, mnl_attr_get_payload(a[IFLA_ADDRESS]), sizeof(new.mac));
		new.has_mac = true;
	}
	struct link *old = find(l, new.index);
	bool other = !old || strcmp(old->name, new.name) != 0 || old->up != new.up;
	if (!old && l->n < LINKS_MAX)
		old = &l->list[l->n++];
	if (old)
		*old = new;
	return other;
}

int links_read(struct links *l)
{
	_Alignas(8) char room[ROOM];
	bool changed = false;
	for (;;) {
		ssize_t n = recv(l->fd, room, sizeof(room), MSG_DONTWAIT);
		if (n < 0 && errno == ENOBUFS) {
			l->n = 0;
			ask_all(l->fd);
			continue;
		}
		if (n < 0)
			break;
		int left = (int)n;
		for (const struct nlmsghdr *h = (const void *)room; mnl_nlmsg_ok(h, left);
		     h = mnl_nlmsg_next(h, &left)) {
			const struct ifinfomsg *info = mnl_nlmsg_get_payload(h);
			if (h->nlmsg_len < NLMSG_LENGTH(sizeof(*info)))
				continue;
			if (h->nlmsg_type == RTM_NEWLINK)
				changed |= there(l, h, info);
			else if (h->nlmsg_type == RTM_DELLINK)
				changed |= gone(l, (uint32_t)info->ifi_index);
		}
	}
	name_all(l);
	return errno == EAGAIN || errno == EINTR ? changed : -errno;
}
