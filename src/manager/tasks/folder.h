#pragma once
#include <jansson.h>

#include "manager/api/app.h"

/*
 * Smart folders: which computers a saved query holds. A computer is in one when all rules of one of
 * its groups fit (without groups all do), and when it is in the folders that it lies in, too.
 */

/* The folder and those that it lies in, innermost first; NULL: it is not there. Owned. */
json_t *folder_load(struct app *a, int64_t id);
/* Are all its rules known here? -EINVAL with a sentence. */
int folder_check(const json_t *folders, struct err *why);
bool folder_holds(const json_t *folders, const json_t *computer);
