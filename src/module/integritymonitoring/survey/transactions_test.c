#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/auto.h"
#include "base/test.h"
#include "module/integritymonitoring/survey/packages.h"
#include "module/integritymonitoring/survey/rpm.h"

struct seen {
	char text[4096];
	size_t n;
};

static bool note_deed(void *arg, const struct package_deed *d)
{
	struct seen *s = arg;
	s->n += (size_t)snprintf(s->text + s->n, sizeof(s->text) - s->n, "%.*s %.*s>%.*s;",
	                         STR_ARG(d->package), STR_ARG(d->was), STR_ARG(d->is));
	return true;
}

static bool note_file(void *arg, const struct package_file *f)
{
	struct seen *s = arg;
	s->n += (size_t)snprintf(s->text + s->n, sizeof(s->text) - s->n, "%.*s", STR_ARG(f->path));
	if (f->md5)
		s->n += (size_t)snprintf(s->text + s->n, sizeof(s->text) - s->n, " md5 %02x..%02x",
		                         f->md5[0], f->md5[15]);
	if (f->sha256)
		s->n += (size_t)snprintf(s->text + s->n, sizeof(s->text) - s->n,
		                         " sha256 %02x..%02x", f->sha256[0], f->sha256[31]);
	s->n += (size_t)snprintf(s->text + s->n, sizeof(s->text) - s->n, ";");
	return true;
}

static void the_log_of_dpkg_says_what_was_done_since(void **state)
{
	static const char log[] = "2026-11-29 11:40:00 install early:all <none> 1\n"
				  "2026-11-29 11:50:00 startup archives unpack\n"
				  "2026-11-29 11:50:01 upgrade libc6:amd64 2.36-9 2.36-10\n"
				  "2026-11-29 11:50:01 status half-configured libc6:amd64 2.36-9\n"
				  "2026-11-29 11:50:02 install new:all <none> 1.0\n"
				  "2026-13-45 99:99:99 install never:all <none> 1.0\n"
				  "not a line at all\n"
				  "2026-11-29 11:50:03 remove old:all 3 <none>\n"
				  "2026-11-29 11:50:04 install half";
	struct tm tm = { .tm_year = 126, .tm_mon = 10, .tm_mday = 29, .tm_hour = 11, .tm_min = 45 };
	struct seen s = { 0 };
	(void)state;
	tm.tm_isdst = -1;
	parse_dpkg_log(STR(log), (int64_t)mktime(&tm) * 1000, note_deed, &s);
	assert_string_equal(s.text, "libc6:amd64 2.36-9>2.36-10;new:all >1.0;old:all 3>;half >;");
}

static void records_of_dpkg_say_paths_and_sums(void **state)
{
	struct seen s = { 0 };
	(void)state;
	parse_dpkg_list(STR("/.\n/usr\n/usr/bin/x y\nrelative\n"), note_file, &s);
	parse_md5sums(STR("00112233445566778899aabbccddeeff  usr/bin/x y\n"
	                  "00112233445566778899aabbccddee  short\n"
	                  "zz112233445566778899aabbccddeeff  nohex\n"),
	              note_file, &s);
	parse_conffiles(STR("Package: x\nConffiles:\n /etc/x 00112233445566778899aabbccddeeff\n"
	                    " /etc/new newconffile\n"
	                    " /etc/gone 11112233445566778899aabbccddeeff obsolete\n"
	                    "Depends:\n /etc/no 00112233445566778899aabbccddeeff\n"),
	                note_file, &s);
	assert_string_equal(s.text, "/usr;/usr/bin/x y;/usr/bin/x y md5 00..ff;"
	                            "/etc/x md5 00..ff;/etc/gone md5 11..ff;");
}

/* ---- a header as rpm writes it ---- */

struct maker {
	struct buf index, data;
	uint32_t n;
};

static void maker_done(struct maker *m)
{
	buf_done(&m->index);
	buf_done(&m->data);
}

static void be32(struct buf *b, uint32_t v)
{
	const unsigned char bytes[] = { (unsigned char)(v >> 24), (unsigned char)(v >> 16),
		                        (unsigned char)(v >> 8), (unsigned char)v };
	buf_add(b, bytes, sizeof(bytes));
}

static void put(struct maker *m, uint32_t tag, uint32_t type, uint32_t count, const void *p,
                size_t n)
{
	while (type == RPM_INT32 && m->data.n % 4)
		buf_char(&m->data, '\0');
	be32(&m->index, tag);
	be32(&m->index, type);
	be32(&m->index, (uint32_t)m->data.n);
	be32(&m->index, count);
	buf_add(&m->data, p, n);
	m->n++;
}

static void finish(const struct maker *m, struct buf *out)
{
	be32(out, m->n);
	be32(out, (uint32_t)m->data.n);
	buf_str(out, buf_view(&m->index));
	buf_str(out, buf_view(&m->data));
}

static void make(struct buf *out, uint32_t indexes)
{
	static const char digests[] =
		"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\0";
	static const unsigned char when[] = { 0x65, 0, 0, 0 }, algo[] = { 0, 0, 0, 8 },
				   folders[] = { 0, 0, 0, 1, 0, 0, 0, 0 };
	AUTO(maker_done) struct maker m = { 0 };
	put(&m, RPM_NAME, RPM_STRING, 1, "bash", 5);
	put(&m, RPM_ARCH, RPM_STRING, 1, "x86_64", 7);
	put(&m, RPM_INSTALLTIME, RPM_INT32, 1, when, 4);
	put(&m, RPM_FILEDIGESTALGO, RPM_INT32, 1, algo, 4);
	put(&m, RPM_BASENAMES, RPM_STRINGS, 2, "bash\0doc", 9);
	put(&m, RPM_DIRNAMES, RPM_STRINGS, 2, "/usr/share/\0/usr/bin/", 22);
	put(&m, RPM_FILEDIGESTS, RPM_STRINGS, 2, digests, sizeof(digests));
	put(&m, RPM_DIRINDEXES, RPM_INT32, indexes, folders, 8);
	finish(&m, out);
}

static void a_header_of_rpm_says_files_and_digests(void **state)
{
	AUTO(buf_done) struct buf blob = { 0 }, name = { 0 }, wrong = { 0 }, other = { 0 };
	struct package_deed d;
	struct seen s = { 0 };
	(void)state;
	make(&blob, 2);
	assert_int_equal(parse_rpm_files(buf_view(&blob), &d, &name, note_file, &s), 0);
	assert_true(str_is(d.package, "bash.x86_64"));
	assert_int_equal(d.when_ms, INT64_C(0x65000000) * 1000);
	assert_string_equal(s.text, "/usr/bin/bash sha256 00..1f;/usr/share/doc;");
	/* Every cut of it, and a list that has not as many as the names. */
	for (size_t n = 0; n < blob.n; n++)
		assert_int_equal(
			parse_rpm_files((struct str){ blob.p, n }, &d, &other, note_file, &s),
			-EBADMSG);
	make(&wrong, 1);
	assert_int_equal(parse_rpm_files(buf_view(&wrong), &d, &other, NULL, NULL), 0);
	s.n = 0;
	assert_int_equal(parse_rpm_files(buf_view(&wrong), &d, &other, note_file, &s), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_log_of_dpkg_says_what_was_done_since),
		cmocka_unit_test(records_of_dpkg_say_paths_and_sums),
		cmocka_unit_test(a_header_of_rpm_says_files_and_digests),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
