/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Twilio's signature: HMAC-SHA1 over the URL, and behind it the names and values of a form, sorted
 * and each once. Of any other body the URL holds the hash, bodySHA256; without it the body would
 * not be signed at all, and is refused. Twilio may or may not have named the port: both are tried.
 *
 * The one scheme whose body is read before it is known to be right: at most MAX_PAIRS pairs.
 */
#include <stdio.h>
#include <stdlib.h>

#include "hk/encode.h"
#include "hk/form.h"
#include "hk/media_type.h"
#include "inbound_preset.h"

enum { MAX_PAIRS = 1000, MAX_URL_PARTS = 3 };

/* What is signed: the URL in parts, then the pairs. */
struct content {
    char *text; /* decoded */
    struct hk_str *parts;
    size_t n_parts; /* with the first three free for the URL */
};

static void content_done(struct content *content)
{
    free(content->text);
    free(content->parts);
}

static void *allocate(size_t n)
{
    void *p = malloc(n == 0 ? 1 : n);

    if (p == NULL) {
        (void)fputs("out of memory\n", stderr);
        abort();
    }
    return p;
}

static int compare_texts(struct hk_str a, struct hk_str b)
{
    int order = memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);

    return order != 0 ? order : (a.n > b.n) - (a.n < b.n);
}

static int compare_pairs(const void *a, const void *b)
{
    const struct hk_form_pair *one = a, *other = b;
    int order = compare_texts(one->name, other->name);

    return order != 0 ? order : compare_texts(one->value, other->value);
}

static bool content_from_form(struct content *content, struct hk_str form)
{
    struct hk_form_pair *pairs = allocate(MAX_PAIRS * sizeof(*pairs));
    size_t n;

    content->text = allocate(form.n + (size_t)2 * MAX_PAIRS + 1);
    n = hk_form_read(form, pairs, MAX_PAIRS, content->text);
    if (n != SIZE_MAX) {
        qsort(pairs, n, sizeof(*pairs), compare_pairs);
        content->parts = allocate((MAX_URL_PARTS + 2 * n) * sizeof(*content->parts));
        for (size_t i = 0; i < n; i++) {
            if (i > 0 && compare_pairs(&pairs[i - 1], &pairs[i]) == 0)
                continue;
            content->parts[content->n_parts++] = pairs[i].name;
            content->parts[content->n_parts++] = pairs[i].value;
        }
    }
    free(pairs);
    return n != SIZE_MAX;
}

/* Whether the URL names the hash of the body. */
static bool is_body_of_url(struct hk_str query, struct hk_str body, bool *ret_is_named)
{
    char named[2 * HK_SHA256_SIZE + 1], wanted[2 * HK_SHA256_SIZE + 1];
    enum hk_form_result found = hk_form_value(query, "bodySHA256", named, sizeof(named));
    uint8_t hash[HK_SHA256_SIZE];

    *ret_is_named = found != HK_FORM_ABSENT;
    if (found != HK_FORM_FOUND)
        return false;
    hk_sha256(body.n == 0 ? "" : body.p, body.n, hash);
    hk_hex_encode(hash, sizeof(hash), wanted);
    return hk_str_eq(hk_str(named), hk_str(wanted));
}

/* What is signed behind the URL; false when the body is not signed by what there is. */
static bool make_content(const struct hk_inbound_request *request, struct content *content)
{
    bool is_twice, is_named;
    struct hk_str type = inbound_header(request, HK_STR("Content-Type"), &is_twice);
    bool is_right = is_body_of_url(request->query, request->body, &is_named);

    content->n_parts = MAX_URL_PARTS;
    if (!is_named && request->body.n > 0)
        return type.p != NULL && hk_media_type_is(type, HK_FORM_MEDIA_TYPE) &&
               content_from_form(content, request->body);
    content->parts = allocate(MAX_URL_PARTS * sizeof(*content->parts));
    return is_right || !is_named;
}

/* The URL in three parts, the middle one being the port with its colon, "" when there is none. */
static bool split_url(struct hk_str url, struct hk_str ret[MAX_URL_PARTS])
{
    const char *host = url.n == 0 ? NULL : memmem(url.p, url.n, "://", 3);
    const char *end, *authority_end, *port;

    if (host == NULL)
        return false;
    host += 3;
    end = url.p + url.n;
    for (authority_end = host; authority_end < end && strchr("/?#", *authority_end) == NULL;)
        authority_end++;
    for (port = authority_end; port > host && port[-1] >= '0' && port[-1] <= '9';)
        port--;
    port = port > host && port[-1] == ':' ? port - 1 : authority_end;
    ret[0] = (struct hk_str){url.p, (size_t)(port - url.p)};
    ret[1] = (struct hk_str){port, (size_t)(authority_end - port)};
    ret[2] = (struct hk_str){authority_end, (size_t)(end - authority_end)};
    return true;
}

/* Whether one of the secrets signed it, with the port or without. */
static bool is_signed(const struct hk_inbound_credential *credential,
                      const struct hk_inbound_secrets *secrets, const struct content *content,
                      const struct hk_str url[MAX_URL_PARTS], struct hk_str given)
{
    bool is_plain_http = url[0].n > 5 && memcmp(url[0].p, "http:", 5) == 0;
    struct hk_str ports[2] = {url[1], HK_STR("")};
    bool is_right = false;

    if (url[1].n == 0)
        ports[1] = is_plain_http ? HK_STR(":80") : HK_STR(":443");
    memcpy(content->parts, url, MAX_URL_PARTS * sizeof(*url));
    for (unsigned i = 0; i < secrets->n; i++) {
        if (secrets->live[i].n == 0)
            continue;
        for (size_t j = 0; j < HK_COUNTOF(ports); j++) {
            uint8_t mac[HK_MAC_MAX_BYTES];
            size_t n;

            content->parts[1] = ports[j];
            n = hk_mac(credential->hash, secrets->live[i], content->parts, content->n_parts, mac);
            is_right |= n == given.n && hk_equal_secretly(mac, given.p, n);
        }
    }
    return is_right;
}

enum hk_inbound_verdict inbound_verify_twilio(const struct hk_inbound_credential *credential,
                                              const struct hk_inbound_secrets *secrets,
                                              const struct hk_inbound_request *request)
{
    struct content content = {.text = NULL};
    struct hk_str given, url[MAX_URL_PARTS];
    uint8_t mac[HK_MAC_MAX_BYTES];
    bool is_twice, is_right;
    size_t n;

    given = inbound_header(request, credential->header, &is_twice);
    if (given.p == NULL)
        return is_twice ? HK_INBOUND_WRONG : HK_INBOUND_MISSING;
    if (!hk_b64_decode(given, mac, sizeof(mac), &n) || !split_url(request->url, url))
        return HK_INBOUND_WRONG;
    is_right = make_content(request, &content) &&
               is_signed(credential, secrets, &content, url, (struct hk_str){(const char *)mac, n});
    content_done(&content);
    return is_right ? HK_INBOUND_OK : HK_INBOUND_WRONG;
}
