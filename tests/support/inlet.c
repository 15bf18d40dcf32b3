/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/inlet.h"

#include <string.h>

#include "hk/encode.h"
#include "tests/support/check.h"

struct inlet given_inlet(struct harness *h, const struct tenant *t, const char *app_id,
                         const char *credential, const char *secret, const char *members)
{
    static unsigned n;
    const char *secret_member =
        secret == NULL ? "" : http_text(h->http, "\"secret\": \"%s\", ", secret);
    struct reply reply = api_want(
        h, 201, t->admin, "POST", "/v1/flows",
        http_text(h->http, "{\"app_id\": \"%s\", \"name\": \"inlet %u\", \"credential\": {%s%s%s}",
                  app_id, ++n, secret_member, credential + 1, members));

    return (struct inlet){reply_text(&reply, "id"), reply_text(&reply, "url")};
}

void inlet_change(struct harness *h, const struct tenant *t, const struct inlet *inlet,
                  const char *patch)
{
    (void)api_want(h, 200, t->admin, "PATCH", http_text(h->http, "/v1/flows/%s", inlet->id), patch);
}

struct reply inlet_post(struct harness *h, const struct inlet *inlet, struct hk_str body,
                        const char *const headers[])
{
    return api_send(h, NULL, "POST", inlet->path, body, headers);
}

const char *inlet_run(struct harness *h, const struct tenant *t, const struct inlet *inlet,
                      const char *content_type, const char *body)
{
    const char *const headers[] = {http_text(h->http, "Content-Type: %s", content_type),
                                   "Authorization: Bearer s3cret", NULL};
    struct reply reply = inlet_post(h, inlet, hk_str(body), headers);
    const char *event_id;

    assert_status(reply, 202);
    event_id = reply_header(h->http, &reply, "hookline-event-id");
    reply = api_want(h, 200, t->admin, "GET", http_text(h->http, "/v1/events/%s", event_id), NULL);
    return reply_text(&reply, "messages.0.id");
}

struct attempt {
    struct harness *h;
    const struct inlet *inlet;
    struct hk_str body;
    const char *const *headers;
    struct reply reply;
};

static bool is_let_in(void *arg)
{
    struct attempt *attempt = arg;

    attempt->reply = inlet_post(attempt->h, attempt->inlet, attempt->body, attempt->headers);
    return attempt->reply.status < 400 || attempt->reply.status > 499;
}

struct reply inlet_post_patiently(struct harness *h, const struct inlet *inlet, struct hk_str body,
                                  const char *const headers[])
{
    struct attempt attempt = {h, inlet, body, headers, {0}};

    (void)wait_until(is_let_in, &attempt, 10000);
    return attempt.reply;
}

const char *inlet_hmac(struct harness *h, enum hk_hash hash, bool is_base64, struct hk_str key,
                       struct hk_str a, struct hk_str b, struct hk_str c)
{
    char text[2 * HK_MAC_MAX_BYTES + HK_B64_SIZE(HK_MAC_MAX_BYTES)];
    struct hk_str parts[] = {a, b, c};
    uint8_t mac[HK_MAC_MAX_BYTES];
    size_t n = hk_mac(hash, key, parts, HK_COUNTOF(parts), mac);

    if (is_base64)
        (void)hk_b64_encode(mac, n, text);
    else
        hk_hex_encode(mac, n, text);
    return http_text(h->http, "%s", text);
}

int64_t inlet_count(struct harness *h, const struct inlet *inlet)
{
    return db_int(h, "SELECT count(*) FROM hookline.event WHERE request ->> 'path' LIKE '/in/%s%%'",
                  inlet->id);
}
