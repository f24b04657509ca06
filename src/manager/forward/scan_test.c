#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/json.h"
#include "base/test.h"
#include "manager/forward/scan.h"

/* A server on loopback; its port. */
static int server(uint16_t *port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t n = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &n), 0);
	*port = ntohs(at.sin_port);
	return fd;
}

static void ports_that_take_connections_are_found(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf out = { 0 };
	struct err why = { { 0 } };
	uint16_t open = 0, shut = 0;
	char ports[80];
	AUTO(closep) int a = server(&open);
	AUTO(closep) int b = server(&shut); /* bound, but nobody listens */
	assert_int_equal(listen(a, 10), 0);
	snprintf(ports, sizeof(ports), "%u, %u", (unsigned)shut, (unsigned)open);
	AUTO(json_decrefp)
	json_t *order = json_pack("{s:s,s:s}", "host", "127.0.0.1", "ports", ports);
	if (scan_ports(order, -1, &out, &why) < 0)
		fail_msg("%s", why.text);
	AUTO(json_decrefp) json_t *o = json_parse(buf_view(&out), NULL);
	const json_t *list = json_array_at(o, "openPorts");
	assert_int_equal(json_array_size(list), 1);
	assert_int_equal(json_integer_value(json_array_get(list, 0)), open);
	assert_int_equal(json_int(o, "scanned", 0), 2);
	assert_string_equal(json_text(o, "address", ""), "127.0.0.1");
	assert_true(b >= 0);
}

static void many_ports_are_all_tried(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf out = { 0 };
	struct err why = { { 0 } };
	AUTO(json_decrefp)
	json_t *order = json_pack("{s:s,s:s}", "host", "::1", "ports", "1-1024");
	if (scan_ports(order, -1, &out, &why) < 0)
		skip(); /* no IPv6 here */
	AUTO(json_decrefp) json_t *o = json_parse(buf_view(&out), NULL);
	assert_int_equal(json_int(o, "scanned", 0), 1024);
}

static void what_cannot_be_scanned_says_why(void **state)
{
	(void)state;
	static const char *const bad[] = { "", "0", "70000", "9-8", "a" };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		AUTO(buf_done) struct buf out = { 0 };
		struct err why = { { 0 } };
		AUTO(json_decrefp)
		json_t *order = json_pack("{s:s,s:s}", "host", "127.0.0.1", "ports", bad[i]);
		assert_int_equal(scan_ports(order, -1, &out, &why), -EINVAL);
		assert_true(strstr(why.text, "no range of ports"));
	}
	AUTO(buf_done) struct buf out = { 0 };
	struct err why = { { 0 } };
	AUTO(json_decrefp) json_t *order = json_pack("{s:s,s:s}", "host", "", "ports", "1");
	assert_int_equal(scan_ports(order, -1, &out, &why), -EHOSTUNREACH);
}

int main(void)
{
	const struct CMUnitTest all[] = {
		cmocka_unit_test(ports_that_take_connections_are_found),
		cmocka_unit_test(many_ports_are_all_tried),
		cmocka_unit_test(what_cannot_be_scanned_says_why),
	};
	return cmocka_run_group_tests(all, NULL, NULL);
}
