#include "engine/app/command.h"

#include <string.h>

#include "base/auto.h"
#include "base/str.h"

/* Words with which clients begin, and whose they are; BOTH: the greeting or the port says it. */
enum owner { OF_FTP = 1, OF_SMTP = 2, OF_BOTH = 3 };

static const struct {
	const char *word;
	enum owner owner;
} words[] = {
	{ "USER", OF_FTP },  { "PASS", OF_FTP },      { "FEAT", OF_FTP },  { "SYST", OF_FTP },
	{ "OPTS", OF_FTP },  { "PASV", OF_FTP },      { "EPSV", OF_FTP },  { "PORT", OF_FTP },
	{ "CLNT", OF_FTP },  { "SITE", OF_FTP },      { "ACCT", OF_FTP },  { "EHLO", OF_SMTP },
	{ "HELO", OF_SMTP }, { "LHLO", OF_SMTP },     { "MAIL", OF_SMTP }, { "XCLIENT", OF_SMTP },
	{ "AUTH", OF_BOTH }, { "QUIT", OF_BOTH },     { "NOOP", OF_BOTH }, { "HELP", OF_BOTH },
	{ "HOST", OF_FTP },  { "STARTTLS", OF_SMTP }, { "RSET", OF_SMTP }, { "VRFY", OF_SMTP },
	{ "EXPN", OF_SMTP },
};

static bool is_smtp_port(uint16_t port)
{
	return port == 25 || port == 465 || port == 587 || port == 2525;
}

/* 0: no word of theirs; *whole: a longer text would say the same. */
static unsigned owners(const uint8_t *p, size_t n, bool *whole)
{
	size_t len = 0;
	unsigned found = 0;
	while (len < n && ((p[len] | 0x20) >= 'a' && (p[len] | 0x20) <= 'z'))
		len++;
	*whole = len < n;
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		size_t all = strlen(words[i].word);
		if (len > all || (*whole && len != all))
			continue;
		if (str_eq_nocase((struct str){ (const char *)p, len },
		                  (struct str){ words[i].word, len }))
			found |= words[i].owner;
	}
	return found;
}

/* The greeting: -1 none of theirs, 0 not whole, 1 theirs. */
static int greeting(const uint8_t *p, size_t n)
{
	size_t have = n < 3 ? n : 3;
	if (!p || !n)
		return 0;
	if (memcmp(p, "220", have) != 0)
		return -1;
	if (n < 4)
		return 0;
	return p[3] == ' ' || p[3] == '-' || p[3] == '\r' || p[3] == '\n' ? 1 : -1;
}

enum command_kind command_kind_of(const struct beginning *b)
{
	bool whole = false;
	if (b->udp)
		return COMMAND_NONE;
	int greets = greeting(b->p[APP_SERVER], b->n[APP_SERVER]);
	if (greets < 0)
		return COMMAND_NONE;
	if (!b->n[APP_CLIENT])
		return COMMAND_MAYBE;
	unsigned who = owners(b->p[APP_CLIENT], b->n[APP_CLIENT], &whole);
	if (!who)
		return COMMAND_NONE;
	if (!whole)
		return COMMAND_MAYBE;
	if (who == OF_SMTP)
		return COMMAND_SMTP;
	/* POP3 has USER as well: without a greeting the port has to say it. */
	if (who == OF_FTP && (greets == 1 || b->port == 21))
		return COMMAND_FTP;
	if (who == OF_BOTH && is_smtp_port(b->port))
		return COMMAND_SMTP;
	if (who == OF_BOTH && (greets == 1 || b->port == 21))
		return COMMAND_FTP;
	return COMMAND_MAYBE;
}
