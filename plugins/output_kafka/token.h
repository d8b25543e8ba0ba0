/* token.h - what a token says of itself. */
#ifndef TOKEN_H
#define TOKEN_H

#include <sluice/plugin.h>

/* When a token expires, in ms since 1970: what its claim `exp` says, if it is a JSON Web Token (JWS
 * compact). Nothing of it is verified, for that is the broker's task.
 *
 * returns  0: it does not say */
int64_t token_expiry_ms(const char *token);

/* Nothing in it that a token cannot have: a blank, a quote, a control byte. */
bool token_is_clean(const char *token);

#endif
