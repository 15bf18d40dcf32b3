/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/auth/password.h - passwords of users: which are good enough, and argon2id. Hashing takes tens
 * of milliseconds: hk/offload.h. Pure but for the salt.
 */
#ifndef API_PASSWORD_H
#define API_PASSWORD_H

#include "hk/err.h"

enum {
    PASSWORD_MIN_CHARACTERS = 12,
    PASSWORD_MAX_CHARACTERS = 128,
    PASSWORD_HASH_SIZE = 128, /* "$argon2id$v=19$m=19456,t=2,p=1$<salt>$<hash>" and a NUL */
};

/*
 * 12 to 128 characters, whichever they are (NIST SP 800-63B); not the user's e-mail address, not
 * one of the worst. HK_OK, or HK_INVALID_BODY at `pointer` with a sentence.
 */
HK_NODISCARD enum hk_code password_check(struct hk_str password, struct hk_str email,
                                         const char *pointer, struct hk_error *reterr);

/* A PHC string with a new salt. False when there is no memory for it. */
HK_NODISCARD bool password_hash(struct hk_str password, char ret[PASSWORD_HASH_SIZE]);

/*
 * Whether that is the password of the PHC string. With NULL (there is no such user, or it has no
 * password) it is not, after the same work.
 */
HK_NODISCARD bool password_verify(const char *phc, struct hk_str password);

/* Whether the PHC string was made with other parameters than password_hash() has today. */
bool password_is_outdated(const char *phc);

#endif
