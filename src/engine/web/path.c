#include "engine/web/scan.h"

/* Paths that lead where they should not, and wrappers that read what they should not. */

static const char *const secrets[] = { "etc/passwd",
	                               "etc/shadow",
	                               "etc/hosts",
	                               "etc/group",
	                               "etc/issue",
	                               "etc/crontab",
	                               "proc/self/environ",
	                               "proc/self/cmdline",
	                               "proc/version",
	                               "proc/self/fd",
	                               "proc/self/maps",
	                               "win.ini",
	                               "boot.ini",
	                               "system.ini",
	                               "windows/system32",
	                               "winnt/system32",
	                               "web-inf/web.xml",
	                               "web.config",
	                               ".htpasswd",
	                               ".htaccess",
	                               ".ssh/id_rsa",
	                               ".ssh/authorized_keys",
	                               ".aws/credentials",
	                               ".git/config",
	                               "wp-config.php",
	                               "var/log/apache",
	                               "var/log/nginx",
	                               "var/log/auth",
	                               "access.log",
	                               "/.env",
	                               "drivers/etc/hosts",
	                               "config/database.yml",
	                               ".bash_history",
	                               "usr/local/etc/",
	                               "etc/nginx/",
	                               "etc/apache2/",
	                               "etc/ssh/",
	                               "etc/mysql/",
	                               "application.properties",
	                               "appsettings.json",
	                               "config.inc.php",
	                               NULL };

static const char *const wrappers[] = { "php://filter",
	                                "php://input",
	                                "file:///",
	                                "phar://",
	                                "expect://",
	                                "zip://",
	                                "data://text",
	                                "glob://",
	                                "compress.zlib://",
	                                "jar:file:",
	                                "netdoc:/",
	                                "file://localhost",
	                                "ogg://",
	                                "rar://",
	                                "data:text/plain;base64",
	                                NULL };

static bool slash(char c)
{
	return c == '/' || c == '\\';
}

/* Blanks and signs of code make a text of it, in which paths may stand as an example. */
static bool is_path(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		if (!is_word(c) && !strchr("./\\-:~%+@?=&#;,$*", c) && c != '\0')
			return false;
	}
	return true;
}

struct ups {
	unsigned n;
	bool doubled; /* ....// or ..;/ */
	bool out;     /* more of them than names before */
};

static struct ups count_ups(struct str s)
{
	struct ups u = { 0 };
	int depth = 0;
	for (size_t i = 0; i < s.n;) {
		size_t end = i;
		while (end < s.n && !slash(s.p[end]))
			end++;
		struct str name = part(s, i, end);
		bool more = end < s.n;
		if (name.n >= 2 && str_starts(name, STR("..")) &&
		    (name.n == 2 || name.p[2] == ';' || name.p[2] == '\0' || str_is(name, "....") ||
		     str_is(name, "..."))) {
			u.n += more || name.n == 2;
			u.doubled |= name.n > 2;
			u.out |= --depth < 0;
		} else if (name.n > 0 && !str_is(name, ".")) {
			depth++;
		}
		i = end + 1;
	}
	return u;
}

static bool names_secret(struct str s)
{
	char plain[512];
	size_t n = 0;
	for (size_t i = 0; i < s.n && n < sizeof(plain); i++) {
		char c = lower(s.p[i]);
		if (c == '\\')
			c = '/';
		/* etc//passwd, etc/./passwd */
		if (c == '/' && n > 0 && plain[n - 1] == '/')
			continue;
		if (c == '.' && n > 0 && plain[n - 1] == '/' &&
		    (at(s, i + 1) == '/' || at(s, i + 1) == '\\'))
			continue;
		plain[n++] = c;
	}
	struct str text = { plain, n };
	for (const char *const *w = secrets; *w; w++)
		if (look_for(text, 0, *w) < text.n)
			return true;
	return false;
}

void web_read_path(const struct web_value *v, struct str text, struct web_found *found)
{
	for (const char *const *w = wrappers; *w; w++)
		if (goes_on(text, 0, *w)) {
			web_find(found, WEB_PATH_WRAPPER);
			return;
		}
	if (text.n > 4096 || !is_path(text))
		return;
	struct ups u = count_ups(text);
	size_t before = v->place == WEB_IN_PATH ? 1 : 0;
	bool climbs = u.n > before || (u.n && u.out);
	for (unsigned i = 0; i < u.n && i < 3; i++)
		web_find(found, WEB_PATH_UP);
	/* A value that climbs two levels and more leaves the folder it was meant for; a link within
	 * a site ends in a page or a picture and seldom climbs so far. */
	if (u.out && (v->place == WEB_IN_PATH ? u.n >= 1 : u.n >= 4))
		web_find(found, WEB_PATH_OUT);
	bool hidden = u.n && (v->overlong || v->twice || u.doubled);
	if (hidden)
		web_find(found, WEB_PATH_ENCODED);
	bool secret = names_secret(text);
	bool whole = slash(at(text, 0)) || (is_alpha(at(text, 0)) && at(text, 1) == ':');
	if (secret && (climbs || u.n || (whole && v->place != WEB_IN_PATH))) {
		web_find(found, WEB_PATH_FILE);
		if (!u.n)
			web_find(found, WEB_PATH_ABSOLUTE);
	}
	if (memchr(text.p, '\0', text.n) && (u.n || secret || slash(at(text, 0))))
		web_find(found, WEB_PATH_NUL);
}
