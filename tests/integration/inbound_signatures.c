/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The signatures of providers through HTTP: each of their published vectors is let in, or is too
 * old today and then let in with today's time; none is with one bit changed, of the signature or of
 * the body, nor without its header.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "hk/encode.h"
#include "tests/support/check.h"
#include "tests/support/inlet.h"

#define at(h, ...) http_text((h)->http, __VA_ARGS__)

/* What was signed, and how; `old_s` is the vector's own time, 0: signatures have none. */
struct vector {
    const char *name;
    const char *credential;
    const char *secret;
    struct hk_str body;
    int64_t old_s;
    const char *signature; /* of the vector */
    const char *type;      /* NULL: application/json */
    enum hk_hash hash;
    bool is_base64;
    const char *header;        /* printf's: "%s" is the signature, after the time in Stripe's */
    const char *time_header;   /* printf's: the time; NULL: none */
    const char *id_header;     /* as it is; NULL: none */
    struct hk_str before, dot; /* what is signed: before, time, dot, body */
};

#define TEXT(literal)                                                                              \
    {                                                                                              \
        "" literal, sizeof(literal) - 1                                                            \
    }

#define SLACK_BODY                                                                                 \
    "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id="         \
    "G8PSS9T3V&"                                                                                   \
    "channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&" \
    "response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%"            \
    "2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121."                              \
    "803a0bc887a14d10d2c447fce8b6703c"

static const struct vector vectors[] = {
    {"GitHub",
     "{\"kind\": \"github\"}",
     "It's a Secret to Everybody",
     TEXT("Hello, World!"),
     0,
     "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
     "text/plain",
     HK_SHA256,
     false,
     "X-Hub-Signature-256: sha256=%s",
     NULL,
     NULL,
     {0},
     {0}},
    {"GitHub 2",
     "{\"kind\": \"github\"}",
     "mysecret",
     TEXT("{\"foo\":\"bar\"}"),
     0,
     "4864d2759938a15468b5df9ade20bf161da9b4f737ea61794142f3484236bda3",
     NULL,
     HK_SHA256,
     false,
     "X-Hub-Signature-256: sha256=%s",
     NULL,
     NULL,
     {0},
     {0}},
    {"Shopify",
     "{\"kind\": \"shopify\"}",
     "Convoy",
     TEXT("Test Payload Body"),
     0,
     "16FUVH58NeMcTIIOICN2UJOcPTTa4TbjCndXymGrtM8=",
     NULL,
     HK_SHA256,
     true,
     "X-Shopify-Hmac-SHA256: %s",
     NULL,
     NULL,
     {0},
     {0}},
    {"X",
     "{\"kind\": \"x\"}",
     "Convoy",
     TEXT("Test Payload Body"),
     0,
     "16FUVH58NeMcTIIOICN2UJOcPTTa4TbjCndXymGrtM8=",
     NULL,
     HK_SHA256,
     true,
     "X-Twitter-Webhooks-Signature: sha256=%s",
     NULL,
     NULL,
     {0},
     {0}},
    {"HMAC, SHA-512",
     "{\"kind\": \"hmac\", \"header\": \"X-Convoy-Signature\", \"hash\": \"sha512\","
     " \"encoding\": \"hex\"}",
     "Convoy",
     TEXT("Test Payload Body"),
     0,
     NULL,
     NULL,
     HK_SHA512,
     false,
     "X-Convoy-Signature: %s",
     NULL,
     NULL,
     {0},
     {0}},
    {"HMAC, SHA-256, empty",
     "{\"kind\": \"hmac\", \"header\": \"X-Sig\", \"hash\": \"sha256\", \"encoding\": \"hex\"}",
     "test_secret",
     TEXT(""),
     0,
     "f7f9bd47fb987337b5796fdc1fdb9ba221d0d5396814bfcaf9521f43fd8927fd",
     NULL,
     HK_SHA256,
     false,
     "X-Sig: %s",
     NULL,
     NULL,
     {0},
     {0}},
    {"HMAC, SHA-256",
     "{\"kind\": \"hmac\", \"header\": \"X-Sig\", \"hash\": \"sha256\", \"encoding\": \"hex\"}",
     "test_secret",
     TEXT("{\"obj1\":\"hello\",\"obj2\":\"world\"}"),
     0,
     "bebb1a643997f419b315ddba19e6f5411e1ce7f810ba6d3617ce72823092f363",
     NULL,
     HK_SHA256,
     false,
     "X-Sig: %s",
     NULL,
     NULL,
     {0},
     {0}},
    {"HMAC, SHA-256, not ASCII",
     "{\"kind\": \"hmac\", \"header\": \"X-Sig\", \"hash\": \"sha256\", \"encoding\": \"hex\"}",
     "test_secret",
     TEXT("\xf0\x9f\x98\x80"),
     0,
     "837da296d05c4fe31f61d5d7ead035099d9585a5bcde87de952012a78f0b0c43",
     "text/plain",
     HK_SHA256,
     false,
     "X-Sig: %s",
     NULL,
     NULL,
     {0},
     {0}},
    {"HMAC, SHA-1, base64",
     "{\"kind\": \"hmac\", \"header\": \"X-Sig\", \"hash\": \"sha1\", \"encoding\": \"base64\"}",
     "test_secret",
     TEXT("{}"),
     0,
     NULL,
     NULL,
     HK_SHA1,
     true,
     "X-Sig: %s",
     NULL,
     NULL,
     {0},
     {0}},
    {"Stripe",
     "{\"kind\": \"stripe\"}",
     "whsec_test_secret",
     TEXT("{\"id\":\"evt_test\"}"),
     1614265330,
     "00cd8805b6dfb4317048892c492f8ff769e2075ec20013c6ed546e639a4e20ba",
     NULL,
     HK_SHA256,
     false,
     "Stripe-Signature: t=%2$lld,v1=%1$s",
     NULL,
     NULL,
     {0},
     TEXT(".")},
    {"Slack", "{\"kind\": \"slack\"}", "8f742231b10e8888abcd99yyyzzz85a5", TEXT(SLACK_BODY),
     1531420618, "a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
     "application/x-www-form-urlencoded", HK_SHA256, false, "X-Slack-Signature: v0=%s",
     "X-Slack-Request-Timestamp: %lld", NULL, TEXT("v0:"), TEXT(":")},
    {"Standard Webhooks", "{\"kind\": \"standard_webhooks\"}",
     "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", TEXT("{\"test\": 2432232314}"), 1614265330,
     "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", NULL, HK_SHA256, true,
     "webhook-signature: v1,%s", "webhook-timestamp: %lld",
     "webhook-id: msg_p5jXN8AQM9LWM0D4loKWxJek", TEXT("msg_p5jXN8AQM9LWM0D4loKWxJek."), TEXT(".")},
    {"Standard Webhooks 2", "{\"kind\": \"standard_webhooks\"}",
     "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
     TEXT("{\"email\":\"test@example.com\",\"username\":\"test_user\"}"), 1649367553,
     "tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=", NULL, HK_SHA256, true,
     "webhook-signature: v1,%s", "webhook-timestamp: %lld",
     "webhook-id: msg_27UH4WbU6Z5A5EzD8u03UvzRbpk", TEXT("msg_27UH4WbU6Z5A5EzD8u03UvzRbpk."),
     TEXT(".")},
};

/* The key that the secret is: Standard Webhooks' is in base64 behind "whsec_", Stripe's is not. */
static struct hk_str key_of(const struct vector *v, uint8_t ret[64])
{
    struct hk_str text = hk_str(v->secret);
    size_t n = 0;

    if (strstr(v->credential, "standard_webhooks") == NULL)
        return text;
    assert_true(hk_b64_decode((struct hk_str){text.p + 6, text.n - 6}, ret, 64, &n));
    return (struct hk_str){(const char *)ret, n};
}

static const char *sign(struct harness *h, const struct vector *v, int64_t time_s)
{
    const char *head = time_s == 0 ? ""
                                   : at(h, "%.*s%lld%.*s", (int)v->before.n, v->before.p,
                                        (long long)time_s, (int)v->dot.n, v->dot.p);
    uint8_t key[64];

    return inlet_hmac(h, v->hash, v->is_base64, key_of(v, key), hk_str(head), v->body, HK_STR(""));
}

/* The signature NULL: without its header. */
static struct reply send_signed(struct harness *h, const struct inlet *inlet,
                                const struct vector *v, struct hk_str body, int64_t time_s,
                                const char *signature)
{
    const char *headers[5] = {
        at(h, "Content-Type: %s", v->type == NULL ? "application/json" : v->type)};
    size_t n = 1;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    if (signature != NULL && strstr(v->header, "2$") != NULL)
        headers[n++] = at(h, v->header, signature, (long long)time_s);
    else if (signature != NULL)
        headers[n++] = at(h, v->header, signature);
    if (v->time_header != NULL)
        headers[n++] = at(h, v->time_header, (long long)time_s);
#pragma GCC diagnostic pop
    if (v->id_header != NULL)
        headers[n++] = v->id_header;
    headers[n] = NULL;
    return inlet_post(h, inlet, body, headers);
}

/* Another text that the same length and alphabet could be. */
static const char *flip(struct harness *h, const char *signature, size_t i)
{
    char *copy = strdup(signature);
    const char *flipped;

    copy[i] = copy[i] == 'a' ? 'b' : 'a';
    flipped = at(h, "%s", copy);
    free(copy);
    return flipped;
}

static void check_vector(struct harness *h, const struct tenant *t, const char *app_id,
                         const struct vector *v)
{
    struct inlet inlet = given_inlet(h, t, app_id, v->credential, v->secret, "");
    int64_t now_s = v->old_s == 0 ? 0 : time(NULL);
    const char *signature = sign(h, v, now_s);
    char body[1024] = "x";

    print_message("%s\n", v->name);
    if (v->signature != NULL)
        assert_string_equal(sign(h, v, v->old_s), v->signature);
    assert_gives(202, send_signed(h, &inlet, v, v->body, now_s, signature));
    if (v->old_s != 0) {
        struct reply reply = send_signed(h, &inlet, v, v->body, v->old_s, v->signature);

        assert_problem(h, reply, 401, "unauthenticated", NULL);
        assert_non_null(strstr(reply.body, "too long ago"));
        assert_gives(401,
                     send_signed(h, &inlet, v, v->body, now_s + 3700, sign(h, v, now_s + 3700)));
        assert_gives(401, send_signed(h, &inlet, v, v->body, now_s - 1, signature));
    }
    assert_gives(401, send_signed(h, &inlet, v, v->body, now_s, NULL));
    assert_gives(401, send_signed(h, &inlet, v, v->body, now_s, ""));
    assert_gives(401, send_signed(h, &inlet, v, v->body, now_s, flip(h, signature, 0)));
    assert_gives(
        401, send_signed(h, &inlet, v, v->body, now_s, flip(h, signature, strlen(signature) / 2)));
    assert_gives(401, send_signed(h, &inlet, v, v->body, now_s, at(h, "%.8s", signature)));
    memcpy(body, v->body.p, v->body.n);
    body[0] ^= 1;
    assert_gives(401,
                 send_signed(h, &inlet, v, (struct hk_str){body, v->body.n == 0 ? 1 : v->body.n},
                             now_s, signature));
    assert_int_equal(inlet_count(h, &inlet), 1);
}

static void test_each_vector_is_let_in_and_nothing_beside_it(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *app_id = given_app(h, t, "acme");

    for (size_t i = 0; i < HK_COUNTOF(vectors); i++)
        check_vector(h, t, app_id, &vectors[i]);
}

/* Twilio signs the URL that it calls, and then the sorted parameters. */
static void test_twilio_signs_the_url_and_the_parameters(void **state)
{
    static const struct hk_str body = TEXT("To=%2B18005551212&Digits=1234&From=%2B14158675309");
    static const struct hk_str sorted = TEXT("Digits1234From+14158675309To+18005551212");
    static const char *const type = "Content-Type: application/x-www-form-urlencoded";
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct inlet inlet =
        given_inlet(h, t, given_app(h, t, "acme"), "{\"kind\": \"twilio\"}", "12345", "");
    const char *bases[] = {h->api_url, at(h, "https%s", h->api_url + 4),
                           "https://hooks.example.com"};

    (void)api_want(h, 200, t->admin, "PATCH", "/v1/tenant",
                   "{\"base_url\": \"https://hooks.example.com\"}");
    for (size_t i = 0; i < HK_COUNTOF(bases); i++) {
        const char *url = at(h, "%s%s", bases[i], inlet.path);
        const char *signature =
            inlet_hmac(h, HK_SHA1, true, HK_STR("12345"), hk_str(url), sorted, HK_STR(""));

        assert_gives(202, inlet_post(h, &inlet, body,
                                     (const char *const[]){
                                         type, at(h, "X-Twilio-Signature: %s", signature), NULL}));
        assert_gives(
            401,
            inlet_post(h, &inlet, body,
                       (const char *const[]){
                           type, at(h, "X-Twilio-Signature: %s", flip(h, signature, 3)), NULL}));
        assert_gives(401, inlet_post(h, &inlet, HK_STR("To=%2B18005551212&Digits=1235"),
                                     (const char *const[]){
                                         type, at(h, "X-Twilio-Signature: %s", signature), NULL}));
    }
    assert_gives(401, inlet_post(h, &inlet, body, (const char *const[]){type, NULL}));
    assert_int_equal(inlet_count(h, &inlet), 3);
}

static void test_handshakes_are_answered_and_nothing_is_queued(void **state)
{
    static const struct hk_str challenge =
        TEXT("{\"token\":\"x\",\"challenge\":\"3eZbrw1aB\",\"type\":\"url_verification\"}");
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *app_id = given_app(h, t, "acme"), *now = at(h, "%lld", (long long)time(NULL));
    struct inlet slack = given_inlet(h, t, app_id, "{\"kind\": \"slack\"}", "s1", "");
    struct inlet meta =
        given_inlet(h, t, app_id, "{\"kind\": \"meta\", \"verify_token\": \"letmein\"}", "s2", "");
    struct inlet x = given_inlet(h, t, app_id, "{\"kind\": \"x\"}", "s3", "");
    struct inlet events = given_inlet(h, t, app_id, "{\"kind\": \"cloudevents\"}", "s4", "");
    const char *signature = inlet_hmac(h, HK_SHA256, false, HK_STR("s1"),
                                       hk_str(at(h, "v0:%s:", now)), challenge, HK_STR(""));
    struct reply reply =
        inlet_post(h, &slack, challenge,
                   (const char *const[]){at(h, "X-Slack-Signature: v0=%s", signature),
                                         at(h, "X-Slack-Request-Timestamp: %s", now), NULL});

    assert_status(reply, 200);
    assert_non_null(strstr(reply.body, "3eZbrw1aB"));
    assert_gives(401, inlet_post(h, &slack, challenge,
                                 (const char *const[]){
                                     at(h, "X-Slack-Signature: v0=%s", flip(h, signature, 1)),
                                     at(h, "X-Slack-Request-Timestamp: %s", now), NULL}));
    reply = api_call(h, NULL, "GET",
                     at(h,
                        "%s?hub.mode=subscribe&hub.challenge=1158201444"
                        "&hub.verify_token=letmein",
                        meta.path),
                     NULL);
    assert_status(reply, 200);
    assert_string_equal(reply.body, "1158201444");
    assert_gives(401, api_call(h, NULL, "GET",
                               at(h,
                                  "%s?hub.mode=subscribe&hub.challenge=1158201444"
                                  "&hub.verify_token=letme",
                                  meta.path),
                               NULL));
    reply = api_call(h, NULL, "GET", at(h, "%s?crc_token=foo", x.path), NULL);
    assert_status(reply, 200);
    assert_string_equal(
        reply_text(&reply, "response_token"),
        at(h, "sha256=%s",
           inlet_hmac(h, HK_SHA256, true, HK_STR("s3"), HK_STR("foo"), HK_STR(""), HK_STR(""))));
    reply = api_send(h, NULL, "OPTIONS", events.path, HK_STR_NULL,
                     (const char *const[]){"WebHook-Request-Origin: events.example.com",
                                           "WebHook-Request-Rate: 120", NULL});
    assert_status(reply, 200);
    assert_string_equal(reply_header(h->http, &reply, "webhook-allowed-origin"),
                        "events.example.com");
    assert_non_null(reply_header(h->http, &reply, "webhook-allowed-rate"));
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.event"), 0);
}

static void test_bad_signatures_are_counted_and_shut_nobody_out(void **state)
{
    static const struct vector *const github = &vectors[1];
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *app_id = given_app(h, t, "acme"), *signature = sign(h, github, 0);
    struct inlet inlet = given_inlet(h, t, app_id, github->credential, github->secret, "");
    struct inlet guessed =
        given_inlet(h, t, app_id, "{\"kind\": \"api_key\", \"header\": \"X-Key\"}", "sesame", "");

    assert_gives(
        202, inlet_post(h, &guessed, HK_STR("{}"), (const char *const[]){"X-Key: sesame", NULL}));
    for (unsigned i = 0; i < 25; i++)
        assert_gives(401, send_signed(h, &inlet, github, github->body, 0, flip(h, signature, 9)));
    assert_gives(202, send_signed(h, &inlet, github, github->body, 0, signature));
    assert_gives(
        202, inlet_post(h, &guessed, HK_STR("{}"), (const char *const[]){"X-Key: sesame", NULL}));
    for (unsigned i = 0; i < 19; i++)
        assert_gives(401, inlet_post(h, &guessed, HK_STR("{}"),
                                     (const char *const[]){at(h, "X-Key: %u", i), NULL}));
    for (unsigned i = 0; i < 25; i++)
        (void)inlet_post(h, &guessed, HK_STR("{}"), (const char *const[]){"X-Key: sesamf", NULL});
    assert_gives(
        429, inlet_post(h, &guessed, HK_STR("{}"), (const char *const[]){"X-Key: sesamf", NULL}));
    assert_gives(202, send_signed(h, &inlet, github, github->body, 0, signature));
    assert_non_null(strstr(harness_logs(h), "auth.flood"));
}

int main(void)
{
    static const char *const guarded[] = {"HOOKLINE_API_AUTH_FAILURES_PER_MINUTE=20", NULL};
    static const char *const unguarded[] = {"HOOKLINE_API_AUTH_FAILURES_PER_MINUTE=0", NULL};
    const struct CMUnitTest tests[] = {
        harness_test(test_each_vector_is_let_in_and_nothing_beside_it, .has_no_worker = true,
                     .env = unguarded),
        harness_test(test_twilio_signs_the_url_and_the_parameters, .has_no_worker = true),
        harness_test(test_handshakes_are_answered_and_nothing_is_queued, .has_no_worker = true),
        harness_test(test_bad_signatures_are_counted_and_shut_nobody_out, .has_no_worker = true,
                     .env = guarded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
