/* SPDX-License-Identifier: Apache-2.0 */
/* password.c - libargon2, with the parameters that OWASP gives for a server: 19 MiB, 2 passes. */
#include "api/auth/password.h"

#include <argon2.h>
#include <stdio.h>
#include <strings.h>

#include "hk/encode.h"
#include "hk/utf8.h"

enum { MEMORY_KIB = 19456, PASSES = 2, LANES = 1, SALT_BYTES = 16, HASH_BYTES = 32 };

/* What every list of leaked passwords begins with, of those that are long enough. Lower case. */
static const char *const worst[] = {
    "123456789012",
    "1234567890123",
    "12345678901234",
    "123456789012345",
    "1234567890123456",
    "111111111111",
    "000000000000",
    "qwertyuiop12",
    "qwertyuiop123",
    "qwertyuiopasdf",
    "qwerty123456",
    "1q2w3e4r5t6y",
    "1qaz2wsx3edc",
    "q1w2e3r4t5y6",
    "password1234",
    "password12345",
    "password123456",
    "passwordpassword",
    "administrator",
    "administrator1",
    "iloveyou1234",
    "letmein12345",
    "welcome12345",
    "changeme1234",
    "abcdefghijkl",
    "abcdefghijklm",
    "abcd12345678",
    "hooklinehookline",
    "correcthorsebatterystaple",
};

static size_t count_characters(struct hk_str text)
{
    size_t n = 0;

    for (size_t i = 0; i < text.n; i++)
        n += ((unsigned char)text.p[i] & 0xC0u) != 0x80u;
    return n;
}

static bool is_same_but_for_case(struct hk_str a, struct hk_str b)
{
    return a.n == b.n && strncasecmp(a.p, b.p, a.n) == 0;
}

/* One character or a short piece, over and over: "aaaaaaaaaaaa", "abcabcabcabc". */
static bool is_repetition(struct hk_str text)
{
    for (size_t period = 1; period <= 3; period++) {
        if (text.n > period && memcmp(text.p, text.p + period, text.n - period) == 0)
            return true;
    }
    return false;
}

enum hk_code password_check(struct hk_str password, struct hk_str email, const char *pointer,
                            struct hk_error *reterr)
{
    size_t n = count_characters(password);

    if (n < PASSWORD_MIN_CHARACTERS || n > PASSWORD_MAX_CHARACTERS)
        return hk_fail(reterr, HK_INVALID_BODY, pointer, "must have %d to %d characters",
                       PASSWORD_MIN_CHARACTERS, PASSWORD_MAX_CHARACTERS);
    if (email.n > 0 && is_same_but_for_case(password, email))
        return hk_fail(reterr, HK_INVALID_BODY, pointer, "must not be the e-mail address");
    for (size_t i = 0; i < HK_COUNTOF(worst); i++) {
        if (is_same_but_for_case(password, hk_str(worst[i])))
            return hk_fail(reterr, HK_INVALID_BODY, pointer, "is one that everybody tries first");
    }
    if (is_repetition(password))
        return hk_fail(reterr, HK_INVALID_BODY, pointer, "is one that everybody tries first");
    return HK_OK;
}

bool password_hash(struct hk_str password, char ret[PASSWORD_HASH_SIZE])
{
    uint8_t salt[SALT_BYTES];

    hk_random(salt, sizeof(salt));
    return argon2id_hash_encoded(PASSES, MEMORY_KIB, LANES, password.p, password.n, salt,
                                 sizeof(salt), HASH_BYTES, ret, PASSWORD_HASH_SIZE) == ARGON2_OK;
}

bool password_verify(const char *phc, struct hk_str password)
{
    char unused[PASSWORD_HASH_SIZE];

    if (phc == NULL) {
        (void)!password_hash(password, unused);
        return false;
    }
    return argon2id_verify(phc, password.p, password.n) == ARGON2_OK;
}

bool password_is_outdated(const char *phc)
{
    char today[64];

    (void)snprintf(today, sizeof(today), "$argon2id$v=%d$m=%d,t=%d,p=%d$", ARGON2_VERSION_13,
                   MEMORY_KIB, PASSES, LANES);
    return strncmp(phc, today, strlen(today)) != 0;
}
