#pragma once
#include "manager/api/app.h"

/* What sign_in.c and totp_sign_in() of the administrators' collection share. */

/* Do the password rules of the system settings hold? 0, or -EINVAL with a sentence. */
int password_right(struct app *a, const char *password, const char *user, struct err *why);
int password_store(struct app *a, int64_t administrator, const char *password);
/* Signs somebody out everywhere, but for the session that asks. */
void sessions_end(struct app *a, int64_t administrator, const struct call *c);

/* Opens a session for somebody who has proved who it is: 200, or 401 with a sentence. */
int session_admit(struct call *c, int64_t id, json_t *admin, const char *user);

/* id: of an administrator. */
bool totp_enrolled(struct app *a, int64_t id);
void totp_forget(struct app *a, int64_t id);
/* Is the code right, and was it not used before? Remembers it. */
bool totp_use(struct app *a, int64_t id, const char *code);
int totp_begin(struct call *c);   /* POST .../totp: a new secret, shown once */
int totp_confirm(struct call *c); /* POST .../totp/confirm {"code"} */
int totp_end(struct call *c);     /* DELETE .../totp */
