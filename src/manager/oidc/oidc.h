#pragma once
#include "manager/api/app.h"

/*
 * Sign-in by an identity provider: OpenID Connect's authorization code flow with PKCE (RFC 7636).
 * The courier asks the provider, the core checks what it says. The administrator whose name the
 * token gives must be there already.
 */
extern const struct resource oidc_resources[]; /* {0} last */
extern const struct route oidc_routes[];       /* {0} last */
