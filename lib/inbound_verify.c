/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The check of a request. What is compared with a secret, or with what was made of one, is compared
 * by hashes or MACs of one length, all of them, whatever the first ones gave.
 *
 * A header field that is there twice is no credential: which of the two another reader would take
 * is not known.
 */
#include <stdio.h>
#include <strings.h>

#include "hk/encode.h"
#include "hk/form.h"
#include "hk/json_scan.h"
#include "hk/sign.h"
#include "inbound_preset.h"

enum {
    MAX_PARTS = 8, /* of what is signed */
    MAX_PROOF_BYTES = 1024,
    MAX_ID_BYTES = HK_INBOUND_ID_SIZE - 1,
};

struct hk_str inbound_header(const struct hk_inbound_request *request, struct hk_str name,
                             bool *ret_is_twice)
{
    struct hk_str found = HK_STR_NULL;

    *ret_is_twice = false;
    for (size_t i = 0; i < request->n_headers; i++) {
        const struct hk_inbound_header *header = &request->headers[i];

        if (header->name.n != name.n || strncasecmp(header->name.p, name.p, name.n) != 0)
            continue;
        if (found.p != NULL) {
            *ret_is_twice = true;
            return HK_STR_NULL;
        }
        found = header->value.p == NULL ? HK_STR("") : header->value;
    }
    return found;
}

/* The same as a verdict: there is one, none, or several. */
static enum hk_inbound_verdict find_header(const struct hk_inbound_request *request,
                                           struct hk_str name, struct hk_str *ret)
{
    bool is_twice;

    *ret = inbound_header(request, name, &is_twice);
    if (is_twice)
        return HK_INBOUND_WRONG;
    return ret->p == NULL ? HK_INBOUND_MISSING : HK_INBOUND_OK;
}

bool inbound_skip_prefix(struct hk_str *text, struct hk_str prefix)
{
    if (text->n < prefix.n || (prefix.n > 0 && strncasecmp(text->p, prefix.p, prefix.n) != 0))
        return false;
    *text = (struct hk_str){text->p + prefix.n, text->n - prefix.n};
    return true;
}

/* ---- secrets that are sent ------------------------------------------------------------------- */

/* Whether `given` is before + secret for one of the secrets. */
static bool is_known(const struct hk_inbound_secrets *secrets, struct hk_str before,
                     struct hk_str given)
{
    uint8_t wanted_hash[HK_SHA256_SIZE], given_hash[HK_SHA256_SIZE];
    char wanted[256 + HK_INBOUND_MAX_SECRET_BYTES];
    bool is_found = false;

    hk_sha256(given.p, given.n, given_hash);
    for (unsigned i = 0; i < secrets->n; i++) {
        struct hk_str secret = secrets->live[i];

        if (secret.n == 0 || before.n + secret.n > sizeof(wanted))
            continue;
        memcpy(wanted, before.p, before.n);
        memcpy(wanted + before.n, secret.p, secret.n);
        hk_sha256(wanted, before.n + secret.n, wanted_hash);
        is_found |= hk_equal_secretly(wanted_hash, given_hash, sizeof(given_hash));
    }
    explicit_bzero(wanted, sizeof(wanted));
    return is_found;
}

static enum hk_inbound_verdict verify_basic(const struct hk_inbound_credential *c,
                                            const struct hk_inbound_secrets *secrets,
                                            const struct hk_inbound_request *request)
{
    char before[257], given[MAX_PROOF_BYTES];
    struct hk_str value;
    enum hk_inbound_verdict verdict = find_header(request, HK_STR("Authorization"), &value);
    bool is_right;
    size_t n;

    if (verdict != HK_INBOUND_OK)
        return verdict;
    if (!inbound_skip_prefix(&value, HK_STR("Basic ")) || c->username.n + 1 > sizeof(before) ||
        !hk_b64_decode(value, (uint8_t *)given, sizeof(given), &n))
        return HK_INBOUND_WRONG;
    memcpy(before, c->username.n == 0 ? "" : c->username.p, c->username.n);
    before[c->username.n] = ':';
    is_right =
        is_known(secrets, (struct hk_str){before, c->username.n + 1}, (struct hk_str){given, n});
    explicit_bzero(given, sizeof(given));
    return is_right ? HK_INBOUND_OK : HK_INBOUND_WRONG;
}

static enum hk_inbound_verdict verify_api_key(const struct hk_inbound_credential *c,
                                              const struct hk_inbound_secrets *secrets,
                                              const struct hk_inbound_request *request)
{
    enum hk_inbound_verdict verdict = HK_INBOUND_MISSING;
    char name[64], given[MAX_PROOF_BYTES];
    enum hk_form_result found;
    struct hk_str value;

    if (c->header.n > 0)
        verdict = find_header(request, c->header, &value);
    if (verdict == HK_INBOUND_OK)
        return inbound_skip_prefix(&value, c->prefix) && is_known(secrets, HK_STR(""), value)
                   ? HK_INBOUND_OK
                   : HK_INBOUND_WRONG;
    if (verdict != HK_INBOUND_MISSING || c->query.n == 0)
        return verdict;

    (void)snprintf(name, sizeof(name), "%.*s", (int)c->query.n, c->query.p);
    found = hk_form_value(request->query, name, given, sizeof(given));
    if (found == HK_FORM_FOUND)
        verdict = is_known(secrets, HK_STR(""), hk_str(given)) ? HK_INBOUND_OK : HK_INBOUND_WRONG;
    else if (found == HK_FORM_MALFORMED)
        verdict = HK_INBOUND_WRONG;
    explicit_bzero(given, sizeof(given));
    return verdict;
}

/* ---- secrets that sign ----------------------------------------------------------------------- */

/* What a request brings for an HMAC. */
struct proof {
    unsigned n_macs;
    size_t mac_n[HK_INBOUND_MAX_SIGNATURES];
    uint8_t macs[HK_INBOUND_MAX_SIGNATURES][HK_MAC_MAX_BYTES];
    bool has_signature; /* one that is none, too */
    struct hk_str timestamp, id;
};

static bool decode_hex(struct hk_str text, uint8_t *ret, size_t capacity, size_t *ret_n)
{
    if (text.n % 2 != 0 || text.n / 2 > capacity)
        return false;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        char lower = (char)(c | 0x20);
        unsigned digit;

        if (c >= '0' && c <= '9')
            digit = (unsigned)(c - '0');
        else if (lower >= 'a' && lower <= 'f')
            digit = (unsigned)(lower - 'a' + 10);
        else
            return false;
        ret[i / 2] = (uint8_t)(i % 2 == 0 ? digit << 4 : ret[i / 2] | digit);
    }
    *ret_n = text.n / 2;
    return true;
}

static void add_signature(struct proof *proof, struct hk_str text, bool is_base64)
{
    unsigned i = proof->n_macs;

    proof->has_signature = true;
    if (i == HK_INBOUND_MAX_SIGNATURES)
        return;
    if (is_base64 ? hk_b64_decode(text, proof->macs[i], HK_MAC_MAX_BYTES, &proof->mac_n[i])
                  : decode_hex(text, proof->macs[i], HK_MAC_MAX_BYTES, &proof->mac_n[i]))
        proof->n_macs++;
}

/* "t=1614265330,v1=...,v1=...,v0=...": false when there are two timestamps. */
static bool read_list(const struct hk_inbound_credential *c, struct hk_str list,
                      struct proof *proof)
{
    while (list.n > 0) {
        const char *comma = memchr(list.p, ',', list.n);
        struct hk_str item = {list.p, comma == NULL ? list.n : (size_t)(comma - list.p)};
        size_t n_taken = item.n + (comma != NULL);

        list = (struct hk_str){list.p + n_taken, list.n - n_taken};
        while (item.n > 0 && item.p[0] == ' ')
            item = (struct hk_str){item.p + 1, item.n - 1};
        if (inbound_skip_prefix(&item, c->prefix)) {
            add_signature(proof, item, c->is_base64);
        } else if (inbound_skip_prefix(&item, HK_STR("t="))) {
            if (proof->timestamp.p != NULL)
                return false;
            proof->timestamp = item;
        }
    }
    return true;
}

static bool is_list(const struct hk_inbound_credential *c)
{
    return c->timestamp_header.n == 0 && c->tolerance_s > 0;
}

static bool signs_id(const struct hk_inbound_credential *c)
{
    return memmem(c->content.p, c->content.n, "{id}", 4) != NULL;
}

/* Finds what the request brings; MISSING when that is not all. */
static enum hk_inbound_verdict read_proof(const struct hk_inbound_credential *c,
                                          const struct hk_inbound_request *request,
                                          struct proof *proof)
{
    struct hk_str value;
    enum hk_inbound_verdict verdict = find_header(request, c->header, &value);

    if (verdict != HK_INBOUND_OK)
        return verdict;
    if (is_list(c)) {
        if (!read_list(c, value, proof))
            return HK_INBOUND_WRONG;
    } else if (inbound_skip_prefix(&value, c->prefix)) {
        add_signature(proof, value, c->is_base64);
    } else {
        return HK_INBOUND_WRONG;
    }

    if (c->timestamp_header.n > 0)
        verdict = find_header(request, c->timestamp_header, &proof->timestamp);
    if (verdict == HK_INBOUND_OK && signs_id(c))
        verdict = find_header(request, c->id_header, &proof->id);
    if (verdict != HK_INBOUND_OK)
        return verdict;
    return !proof->has_signature || (c->tolerance_s > 0 && proof->timestamp.p == NULL)
               ? HK_INBOUND_MISSING
               : HK_INBOUND_OK;
}

/* Unix seconds. */
static bool read_timestamp(struct hk_str text, int64_t *ret_s)
{
    int64_t value = 0;

    if (text.n == 0 || text.n > 12)
        return false;
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] < '0' || text.p[i] > '9')
            return false;
        value = value * 10 + (text.p[i] - '0');
    }
    *ret_s = value;
    return true;
}

static bool is_stale(const struct hk_inbound_credential *c, int64_t timestamp_s, int64_t now_s)
{
    return timestamp_s < now_s - c->tolerance_s || timestamp_s > now_s + c->tolerance_s;
}

/* What is signed, in parts; the number of them. */
static size_t cut_content(const struct hk_inbound_credential *c, const struct proof *proof,
                          struct hk_str body, struct hk_str ret[MAX_PARTS])
{
    const struct {
        struct hk_str word, value;
    } words[] = {
        {HK_STR("{body}"), body},
        {HK_STR("{timestamp}"), proof->timestamp},
        {HK_STR("{id}"), proof->id},
    };
    struct hk_str rest = c->content;
    size_t n = 0;

    while (rest.n > 0) {
        const char *brace = memchr(rest.p, '{', rest.n);
        size_t n_plain = brace == NULL ? rest.n : (size_t)(brace - rest.p);

        if (n_plain > 0)
            ret[n++] = (struct hk_str){rest.p, n_plain};
        rest = (struct hk_str){rest.p + n_plain, rest.n - n_plain};
        for (size_t i = 0; i < HK_COUNTOF(words) && rest.n > 0; i++) {
            if (!inbound_skip_prefix(&rest, words[i].word))
                continue;
            ret[n++] = words[i].value;
            break;
        }
    }
    return n;
}

static enum hk_inbound_verdict verify_hmac(const struct hk_inbound_credential *c,
                                           const struct hk_inbound_secrets *secrets,
                                           const struct hk_inbound_request *request, int64_t now_s)
{
    struct proof proof;
    enum hk_inbound_verdict verdict;
    struct hk_str parts[MAX_PARTS];
    uint8_t mac[HK_MAC_MAX_BYTES];
    int64_t timestamp_s = now_s;
    bool is_right = false;
    size_t n_parts;

    proof.n_macs = 0;
    proof.has_signature = false;
    proof.timestamp = proof.id = HK_STR_NULL;
    verdict = read_proof(c, request, &proof);
    if (verdict != HK_INBOUND_OK)
        return verdict;
    if (c->tolerance_s > 0 && !read_timestamp(proof.timestamp, &timestamp_s))
        return HK_INBOUND_WRONG;
    if (c->preset->handshake == INBOUND_HANDSHAKE_X && inbound_is_crc_token(request->body))
        return HK_INBOUND_WRONG; /* anyone can have the signature of such */

    n_parts = cut_content(c, &proof, request->body, parts);
    for (unsigned i = 0; i < secrets->n; i++) {
        size_t n;

        if (secrets->live[i].n == 0)
            continue;
        n = hk_mac(c->hash, secrets->live[i], parts, n_parts, mac);
        for (unsigned j = 0; j < proof.n_macs; j++)
            is_right |= proof.mac_n[j] == n && hk_equal_secretly(proof.macs[j], mac, n);
    }
    if (!is_right)
        return HK_INBOUND_WRONG;
    return c->tolerance_s > 0 && is_stale(c, timestamp_s, now_s) ? HK_INBOUND_STALE : HK_INBOUND_OK;
}

/* The header fields are "webhook-...", or "svix-..." of older senders. */
static enum hk_inbound_verdict verify_standard(const struct hk_inbound_credential *c,
                                               const struct hk_inbound_secrets *secrets,
                                               const struct hk_inbound_request *request,
                                               int64_t now_s, struct hk_str *ret_id)
{
    static const char *const names[][3] = {
        {"webhook-signature", "webhook-timestamp", "webhook-id"},
        {"svix-signature", "svix-timestamp", "svix-id"},
    };
    enum hk_inbound_verdict verdict = HK_INBOUND_MISSING;
    struct hk_str values[3]; /* signatures, timestamp, id */
    int64_t timestamp_s;
    bool is_right = false;

    for (size_t i = 0; i < HK_COUNTOF(names) && verdict == HK_INBOUND_MISSING; i++) {
        for (size_t j = 0; j < 3; j++) {
            verdict = find_header(request, hk_str(names[i][j]), &values[j]);
            if (verdict != HK_INBOUND_OK)
                break;
        }
    }
    if (verdict != HK_INBOUND_OK)
        return verdict;
    if (!read_timestamp(values[1], &timestamp_s) || values[2].n == 0 ||
        memchr(values[2].p, '.', values[2].n) != NULL) /* it is what parts the signed text */
        return HK_INBOUND_WRONG;

    for (unsigned i = 0; i < secrets->n; i++) {
        struct hk_str secret = secrets->live[i];

        is_right |= hk_public_key_is_valid(secret)
                        ? hk_verify_v1a(secret, values[2], timestamp_s, request->body, values[0])
                        : hk_verify_v1(secret, values[2], timestamp_s, request->body, values[0]);
    }
    if (!is_right)
        return HK_INBOUND_WRONG;
    *ret_id = values[2];
    return is_stale(c, timestamp_s, now_s) ? HK_INBOUND_STALE : HK_INBOUND_OK;
}

/* ---- the delivery's id ----------------------------------------------------------------------- */

struct hk_str inbound_body_member(struct hk_str body, const char *name)
{
    struct hk_json_cursor cursor;
    struct hk_json_span span;
    struct hk_str found;
    size_t at;

    if (!hk_json_scan(body, &span, &at) || span.kind != HK_JSON_OBJECT)
        return HK_STR_NULL;
    cursor = (struct hk_json_cursor){.bytes = span.bytes};
    while (hk_json_next(&cursor, &found, &span)) {
        if (hk_json_string_eq(found, name))
            return span.bytes;
    }
    return HK_STR_NULL;
}

/* Of both: the same id of another source is another event. */
static void write_id(struct hk_str source, struct hk_str id, struct hk_inbound_id *ret)
{
    uint8_t hash[HK_MAC_MAX_BYTES];
    bool is_plain = source.n == 0 && id.n <= MAX_ID_BYTES;

    for (size_t i = 0; i < id.n && is_plain; i++)
        is_plain = id.p[i] > ' ' && id.p[i] <= '~';
    ret->n = 0;
    if (id.n == 0)
        return;
    if (is_plain) {
        memcpy(ret->text, id.p, id.n);
        ret->n = id.n;
    } else { /* a MAC whose key is the source: nothing is secret here */
        size_t n = hk_mac(HK_SHA256, source, &id, 1, hash);

        (void)memcpy(ret->text, "sha256.", 7);
        hk_hex_encode(hash, n, ret->text + 7);
        ret->n = 7 + 2 * n;
    }
    ret->text[ret->n] = '\0';
}

static void find_id(const struct hk_inbound_credential *c, const struct hk_inbound_request *request,
                    struct hk_inbound_id *ret)
{
    struct hk_str id = HK_STR_NULL, source = HK_STR_NULL;
    bool is_twice;

    if (c->preset->handshake == INBOUND_HANDSHAKE_CLOUDEVENTS) {
        id = inbound_header(request, HK_STR("ce-id"), &is_twice);
        source = inbound_header(request, HK_STR("ce-source"), &is_twice);
        if (id.p == NULL) {
            id = inbound_body_member(request->body, "id");
            source = inbound_body_member(request->body, "source");
        }
        if (source.n == 0)
            id = HK_STR_NULL;
    } else if (c->id_header.n > 0) {
        id = inbound_header(request, c->id_header, &is_twice);
        ret->is_loose =
            (c->scheme == HK_INBOUND_HMAC && !signs_id(c)) || c->scheme == HK_INBOUND_TWILIO;
    } else if (c->preset->id_member != NULL) {
        id = inbound_body_member(request->body, c->preset->id_member);
        if (id.n >= 2 && id.p[0] == '"')
            id = (struct hk_str){id.p + 1, id.n - 2};
        else
            id = HK_STR_NULL;
    }
    write_id(source, id, ret);
}

enum hk_inbound_verdict hk_inbound_verify(const struct hk_inbound_credential *credential,
                                          const struct hk_inbound_secrets *secrets,
                                          const struct hk_inbound_request *request, int64_t now_s,
                                          struct hk_inbound_id *ret_id)
{
    enum hk_inbound_verdict verdict = HK_INBOUND_WRONG;
    struct hk_str id = HK_STR_NULL;

    switch (credential->scheme) {
    case HK_INBOUND_OPEN:
        verdict = HK_INBOUND_OK;
        break;
    case HK_INBOUND_BASIC:
        verdict = verify_basic(credential, secrets, request);
        break;
    case HK_INBOUND_API_KEY:
        verdict = verify_api_key(credential, secrets, request);
        break;
    case HK_INBOUND_HMAC:
        verdict = verify_hmac(credential, secrets, request, now_s);
        break;
    case HK_INBOUND_STANDARD:
        verdict = verify_standard(credential, secrets, request, now_s, &id);
        break;
    case HK_INBOUND_TWILIO:
        verdict = inbound_verify_twilio(credential, secrets, request);
        break;
    }
    if (verdict != HK_INBOUND_OK)
        return verdict;
    ret_id->is_loose = false;
    if (id.p != NULL)
        write_id(HK_STR_NULL, id, ret_id);
    else
        find_id(credential, request, ret_id);
    return HK_INBOUND_OK;
}
