#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "cli/cli.h"
#include "module/antimalware/seal/seal.h"

enum { PASSWORD_MAX = 1024, EXIT_ERROR = 2 };

struct request {
	const char *file, *to, *password_file;
	bool info; /* only say what it is */
};

static int complain(const char *what, const char *why)
{
	fprintf(stderr, "yagura: %s: %s\n", log_quote(str_of(what)), why);
	return EXIT_ERROR;
}

static int usage(FILE *out)
{
	fprintf(out, "usage: yagura quarantine open FILE [--to PATH] [--password-file FILE]\n"
	             "       yagura quarantine info FILE [--password-file FILE]\n");
	return out == stderr ? EXIT_ERROR : 0;
}

/* ---- the password ---- */

/* The first line, without its end. */
static int first_line(int fd, struct buf *out)
{
	char c = 0;
	ssize_t n = 0;
	while (out->n < PASSWORD_MAX && (n = read(fd, &c, 1)) == 1 && c != '\n')
		buf_char(out, c);
	if (out->n && out->p[out->n - 1] == '\r')
		out->p[--out->n] = '\0';
	if (n < 0)
		return -errno;
	return out->n ? 0 : -ENODATA;
}

static int ask(struct buf *out)
{
	struct termios before, silent;
	bool terminal = tcgetattr(STDIN_FILENO, &before) == 0;
	if (terminal) {
		silent = before;
		silent.c_lflag &= ~(tcflag_t)ECHO;
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
		fputs("Password: ", stderr);
	}
	int rc = first_line(STDIN_FILENO, out);
	if (terminal) {
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
		fputc('\n', stderr);
	}
	return rc;
}

static int get_password(const char *file, struct buf *out)
{
	if (!file)
		return ask(out);
	if (strcmp(file, "-") == 0)
		return first_line(STDIN_FILENO, out);
	AUTO(closep) int fd = open(file, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : first_line(fd, out);
}

/* ---- the file ---- */

static void show(const json_t *text)
{
	static const char *const keys[] = { "path", "malware", "sha256", "user", "recordID" };
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		printf("%s: %s\n", keys[i], json_text(text, keys[i], ""));
	printf("size: %lld\ntime: %lld\n", (long long)json_int(text, "size", 0),
	       (long long)json_int(text, "time", 0));
}

/* Not runnable, and never over something. */
static int write_out(const struct seal_key *key, int in, const char *to, struct err *why)
{
	AUTO(closep)
	int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (out < 0)
		return err_set(why, -errno, "%s: %s", to, strerror(errno));
	if (lseek(in, 0, SEEK_SET) < 0)
		return err_set(why, -errno, "%s", strerror(errno));
	int rc = unseal_file(key, in, out, NULL, why);
	if (rc < 0)
		unlink(to);
	return rc;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

static int open_sealed(const struct request *r, const struct buf *password)
{
	const struct seal_key key = { .password = buf_view(password) };
	AUTO(buf_done) struct buf text = { .max = SEAL_TEXT_MAX };
	AUTO(closep) int in = open(r->file, O_RDONLY | O_CLOEXEC);
	struct err why = { { 0 } };
	if (in < 0)
		return complain(r->file, strerror(errno));
	if (unseal_file(&key, in, -1, &text, &why) < 0)
		return complain(r->file, why.text);
	AUTO(json_decrefp) json_t *about = json_parse(buf_view(&text), NULL);
	show(about);
	if (r->info)
		return 0;
	const char *to = r->to ? r->to : base_name(json_text(about, "path", ""));
	if (!*to)
		return complain(r->file, "it names no file: say where with --to");
	if (write_out(&key, in, to, &why) < 0)
		return complain(r->file, why.text);
	printf("written to: %s\n", log_quote(str_of(to)));
	return 0;
}

static int parse(int argc, char **argv, struct request *r)
{
	static const struct option options[] = { { "to", required_argument, NULL, 't' },
		                                 { "password-file", required_argument, NULL, 'p' },
		                                 { "help", no_argument, NULL, 'h' },
		                                 { 0 } };
	for (int c = getopt_long(argc, argv, "", options, NULL); c != -1;
	     c = getopt_long(argc, argv, "", options, NULL)) {
		if (c == 't')
			r->to = optarg;
		else if (c == 'p')
			r->password_file = optarg;
		else
			return c == 'h' ? 1 : -EINVAL;
	}
	if (argc - optind != 2)
		return -EINVAL;
	r->info = strcmp(argv[optind], "info") == 0;
	r->file = argv[optind + 1];
	return r->info || strcmp(argv[optind], "open") == 0 ? 0 : -EINVAL;
}

int cmd_quarantine(int argc, char **argv)
{
	struct request r = { 0 };
	AUTO(buf_done) struct buf password = { .max = PASSWORD_MAX + 1 };
	int rc = parse(argc, argv, &r);
	if (rc != 0)
		return usage(rc > 0 ? stdout : stderr);
	rc = get_password(r.password_file, &password);
	if (rc < 0)
		return complain(r.password_file ? r.password_file : "password",
		                rc == -ENODATA ? "it is empty" : strerror(-rc));
	rc = open_sealed(&r, &password);
	if (password.p)
		explicit_bzero(password.p, password.n);
	return rc;
}
