#pragma once
#include "engine/web/web.h"

/* What the files that take requests apart share. */

enum web_coding { WEB_PLAIN, WEB_CODED = 1, WEB_PLUS = 2, WEB_HEADLESS = 4 };

/* how: bits of enum web_coding. */
void web_request_add(struct web_request *r, enum web_place place, struct str name, struct str text,
                     unsigned how);
/* Pairs with ampersands. */
void web_request_form(struct web_request *r, enum web_place place, struct str pairs);
