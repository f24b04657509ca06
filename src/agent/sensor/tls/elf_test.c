#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/sensor/tls/elf.h"
#include "base/auto.h"
#include "base/file.h"
#include "base/str.h"
#include "base/test.h"

static int from_file(void *arg, uint64_t at, void *to, size_t n)
{
	return pread(*(const int *)arg, to, n, (off_t)at) == (ssize_t)n ? 0 : -EIO;
}

/* What the dynamic loader says of a function of a library that we have mapped. */
static void a_function_is_where_the_loader_has_it(void **state)
{
	static const char *const names[] = { "gnutls_record_recv", "gnutls_record_send",
		                             "no_such" };
	uint64_t offsets[3];
	struct err why = { { 0 } };
	Dl_info info;
	(void)state;
	void *library = dlopen("libgnutls.so.30", RTLD_NOW);
	assert_non_null(library);
	const char *address = dlsym(library, names[0]);
	assert_non_null(address);
	assert_true(dladdr(address, &info) != 0);
	AUTO(closep) int fd = open(info.dli_fname, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	const struct elf_source s = { from_file, &fd };
	assert_int_equal(elf_functions(&s, names, 3, offsets, &why), 2);
	/* The same bytes in memory and in the file. */
	char bytes[32];
	assert_int_equal(pread(fd, bytes, sizeof(bytes), (off_t)offsets[0]), sizeof(bytes));
	assert_memory_equal(bytes, address, sizeof(bytes));
	assert_int_not_equal(offsets[0], offsets[1]);
	assert_int_equal(offsets[2], 0);
	dlclose(library);
}

static int from_text(void *arg, uint64_t at, void *to, size_t n)
{
	const struct str *s = arg;
	if (at > s->n || n > s->n - at)
		return -EIO;
	memcpy(to, s->p + at, n);
	return 0;
}

static void what_is_no_program_is_refused(void **state)
{
	static const char *const names[] = { "SSL_read" };
	uint64_t offset = 7;
	struct err why = { { 0 } };
	char room[64] = "#!/bin/sh";
	(void)state;
	for (size_t n = 0; n <= sizeof(room); n += 16) {
		struct str text = { room, n };
		const struct elf_source s = { from_text, &text };
		assert_int_equal(elf_functions(&s, names, 1, &offset, &why), -EBADMSG);
		assert_int_equal(offset, 0);
		assert_non_null(strstr(why.text, "ELF"));
	}
}

/* A header that promises more than there is, at each of its fields. */
static void headers_that_lie_are_refused(void **state)
{
	static const char *const names[] = { "gnutls_record_recv" };
	AUTO(buf_done) struct buf file = { 0 };
	struct err why = { { 0 } };
	(void)state;
	assert_int_equal(file_read(AT_FDCWD, "/proc/self/exe", 256 << 20, &file), 0);
	for (size_t at = 16; at < 64; at++) {
		uint64_t offset = 0;
		char before = file.p[at];
		file.p[at] = (char)(before ^ 0x55);
		struct str text = buf_view(&file);
		const struct elf_source s = { from_text, &text };
		int found = elf_functions(&s, names, 1, &offset, &why);
		assert_true(found == -EBADMSG || (found >= 0 && found <= 1));
		file.p[at] = before;
	}
}

int main(void)
{
	const struct CMUnitTest all[] = {
		cmocka_unit_test(a_function_is_where_the_loader_has_it),
		cmocka_unit_test(what_is_no_program_is_refused),
		cmocka_unit_test(headers_that_lie_are_refused),
	};
	return cmocka_run_group_tests(all, NULL, NULL);
}
