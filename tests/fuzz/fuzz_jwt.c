/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a token, a key set and a token request: whatever a token is, it is not signed by a
 * key that it has never seen.
 */
#include <stdlib.h>

#include "api/auth/jwk.h"
#include "api/auth/oauth_request.h"
#include "api/auth/own_token.h"
#include "tests/fuzz/fuzz.h"

static const char *const algs[] = {"RS256", "PS256", "ES256", "EdDSA"};

static void try_token(struct hk_str text)
{
    static struct own_key key;
    struct jwt_expected expected = {"i", "a", 1800000000, false};
    const char *why = NULL;
    struct jwt jwt;

    if (key.kid[0] == '\0')
        own_key_new(&key);
    if (!jwt_parse(text, &jwt, &why)) {
        FUZZ_MUST(why != NULL);
        jwt_done(&jwt);
        return;
    }
    FUZZ_MUST(jwt.alg != NULL && json_is_object(jwt.claims));
    FUZZ_MUST(jwt.signed_part.n + 1 < text.n && text.n <= JWT_MAX_BYTES);
    FUZZ_MUST(jwt.kid == NULL || strlen(jwt.kid) <= JWT_MAX_KID);
    FUZZ_MUST(!own_token_verify(&key, text, &jwt));
    if (!jwt_check_claims(&jwt, &expected, &why))
        FUZZ_MUST(why != NULL);
    jwt_done(&jwt);
}

static void try_set(struct hk_str text)
{
    struct jwt jwt = {.signed_part = HK_STR("e30.e30"), .n_signature = 64};
    const char *why = NULL;
    struct jwk_set *set = jwk_set_new(text, &why);

    FUZZ_MUST(set != NULL || why != NULL);
    for (size_t i = 0; set != NULL && i < HK_COUNTOF(algs); i++) {
        EVP_PKEY *key = jwk_set_find(set, NULL, algs[i]);

        jwt.alg = algs[i];
        FUZZ_MUST(key == NULL || !jwk_verify(key, algs[i], &jwt));
    }
    jwk_set_free(set);
}

/* The first line is the header, the rest the form. */
static void try_request(struct hk_str text)
{
    const char *end = text.n == 0 ? NULL : memchr(text.p, '\n', text.n);
    size_t n = end == NULL ? 0 : (size_t)(end - text.p);
    struct hk_str form = {text.p + n + (end != NULL), text.n - n - (end != NULL)};
    struct oauth_request request;
    struct hk_error error = {.code = HK_OK};

    if (oauth_request_read(form, (struct hk_str){text.p, n}, &request, &error) == HK_OK)
        FUZZ_MUST(request.client_id[0] != '\0' && request.client_secret[0] != '\0');
    else
        FUZZ_MUST(error.detail[0] != '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hk_str text = {(const char *)data, size};

    try_token(text);
    try_set(text);
    try_request(text);
    return 0;
}
