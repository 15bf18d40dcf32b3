/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/oauth.h"

#include <string.h>

#include "hk/encode.h"

struct client given_client(struct harness *h, const struct tenant *t, const char *body)
{
    struct reply reply = api_call(h, t->admin, "POST", "/v1/clients", "{%s}", body);

    assert_status(reply, 201);
    return (struct client){reply_text(&reply, "id"), reply_text(&reply, "client_id"),
                           reply_text(&reply, "client_secret")};
}

struct reply ask_token(struct harness *h, const char *authorization, const char *form)
{
    const char *const headers[] = {"Content-Type: application/x-www-form-urlencoded", authorization,
                                   NULL};

    return api_send(h, NULL, "POST", "/oauth/token", hk_str(form), headers);
}

const char *basic(struct harness *h, const char *id, const char *secret)
{
    const char *pair = http_text(h->http, "%s:%s", id, secret);
    char text[1024];

    assert_true(HK_B64_SIZE(strlen(pair)) <= sizeof(text));
    (void)hk_b64_encode(pair, strlen(pair), text);
    return http_text(h->http, "Authorization: Basic %s", text);
}

const char *given_token(struct harness *h, const struct client *client)
{
    struct reply reply =
        ask_token(h, basic(h, client->client_id, client->secret), "grant_type=client_credentials");

    assert_status(reply, 200);
    return reply_text(&reply, "access_token");
}

const char *token_part(struct harness *h, const char *token, int part)
{
    char text[8192];
    size_t n;

    for (int i = 0; i < part; i++)
        token = strchr(token, '.') + 1;
    assert_true(hk_b64url_decode((struct hk_str){token, strcspn(token, ".")}, (uint8_t *)text,
                                 sizeof(text) - 1, &n));
    return http_text(h->http, "%.*s", (int)n, text);
}
