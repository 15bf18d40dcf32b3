/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jwt.c - every rule here is an attack that some library fell for: see the table in
 * tests/unit/test_jwt.c.
 */
#include "api/auth/jwt.h"

#include "hk/encode.h"

static bool fail(const char **reterr, const char *words)
{
    *reterr = words;
    return false;
}

static bool is_b64url(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
}

/* Exactly three parts, none of them empty, of the base64url alphabet. */
static bool split(struct hk_str token, struct hk_str ret[3])
{
    size_t part = 0, start = 0;

    for (size_t i = 0; i <= token.n; i++) {
        if (i < token.n && token.p[i] != '.') {
            if (!is_b64url(token.p[i]))
                return false;
            continue;
        }
        if (part == 3 || i == start)
            return false;
        ret[part++] = (struct hk_str){token.p + start, i - start};
        start = i + 1;
    }
    return part == 3;
}

/* Each signature has one spelling: the bits behind its last byte are zero. */
static bool decode_signature(struct hk_str text, struct jwt *jwt)
{
    char again[HK_B64_SIZE(JWT_MAX_SIGNATURE_BYTES)];

    if (!hk_b64url_decode(text, jwt->signature, sizeof(jwt->signature), &jwt->n_signature))
        return false;
    return hk_str_eq(
        text, (struct hk_str){again, hk_b64url_encode(jwt->signature, jwt->n_signature, again)});
}

/* An object; jansson 2.14 would pass over some NUL bytes. NULL when it is not strictly one. */
static json_t *decode_object(struct hk_str text)
{
    uint8_t bytes[JWT_MAX_BYTES];
    json_t *object;
    size_t n;

    if (!hk_b64url_decode(text, bytes, sizeof(bytes), &n) || memchr(bytes, '\0', n) != NULL)
        return NULL;
    object = json_loadb((const char *)bytes, n, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(object)) {
        json_decref(object);
        return NULL;
    }
    return object;
}

static bool kid_is_legal(const char *kid)
{
    size_t n = strlen(kid);

    for (size_t i = 0; i < n; i++) {
        if (!is_b64url(kid[i]) && strchr(".~+/=:@", kid[i]) == NULL)
            return false;
    }
    return n >= 1 && n <= JWT_MAX_KID;
}

/*
 * What a header may not have: extensions that must be understood, an unencoded payload, encryption.
 * `jwk`, `jku`, `x5u` and `x5c` are keys that the sender brings along: nobody looks at them.
 */
static bool read_header(struct jwt *jwt, const char **reterr)
{
    static const char *const refused[] = {"crit", "b64", "enc", "zip"};
    const json_t *kid = json_object_get(jwt->header, "kid");
    const json_t *typ = json_object_get(jwt->header, "typ");

    for (size_t i = 0; i < HK_COUNTOF(refused); i++) {
        if (json_object_get(jwt->header, refused[i]) != NULL)
            return fail(reterr, "the header has a member that is not supported");
    }
    jwt->alg = json_string_value(json_object_get(jwt->header, "alg"));
    if (jwt->alg == NULL)
        return fail(reterr, "the header names no algorithm");
    jwt->kid = json_string_value(kid);
    if (kid != NULL && (jwt->kid == NULL || !kid_is_legal(jwt->kid)))
        return fail(reterr, "the header's kid is not valid");
    jwt->typ = json_string_value(typ);
    if (typ != NULL && jwt->typ == NULL)
        return fail(reterr, "the header's typ is not valid");
    return true;
}

bool jwt_parse(struct hk_str token, struct jwt *ret, const char **reterr)
{
    struct hk_str parts[3];

    ret->header = ret->claims = NULL;
    if (token.n > JWT_MAX_BYTES)
        return fail(reterr, "the token is too long");
    if (!split(token, parts))
        return fail(reterr, "the token is not three parts of base64url");
    if (!decode_signature(parts[2], ret))
        return fail(reterr, "the signature is not base64url");
    ret->signed_part = (struct hk_str){token.p, parts[0].n + 1 + parts[1].n};
    ret->header = decode_object(parts[0]);
    if (ret->header == NULL)
        return fail(reterr, "the header is not a JSON object");
    if (!read_header(ret, reterr))
        return false;
    ret->claims = decode_object(parts[1]);
    return ret->claims != NULL || fail(reterr, "the claims are not a JSON object");
}

void jwt_done(struct jwt *jwt)
{
    json_decref(jwt->header);
    json_decref(jwt->claims);
    jwt->header = jwt->claims = NULL;
}

const char *jwt_text(const struct jwt *jwt, const char *name)
{
    return json_string_value(json_object_get(jwt->claims, name));
}

static bool is_text(const json_t *value, const char *wanted)
{
    return json_is_string(value) && strcmp(json_string_value(value), wanted) == 0;
}

bool jwt_claim_has(const struct jwt *jwt, const char *name, const char *wanted)
{
    const json_t *claim = json_object_get(jwt->claims, name);

    for (size_t i = 0; i < json_array_size(claim); i++) {
        if (is_text(json_array_get(claim, i), wanted))
            return true;
    }
    return is_text(claim, wanted);
}

/* False when the claim is there and is no integer that is a moment. */
static bool read_time(const struct jwt *jwt, const char *name, bool *ret_is_there, int64_t *ret)
{
    const json_t *claim = json_object_get(jwt->claims, name);

    *ret_is_there = claim != NULL;
    *ret = json_integer_value(claim);
    return claim == NULL || (json_is_integer(claim) && *ret >= 0 && *ret <= INT64_MAX / 2);
}

static bool check_times(const struct jwt *jwt, const struct jwt_expected *expected,
                        const char **reterr)
{
    bool has_exp, has_nbf, has_iat;
    int64_t exp_s, nbf_s, iat_s;

    if (!read_time(jwt, "exp", &has_exp, &exp_s) || !read_time(jwt, "nbf", &has_nbf, &nbf_s) ||
        !read_time(jwt, "iat", &has_iat, &iat_s))
        return fail(reterr, "a time is not a number of seconds");
    if (!has_exp || (expected->needs_times && (!has_nbf || !has_iat)))
        return fail(reterr, "a time is missing");
    if (exp_s <= expected->now_s - JWT_LEEWAY_S)
        return fail(reterr, "the token has expired");
    if ((has_nbf && nbf_s > expected->now_s + JWT_LEEWAY_S) ||
        (has_iat && iat_s > expected->now_s + JWT_LEEWAY_S))
        return fail(reterr, "the token is not valid yet");
    return true;
}

int64_t jwt_expires_s(const struct jwt *jwt)
{
    return json_integer_value(json_object_get(jwt->claims, "exp"));
}

bool jwt_check_claims(const struct jwt *jwt, const struct jwt_expected *expected,
                      const char **reterr)
{
    if (!is_text(json_object_get(jwt->claims, "iss"), expected->issuer))
        return fail(reterr, "the token is of another issuer");
    if (!jwt_claim_has(jwt, "aud", expected->audience))
        return fail(reterr, "the token is for another audience");
    return check_times(jwt, expected, reterr);
}
