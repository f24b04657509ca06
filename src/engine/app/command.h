#pragma once
#include "engine/app/inspect.h"

/*
 * How connections begin on which the server greets with "220" and the client sends words: FTP
 * (RFC 959) and SMTP (RFC 5321). One function for both, so that never both say yes.
 */
enum command_kind { COMMAND_NONE, COMMAND_MAYBE, COMMAND_FTP, COMMAND_SMTP };

enum command_kind command_kind_of(const struct beginning *b);
