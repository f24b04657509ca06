#include "engine/web/scan.h"

/*
 * Commands for a shell: behind a separator or inside a substitution, where a program's name would
 * stand. Some names are words of every day, so those count little unless they are used as programs
 * are: with a path, an option, or nothing at all.
 */

enum { NAME_MAX_LEN = 64, COMMANDS_MAX = 32 };

static const char *const programs[] = {
	"whoami",   "uname",     "ifconfig", "ipconfig",   "wget",     "curl",       "nslookup",
	"netstat",  "printenv",  "chmod",    "chown",      "mkfifo",   "ncat",       "netcat",
	"telnet",   "ssh",       "scp",      "tftp",       "bash",     "zsh",        "ksh",
	"dash",     "python",    "python3",  "python2",    "perl",     "ruby",       "php",
	"nodejs",   "busybox",   "certutil", "powershell", "pwsh",     "cmd",        "bitsadmin",
	"regsvr32", "rundll32",  "mshta",    "wmic",       "tasklist", "systeminfo", "hostname",
	"awk",      "gawk",      "xxd",      "crontab",    "useradd",  "adduser",    "passwd",
	"iptables", "systemctl", "ls",       "ps",         "pwd",      "rm",         "cp",
	"mv",       "dd",        "nc",       "sh",         "tac",      "nl",         "od",
	"dir",      "grep",      "egrep",    "sed",        "gcc",      "lsof",       "mkdir",
	"touch",    "base64",    "openssl",  "socat",      "dig",      "getent",     "vi",
	"timeout",  "nohup",     "setsid",   "sudo",       "lua",      "strings",    NULL
};

static const char *const words[] = { "cat",   "id",    "who",    "w",    "echo", "sleep", "ping",
	                             "find",  "type",  "more",   "less", "head", "tail",  "sort",
	                             "set",   "env",   "kill",   "date", "time", "test",  "cut",
	                             "host",  "net",   "copy",   "move", "del",  "nice",  "exec",
	                             "read",  "man",   "last",   "node", "tee",  "eval",  "source",
	                             "start", "print", "printf", "top",  "df",   "du",    "ln",
	                             NULL };

/* A name as a shell reads it: without quotes and backslashes, wild cards kept. */
struct name {
	char text[NAME_MAX_LEN];
	size_t n, end;
	bool hidden;
};

static bool is_ifs(struct str s, size_t i)
{
	return goes_on(s, i, "${ifs") || goes_on(s, i, "$ifs") || goes_on(s, i, "$@") ||
	       goes_on(s, i, "$*");
}

static bool name_byte(char c)
{
	return (is_word(c) && (uint8_t)c < 0x80) || c == '.' || c == '-' || c == '/' || c == '?' ||
	       c == '*' || c == '[' || c == ']';
}

static struct name read_name(struct str s, size_t i)
{
	struct name n = { 0 };
	for (; i < s.n && n.n < sizeof(n.text); i++) {
		char c = s.p[i];
		bool quote = c == '\'' || c == '"' || c == '\\' || c == '^';
		if (quote && n.n > 0 && i + 1 < s.n &&
		    (name_byte(s.p[i + 1]) || s.p[i + 1] == '\'' || s.p[i + 1] == '"')) {
			n.hidden = true;
			continue;
		}
		if (n.n > 0 && c == '$' && (at(s, i + 1) == '@' || at(s, i + 1) == '*') &&
		    name_byte(at(s, i + 2))) {
			n.hidden = true;
			i++;
			continue;
		}
		if (!name_byte(c))
			break;
		n.text[n.n++] = lower(c);
	}
	n.end = i;
	return n;
}

static struct str base_name(const struct name *n)
{
	size_t i = n->n;
	while (i > 0 && n->text[i - 1] != '/')
		i--;
	struct str base = { n->text + i, n->n - i };
	return str_ends(base, STR(".exe")) ? (struct str){ base.p, base.n - 4 } : base;
}

/* /bin/sh, /usr/bin/id, /???/c?t */
static bool by_path(const struct name *n)
{
	struct str s = { n->text, n->n };
	if (at(s, 0) != '/' || n->n < 5)
		return false;
	return look_for(s, 0, "bin/") < s.n || look_for(s, 0, "?") < s.n;
}

/* "more</b>", "head><": marks of HTML, no redirections. */
static bool is_tag(struct str s, size_t i)
{
	size_t end = skip_word(s, i + 1 + (at(s, i + 1) == '/'));
	if (s.p[i] == '>')
		return at(s, i + 1) == '<' || i + 1 == s.n;
	return at(s, end) == '>' || (is_blank(at(s, end)) && look_for(s, end, ">") < s.n);
}

/* A path, an option, an address, a redirection, a variable. */
static bool argument(struct str s, size_t i)
{
	size_t k = i;
	while (k < s.n && is_blank(s.p[k]) && s.p[k] != '\n')
		k++;
	bool apart = k > i;
	if ((at(s, k) == '<' || at(s, k) == '>') && !is_tag(s, k))
		return true;
	if (is_ifs(s, k) || (at(s, k) == '{' && apart && at(s, k + 1) == '/'))
		return true;
	if (!apart)
		return false;
	k += at(s, k) == '"' || at(s, k) == '\'';
	char c = at(s, k), next = at(s, k + 1);
	if (c == '/' && is_word(next))
		return true;
	if (c == '-' && is_alpha(next))
		return true;
	if ((c == '$' && (is_alpha(next) || next == '(' || next == '{')) || c == '~')
		return true;
	if (c == '.' && (next == '/' || next == '.'))
		return true;
	return goes_on(s, k, "http") || goes_on(s, k, "c:\\") || goes_on(s, k, "127.") ||
	       goes_on(s, k, "ftp:");
}

static bool is_end(struct str s, size_t i)
{
	i = skip_blanks(s, i);
	return i >= s.n || strchr(";|&#`)'\"<>%", s.p[i]) != NULL;
}

static bool english_list(struct str s)
{
	/* "name;id;date" and "a|w|x": columns, not commands. */
	size_t marks = 0;
	for (size_t i = 0; i < s.n; i++) {
		if (is_blank(s.p[i]) || (!is_word(s.p[i]) && !strchr(";|,.-", s.p[i])))
			return false;
		marks += s.p[i] == ';' || s.p[i] == '|';
	}
	return marks > 0 && is_alpha(at(s, 0));
}

/* Is what stands before a separator more than a value that a program would be given? */
static bool is_prose(struct str s, size_t separator)
{
	for (size_t k = 0; k < separator; k++)
		if (is_blank(s.p[k]) || strchr("(){}\"'", s.p[k]))
			return true;
	return false;
}

static void one_command(struct str s, size_t i, bool list, struct web_found *f)
{
	size_t begins = skip_blanks(s, i);
	bool prose = begins > i && is_prose(s, i > 0 ? i - 1 : 0);
	i = begins;
	while (is_ifs(s, i) || at(s, i) == '{' || at(s, i) == '(') {
		size_t end = i + 1;
		while (end < s.n && (is_word(s.p[end]) || strchr("{}$@*", s.p[end])))
			end++;
		i = is_ifs(s, i) ? end : i + 1;
		i = skip_blanks(s, i);
	}
	struct name n = read_name(s, i);
	struct str base = base_name(&n);
	bool program = one_of(base, programs), word = one_of(base, words), path = by_path(&n);
	if (!program && !word && !path)
		return;
	char next = at(s, n.end);
	/* "ls." "id=" are no commands */
	if (n.end < s.n && !is_blank(next) && !strchr(";|&<>`)$\"'#{,", next))
		return;
	if (next == ',' && at(s, i - 1) != '{')
		return;
	bool alone = is_end(s, n.end), used = argument(s, n.end);
	/* "; id" behind prose or code is a word; behind a short value it is not. */
	if (word && alone && !n.hidden && prose)
		return;
	if (next == ',')
		used = true;
	if (list && !path && !used && !n.hidden)
		return;
	if (!alone && !used && !program && !path)
		return;
	if (!alone && !used && !n.hidden && program && !path) {
		/* a program with a word behind it: "ls notes", "curl example.org" */
		web_find(f, WEB_COMMAND_WORD);
		web_find(f, WEB_COMMAND_SEPARATOR);
		return;
	}
	web_find(f, WEB_COMMAND_SEPARATOR);
	web_find(f, program || path ? WEB_COMMAND_NAME : WEB_COMMAND_WORD);
	if (used)
		web_find(f, WEB_COMMAND_ARGUMENT);
	if (alone)
		web_find(f, WEB_COMMAND_ONLY);
	if (n.hidden)
		web_find(f, WEB_COMMAND_HIDDEN);
}

/* Markdown's code between ``` and ```, at the begins of lines of a longer text: behind it; else i.
 */
static size_t skip_fence(struct str s, size_t i)
{
	bool begins = i > 0 && s.p[i - 1] == '\n' && goes_on(s, i, "```");
	size_t end = begins && s.n > 40 ? look_for(s, i + 3, "\n```") : s.n;
	return end < s.n ? end + 4 : i;
}

/* ; | & && || and line ends; %0a was decoded before. */
static void separators(struct str s, struct web_found *f)
{
	bool list = english_list(s);
	unsigned n = 0;
	for (size_t i = 0; i < s.n && n < COMMANDS_MAX; i++) {
		i = skip_fence(s, i);
		char c = at(s, i);
		bool line = (c == '\n' || c == '\r') && i < 256;
		if (c != ';' && c != '|' && c != '&' && !line)
			continue;
		while (at(s, i + 1) == c)
			i++;
		n++;
		/* Lines of a text begin with words: those count only behind other marks. */
		struct web_found is = { 0 };
		one_command(s, i + 1, list, &is);
		if (line && !(is.times[WEB_COMMAND_ARGUMENT] || is.times[WEB_COMMAND_NAME]))
			continue;
		for (unsigned k = 0; k < WEB_FEATURES; k++)
			f->times[k] = is.times[k] > f->times[k] ? is.times[k] : f->times[k];
	}
}

/* $(id) `id` <(id) */
static void substitutions(struct str s, struct web_found *f)
{
	unsigned n = 0;
	for (size_t i = 0; i < s.n && n < COMMANDS_MAX; i++) {
		i = skip_fence(s, i);
		if (i >= s.n)
			return;
		bool paren = (s.p[i] == '$' || s.p[i] == '<') && at(s, i + 1) == '(';
		if (!paren && s.p[i] != '`')
			continue;
		size_t from = i + 1 + paren, end = from;
		while (end < s.n && s.p[end] != (paren ? ')' : '`'))
			end++;
		n++;
		struct web_found is = { 0 };
		one_command(part(s, from, end), 0, false, &is);
		/* `ls` in prose is Markdown; with arguments it is still a command. */
		bool markdown = !paren && i > 0 && is_blank(s.p[i - 1]);
		if (is.times[WEB_COMMAND_SEPARATOR] && !markdown) {
			web_find(f, WEB_COMMAND_SUBSTITUTION);
			for (unsigned k = 0; k < WEB_FEATURES; k++)
				f->times[k] = is.times[k] > f->times[k] ? is.times[k] : f->times[k];
		}
		i = paren ? i + 1 : end;
	}
}

/* What only a shell would be given. */
static void shells(struct str s, struct web_found *f)
{
	static const char *const told[] = { "/dev/tcp/",
		                            "/dev/udp/",
		                            "cmd /c",
		                            "cmd.exe /c",
		                            "cmd.exe+/c",
		                            "powershell -",
		                            "powershell.exe -",
		                            "bash -i",
		                            "sh -i",
		                            "nc -e ",
		                            "mkfifo /",
		                            "{ifs}",
		                            "$ifs$",
		                            NULL };
	for (const char *const *t = told; *t; t++) {
		size_t i = look_for(s, 0, *t);
		if (i < s.n && s.n < 512) {
			web_find(f, WEB_COMMAND_SHELL);
			return;
		}
	}
	struct name n = read_name(s, 0);
	struct str base = base_name(&n);
	bool bin = by_path(&n) && (one_of(base, programs) || one_of(base, words));
	/* The value is a program by its path, and its arguments. */
	if (bin && n.n < 64 && (n.end == s.n || argument(s, n.end)))
		web_find(f, WEB_COMMAND_SHELL);
}

void web_read_command(const struct web_value *v, struct str text, struct web_found *found)
{
	if (v->place == WEB_IN_HEADER && look_for(text, 0, "mozilla/") == 0)
		text = str_skip(text, look_for(text, 0, ")"));
	if (v->place == WEB_IN_PATH) {
		substitutions(text, found);
		return;
	}
	separators(text, found);
	substitutions(text, found);
	shells(text, found);
}
