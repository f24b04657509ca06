#pragma once
#include <string.h>

#include "engine/web/web.h"

/* For the files that read values. ASCII alone; other bytes are letters of words. */

static inline void web_find(struct web_found *f, enum web_feature w)
{
	if (f->times[w] < UINT8_MAX)
		f->times[w]++;
}

static inline char lower(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (char)(c - 'A' + 'a');
	return c;
}

static inline bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool is_alpha(char c)
{
	return (lower(c) >= 'a' && lower(c) <= 'z') || (uint8_t)c >= 0x80;
}

static inline bool is_word(char c)
{
	return is_alpha(c) || is_digit(c) || c == '_';
}

static inline bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r') || c == '\0';
}

/* The byte at i, or '\0' behind the end. */
static inline char at(struct str s, size_t i)
{
	if (i < s.n)
		return s.p[i];
	return '\0';
}

static inline size_t skip_blanks(struct str s, size_t i)
{
	while (i < s.n && is_blank(s.p[i]))
		i++;
	return i;
}

static inline size_t skip_word(struct str s, size_t i)
{
	while (i < s.n && is_word(s.p[i]))
		i++;
	return i;
}

static inline struct str part(struct str s, size_t from, size_t to)
{
	return from < to && to <= s.n ? (struct str){ s.p + from, to - from }
	                              : (struct str){ "", 0 };
}

/* Does s go on at i with the word, which is in lower case? */
static inline bool goes_on(struct str s, size_t i, const char *word)
{
	for (; *word; word++, i++)
		if (i >= s.n || lower(s.p[i]) != *word)
			return false;
	return true;
}

/* Where the word, in lower case, is from i on; s.n: nowhere. */
static inline size_t look_for(struct str s, size_t i, const char *word)
{
	for (; i < s.n; i++)
		if (lower(s.p[i]) == *word && goes_on(s, i, word))
			return i;
	return s.n;
}

/* Is s one of the words, NULL last? In any case. */
static inline bool one_of(struct str s, const char *const *words)
{
	for (; *words; words++)
		if (strlen(*words) == s.n && goes_on(s, 0, *words))
			return true;
	return false;
}

typedef void web_reader(const struct web_value *v, struct str text, struct web_found *found);
web_reader web_read_sql, web_read_xss, web_read_command, web_read_path, web_read_template;
