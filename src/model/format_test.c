#include <string.h>

#include "base/auto.h"
#include "base/json.h"
#include "base/test.h"
#include "model/format.h"
#include "module/module.h"

static const struct format_source source = {
	.format = FORMAT_CEF,
	.vendor = "Yagura",
	.product = "Yagura",
	.version = "0.1.0",
	.host = "manager.test",
	.tenant = "Primary",
	.tenant_id = "0",
	.facility = 16,
};

static char *write_it(enum format format, const struct event *ev, int64_t computer,
                      const char *host)
{
	struct buf b = { 0 };
	struct format_source s = source;
	s.format = format;
	const struct format_event e = { ev, 7, computer, host };
	format_event(&b, &s, &e);
	return buf_take(&b);
}

static void found(struct event *ev)
{
	const struct event_class *const *c = event_classes;
	while (strcmp((*c)->name, "antimalware") != 0)
		c++;
	event_init(ev, *c, "malware-found");
	ev->time_ms = 1764075158822;
	json_set_text(ev->fields, "InfectedFilePath",
	              "/tmp/a=b|c\\d\nx"); /* as it is, without event_text() */
	json_set_text(ev->fields, "MalwareName", "Eicar|Test\\1");
	event_int(ev, "ScanType", 2);
	event_text(ev, "ScanTypeString", "Scheduled");
	event_text(ev, "ScanResultString", "Quarantined");
	event_int(ev, "FileSize", 68);
	event_text(ev, "User", "root");
	event_text(ev, "FileSHA256", "aa");
}

static void cef_has_the_header_keys_and_escapes(void **state)
{
	(void)state;
	struct event ev;
	found(&ev);
	AUTO(freep) char *text = write_it(FORMAT_CEF, &ev, 5, "web-1");
	assert_string_equal(
		text,
		"<132>Nov 25 12:52:38 manager.test CEF:0|Yagura|Yagura Agent|0.1.0|4000002|"
		"Eicar\\|Test\\\\1|6|cn1=5 cn1Label=Host ID dvchost=web-1 cn2=68 cn2Label=Quarantine File Size "
		"filePath=/tmp/a\\=b|c\\\\d\\nx act=Quarantined msg=Scheduled suser=root "
		"TrendMicroDsFileSHA256=aa TrendMicroDsTenant=Primary TrendMicroDsTenantId=0");
	event_done(&ev);
}

static void an_address_goes_into_dvc(void **state)
{
	(void)state;
	struct event ev;
	found(&ev);
	AUTO(freep) char *v4 = write_it(FORMAT_CEF, &ev, 5, "192.0.2.7");
	AUTO(freep) char *v6 = write_it(FORMAT_CEF, &ev, 5, "2001:db8::1");
	assert_non_null(strstr(v4, " dvc=192.0.2.7 "));
	assert_non_null(strstr(v6, " dvchost=2001:db8::1 "));
	event_done(&ev);
}

static void a_system_event_is_the_managers_with_its_title(void **state)
{
	(void)state;
	struct event ev;
	event_init(&ev, &event_class_system, "user-signed-in");
	ev.time_ms = 1764075158822;
	event_text(&ev, "ActionBy", "admin");
	AUTO(freep) char *text = write_it(FORMAT_CEF, &ev, 0, "");
	assert_string_equal(
		text, "<134>Nov 25 12:52:38 manager.test CEF:0|Yagura|Yagura Manager|0.1.0|600|"
		      "User Signed In|3|suser=admin msg=admin signed in "
		      "TrendMicroDsTenant=Primary TrendMicroDsTenantId=0");
	event_done(&ev);
}

static void leef_separates_by_tabs_and_calls_users_usrname(void **state)
{
	(void)state;
	struct event ev;
	found(&ev);
	json_set_text(ev.fields, "User", "ro\tot");
	AUTO(freep) char *text = write_it(FORMAT_LEEF, &ev, 5, "web-1");
	assert_non_null(strstr(
		text,
		"LEEF:2.0|Yagura|Yagura Agent|0.1.0|4000002|cat=Anti-Malware\tname=Eicar|Test\\1\tdesc="));
	assert_non_null(strstr(text, "\tsev=6\t"));
	assert_non_null(strstr(text, "\tusrName=ro ot\t"));
	assert_non_null(strstr(text, "filePath=/tmp/a=b|c\\d x\t"));
	assert_null(strstr(text, "suser"));
	event_done(&ev);
}

static void json_is_one_object_in_a_5424_message(void **state)
{
	(void)state;
	struct event ev;
	found(&ev);
	AUTO(freep) char *text = write_it(FORMAT_JSON, &ev, 5, "web-1");
	const char *head = "<132>1 2025-11-25T12:52:38.822Z manager.test yagura - antimalware - ";
	assert_int_equal(strncmp(text, head, strlen(head)), 0);
	AUTO(json_decrefp) json_t *o = json_parse(str_of(text + strlen(head)), NULL);
	assert_string_equal(json_text(o, "InfectedFilePath", ""), "/tmp/a=b|c\\d\nx");
	assert_int_equal(json_int(o, "computerID", 0), 5);
	assert_int_equal(json_int(o, "number", 0), 4000002);
	assert_null(strchr(text, '\n'));
	event_done(&ev);
}

static void no_format_lets_a_newline_or_control_character_through(void **state)
{
	(void)state;
	static const enum format all[] = { FORMAT_CEF, FORMAT_LEEF, FORMAT_JSON, FORMAT_BASIC };
	struct event ev;
	event_init(&ev, &event_class_system, "sign-in-failed");
	json_set_text(ev.fields, "TargetName", "a\r\n<13>forged\x01\x7f");
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		AUTO(freep) char *text = write_it(all[i], &ev, 3, "ho\nst");
		for (const char *p = text; *p; p++)
			if ((unsigned char)*p < 0x20 && *p != '\t')
				fail_msg("format %d: %s", (int)all[i], text);
	}
	event_done(&ev);
}

static void a_zone_is_told_by_5424(void **state)
{
	(void)state;
	struct buf b = { 0 };
	struct event ev;
	found(&ev);
	struct format_source s = source;
	s.format = FORMAT_JSON;
	s.utc_offset_s = 9LL * 3600;
	const struct format_event e = { &ev, 7, 5, "x" };
	format_event(&b, &s, &e);
	assert_non_null(strstr(b.p, "T21:52:38.822+09:00 "));
	buf_done(&b);
	event_done(&ev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cef_has_the_header_keys_and_escapes),
		cmocka_unit_test(an_address_goes_into_dvc),
		cmocka_unit_test(a_system_event_is_the_managers_with_its_title),
		cmocka_unit_test(leef_separates_by_tabs_and_calls_users_usrname),
		cmocka_unit_test(json_is_one_object_in_a_5424_message),
		cmocka_unit_test(no_format_lets_a_newline_or_control_character_through),
		cmocka_unit_test(a_zone_is_told_by_5424),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
