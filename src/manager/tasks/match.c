#include "manager/tasks/match.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <errno.h>
#include <pcre2.h>
#include <string.h>

enum {
	PATTERN_MAX = 1000,
	SUBJECT_MAX = 10000,
	STEPS_MAX = 100000,
	DEPTH_MAX = 1000,
	HEAP_KB = 1024
};

static pcre2_code *compile(const char *pattern, struct err *why)
{
	int error = 0;
	PCRE2_SIZE at = 0;
	if (strlen(pattern) > PATTERN_MAX) {
		err_set(why, -EINVAL, "the expression is longer than %d characters", PATTERN_MAX);
		return NULL;
	}
	pcre2_code *code = pcre2_compile((PCRE2_SPTR)pattern, strlen(pattern),
	                                 PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C |
	                                         PCRE2_ANCHORED | PCRE2_ENDANCHORED,
	                                 &error, &at, NULL);
	PCRE2_UCHAR text[160];
	if (!code && pcre2_get_error_message(error, text, sizeof(text)) > 0)
		err_set(why, -EINVAL, "%s at character %zu", (const char *)text, at + 1);
	return code;
}

int match_check(const char *pattern, struct err *why)
{
	pcre2_code *code = compile(pattern, why);
	pcre2_code_free(code);
	return code ? 0 : -EINVAL;
}

int match_whole(const char *pattern, struct str s)
{
	if (s.n > SUBJECT_MAX || !str_utf8(s))
		return -EINVAL;
	pcre2_code *code = compile(pattern, NULL);
	pcre2_match_data *data = code ? pcre2_match_data_create_from_pattern(code, NULL) : NULL;
	pcre2_match_context *context = pcre2_match_context_create(NULL);
	int rc = -EINVAL;
	if (data && context) {
		pcre2_set_match_limit(context, STEPS_MAX);
		pcre2_set_depth_limit(context, DEPTH_MAX);
		pcre2_set_heap_limit(context, HEAP_KB);
		rc = pcre2_match(code, (PCRE2_SPTR)(s.p ? s.p : ""), s.n, 0, 0, data, context);
		if (rc < 0)
			rc = rc == PCRE2_ERROR_NOMATCH ? 0 : -E2BIG;
		else
			rc = 1;
	}
	pcre2_match_context_free(context);
	pcre2_match_data_free(data);
	pcre2_code_free(code);
	return rc;
}
