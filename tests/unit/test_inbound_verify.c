/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vectors of the providers (standards 2.10): each is right; with one bit of its body or its
 * signature flipped, a stale timestamp, a header field missing or twice, or another secret, it is
 * refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "hk/inbound_credential.h"

enum { MAX_HEADERS = 5 };

struct vector {
    const char *what, *credential, *secret;
    struct hk_inbound_header headers[MAX_HEADERS]; /* the signature's first */
    unsigned n_needed;  /* of them, counted from the first: without one it is MISSING */
    const char *method; /* NULL: POST */
    const char *url, *body;
    int64_t now_s; /* 0: it has no timestamp */
    const char *id;
};

#define H(name, value)                                                                             \
    {                                                                                              \
        HK_STR(name), HK_STR(value)                                                                \
    }
#define CONVOY_256   "16FUVH58NeMcTIIOICN2UJOcPTTa4TbjCndXymGrtM8="
#define TWILIO_URL   "https://mycompany.com/myapp.php?foo=1&bar=2"
#define TWILIO_FORM  H("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")
#define GENERIC_HMAC "{\"kind\": \"hmac\", \"header\": \"X-Sig\", \"hash\": "
#define SW_SECRET    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define SW_ID        "msg_p5jXN8AQM9LWM0D4loKWxJek"
#define SW_BODY      "{\"test\": 2432232314}"
#define SW1          "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
#define SW_OTHER     "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc="
#define STRIPE_SIG   "00cd8805b6dfb4317048892c492f8ff769e2075ec20013c6ed546e639a4e20ba"

/* clang-format off */
static const struct vector vectors[] = {
    {.what = "GitHub's", .credential = "{\"kind\": \"github\"}", .secret = "It's a Secret to Everybody",
     .headers = {H("X-Hub-Signature-256", "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"),
                 H("X-GitHub-Delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958")},
     .n_needed = 1, .body = "Hello, World!", .id = "72d3162e-cc78-11e3-81ab-4c9367dc0958"},
    {.what = "GitHub's, JSON", .credential = "{\"kind\": \"github\"}", .secret = "mysecret",
     .headers = {H("x-hub-signature-256", "sha256=4864d2759938a15468b5df9ade20bf161da9b4f737ea61794142f3484236bda3")},
     .n_needed = 1, .body = "{\"foo\":\"bar\"}", .id = ""},
    {.what = "Stripe's", .credential = "{\"kind\": \"stripe\"}", .secret = "whsec_test_secret",
     .headers = {H("Stripe-Signature", "t=1614265330,v1=" STRIPE_SIG)},
     .n_needed = 1, .body = "{\"id\":\"evt_test\"}", .now_s = 1614265330, .id = "evt_test"},
    {.what = "Stripe's, with others", .credential = "{\"kind\": \"stripe\"}", .secret = "whsec_test_secret",
     .headers = {H("Stripe-Signature", "v0=ab, t=1614265330, v1=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17,v1=" STRIPE_SIG)},
     .n_needed = 1, .body = "{\"id\":\"evt_test\"}", .now_s = 1614265330, .id = "evt_test"},
    {.what = "Stripe's suite, nothing", .credential = GENERIC_HMAC "\"sha256\"}", .secret = "test_secret",
     .headers = {H("X-Sig", "f7f9bd47fb987337b5796fdc1fdb9ba221d0d5396814bfcaf9521f43fd8927fd")},
     .n_needed = 1, .body = "", .id = ""},
    {.what = "Stripe's suite, two members", .credential = GENERIC_HMAC "\"sha256\"}", .secret = "test_secret",
     .headers = {H("X-Sig", "bebb1a643997f419b315ddba19e6f5411e1ce7f810ba6d3617ce72823092f363")},
     .n_needed = 1, .body = "{\"obj1\":\"hello\",\"obj2\":\"world\"}", .id = ""},
    {.what = "Stripe's suite, a face", .credential = GENERIC_HMAC "\"sha256\"}", .secret = "test_secret",
     .headers = {H("X-Sig", "837da296d05c4fe31f61d5d7ead035099d9585a5bcde87de952012a78f0b0c43")},
     .n_needed = 1, .body = "\360\237\230\200", .id = ""},
    {.what = "Shopify's", .credential = "{\"kind\": \"shopify\"}", .secret = "Convoy",
     .headers = {H("X-Shopify-Hmac-SHA256", CONVOY_256), H("X-Shopify-Webhook-Id", "b54557e4-bdd9")},
     .n_needed = 1, .body = "Test Payload Body", .id = "b54557e4-bdd9"},
    {.what = "X's", .credential = "{\"kind\": \"x\"}", .secret = "Convoy",
     .headers = {H("X-Twitter-Webhooks-Signature", "sha256=" CONVOY_256)},
     .n_needed = 1, .body = "Test Payload Body", .id = ""},
    {.what = "Meta's", .credential = "{\"kind\": \"meta\", \"verify_token\": \"v\"}", .secret = "mysecret",
     .headers = {H("X-Hub-Signature-256", "sha256=4864d2759938a15468b5df9ade20bf161da9b4f737ea61794142f3484236bda3")},
     .n_needed = 1, .body = "{\"foo\":\"bar\"}", .id = ""},
    {.what = "Slack's", .credential = "{\"kind\": \"slack\"}", .secret = "8f742231b10e8888abcd99yyyzzz85a5",
     .headers = {H("X-Slack-Signature", "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"),
                 H("X-Slack-Request-Timestamp", "1531420618")},
     .n_needed = 2, .now_s = 1531420618, .id = "",
     .body = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
             "&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
             "&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
             "&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"},
    {.what = "Twilio's", .credential = "{\"kind\": \"twilio\"}", .secret = "12345",
     .headers = {H("X-Twilio-Signature", "RSOYDt4T1cUTdK1PDd93/VVr8B8="), TWILIO_FORM},
     .n_needed = 1, .url = TWILIO_URL, .id = "",
     .body = "To=%2B18005551212&CallSid=CA1234567890ABCDE&Caller=%2B14158675309&Digits=1234&From=%2B14158675309"},
    {.what = "Twilio's, another number", .credential = "{\"kind\": \"twilio\"}", .secret = "12345",
     .headers = {H("X-Twilio-Signature", "0/KCTR6DLpKmkAf8muzZqo1nDgQ="), TWILIO_FORM,
                 H("I-Twilio-Idempotency-Token", "9a9b")},
     .n_needed = 1, .url = TWILIO_URL, .id = "9a9b",
     .body = "CallSid=CA1234567890ABCDE&Caller=%2B12349013030&Digits=1234&From=%2B12349013030&To=%2B18005551212"},
    {.what = "Twilio's, JSON", .credential = "{\"kind\": \"twilio\"}", .secret = "12345",
     .headers = {H("X-Twilio-Signature", "a9nBmqA0ju/hNViExpshrM61xv4="), H("Content-Type", "application/json")},
     .n_needed = 1, .id = "", .body = "{\"property\": \"value\", \"boolean\": true}",
     .url = TWILIO_URL "&bodySHA256=0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620"},
    {.what = "Twilio's, values twice", .credential = "{\"kind\": \"twilio\"}", .secret = "12345",
     .headers = {H("X-Twilio-Signature", "IK+Dwps556ElfBT0I3Rgjkr1wJU="), TWILIO_FORM},
     .n_needed = 1, .url = TWILIO_URL, .id = "",
     .body = "Sid=CA123&SidAccount=AC123&Digits=5678&Digits=1234&Digits=1234"},
    {.what = "Twilio's, with a port that we do not see", .credential = "{\"kind\": \"twilio\"}", .secret = "12345",
     .headers = {H("X-Twilio-Signature", "kvajT1Ptam85bY51eRf/AJRuM3w="), TWILIO_FORM},
     .n_needed = 1, .url = TWILIO_URL, .id = "",
     .body = "To=%2B18005551212&CallSid=CA1234567890ABCDE&Caller=%2B14158675309&Digits=1234&From=%2B14158675309"},
    {.what = "Twilio's, without a port that we see", .credential = "{\"kind\": \"twilio\"}", .secret = "12345",
     .headers = {H("X-Twilio-Signature", "RSOYDt4T1cUTdK1PDd93/VVr8B8="), TWILIO_FORM},
     .n_needed = 1, .url = "https://mycompany.com:8443/myapp.php?foo=1&bar=2", .id = "",
     .body = "To=%2B18005551212&CallSid=CA1234567890ABCDE&Caller=%2B14158675309&Digits=1234&From=%2B14158675309"},
    {.what = "Standard Webhooks, SW1", .credential = "{\"kind\": \"standard_webhooks\"}", .secret = SW_SECRET,
     .headers = {H("webhook-signature", SW1), H("webhook-timestamp", "1614265330"), H("webhook-id", SW_ID)},
     .n_needed = 3, .body = SW_BODY, .now_s = 1614265330, .id = SW_ID},
    {.what = "Standard Webhooks, several", .credential = "{\"kind\": \"standard_webhooks\"}", .secret = SW_SECRET,
     .headers = {H("svix-signature", SW_OTHER " v2,Ceo5 " SW1 " " SW_OTHER), H("svix-timestamp", "1614265330"), H("svix-id", SW_ID)},
     .n_needed = 3, .body = SW_BODY, .now_s = 1614265330, .id = SW_ID},
    {.what = "Standard Webhooks, SW2", .credential = "{\"kind\": \"standard_webhooks\"}", .secret = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
     .headers = {H("webhook-signature", "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw="), H("webhook-timestamp", "1649367553"),
                 H("webhook-id", "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk")},
     .n_needed = 3, .body = "{\"email\":\"test@example.com\",\"username\":\"test_user\"}", .now_s = 1649367553,
     .id = "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk"},
    {.what = "Standard Webhooks, SW3", .credential = "{\"kind\": \"standard_webhooks\"}",
     .secret = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=",
     .headers = {H("webhook-signature", "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="),
                 H("webhook-timestamp", "1614265330"), H("webhook-id", SW_ID)},
     .n_needed = 3, .body = SW_BODY, .now_s = 1614265330, .id = SW_ID},
    {.what = "Convoy's, SHA-512", .credential = GENERIC_HMAC "\"sha512\"}", .secret = "Convoy",
     .headers = {H("X-Sig", "83306382f5361d35351d6de45998f23b52f40bcf96befe4e92f137c0f1bf4a71"
                            "19388b238d8f9d502ac77e6f1a8849a4778272667ed88d530cac8050bd1fee2d")},
     .n_needed = 1, .body = "Test Payload Body", .id = ""},
    {.what = "generic, SHA-1, base64, an id",
     .credential = GENERIC_HMAC "\"sha1\", \"encoding\": \"base64\", \"id_header\": \"X-Id\"}", .secret = "key",
     .headers = {H("X-Sig", "3nybhbi3iqa8ino29wqQcBydtNk="), H("X-Id", "1")},
     .n_needed = 1, .body = "The quick brown fox jumps over the lazy dog", .id = "1"},
    {.what = "generic, SHA-384, with a timestamp of its own",
     .credential = GENERIC_HMAC "\"sha384\", \"prefix\": \"s=\", \"signed\": \"{timestamp}|{id}|{body}\", "
                   "\"timestamp_header\": \"X-Time\", \"id_header\": \"X-Id\", \"tolerance_seconds\": 10}",
     .secret = "key",
     .headers = {H("X-Sig", "s=3e9ede6c3e6c4e3bff118c80354a4cbbf5225c7b3ab272595c543749400610c2dcf95e336aae1612eff36e2c88cd40a4"), H("X-Time", "1000000"), H("X-Id", "two words")},
     .n_needed = 3, .body = "{}", .now_s = 1000000, .id = "sha256.11946996957035cf3ec5f6f6bc2698cb4449203cd7b33ba89f6848875634cb89"},
    {.what = "Basic", .credential = "{\"kind\": \"basic\", \"username\": \"Aladdin\"}", .secret = "open sesame",
     .headers = {H("Authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")},
     .n_needed = 1, .body = "", .id = ""},
    {.what = "a key in a header field", .credential = "{\"kind\": \"api_key\", \"header\": \"X-Key\", \"prefix\": \"Token \"}", .secret = "s3cret",
     .headers = {H("x-key", "token s3cret")}, .n_needed = 1, .body = "", .id = ""},
    {.what = "CloudEvents", .credential = "{\"kind\": \"cloudevents\"}", .secret = "s3cret",
     .headers = {H("Authorization", "Bearer s3cret"), H("ce-id", "A1"), H("ce-source", "/s")},
     .n_needed = 1, .body = "", .id = "sha256.b213e90d3daa96c2853e87dfb2c0138e689f1a8f5f310c9486bf1948e9a05596"},
};
/* clang-format on */

/* A vector as a request, of which a test spoils one thing. */
struct trial {
    struct hk_inbound_credential credential;
    struct hk_inbound_secrets secrets;
    struct hk_inbound_header headers[MAX_HEADERS + 1];
    struct hk_inbound_request request;
    int64_t now_s;
    struct hk_inbound_id id;
    char body[512], signature[256];
};

static void begin(struct trial *trial, const struct vector *vector)
{
    const char *query = vector->url == NULL ? NULL : strchr(vector->url, '?');

    memset(trial, 0, sizeof(*trial));
    assert_int_equal(
        hk_inbound_credential_parse(hk_str(vector->credential), "", &trial->credential, NULL),
        HK_OK);
    trial->secrets = (struct hk_inbound_secrets){{hk_str(vector->secret)}, 1};
    for (size_t i = 0; i < MAX_HEADERS && vector->headers[i].name.p != NULL; i++)
        trial->headers[trial->request.n_headers++] = vector->headers[i];
    (void)stpcpy(trial->body, vector->body);
    memcpy(trial->signature, vector->headers[0].value.p, vector->headers[0].value.n);
    trial->headers[0].value.p = trial->signature;
    trial->request.method = HK_STR("POST");
    trial->request.url = hk_str(vector->url);
    trial->request.query = hk_str(query == NULL ? "" : query + 1);
    trial->request.headers = trial->headers;
    trial->request.body = hk_str(trial->body);
    trial->now_s = vector->now_s;
}

static void must_be(const struct vector *vector, struct trial *trial,
                    enum hk_inbound_verdict wanted, const char *why)
{
    enum hk_inbound_verdict got = hk_inbound_verify(&trial->credential, &trial->secrets,
                                                    &trial->request, trial->now_s, &trial->id);

    if (got != wanted)
        fail_msg("%s, %s: %d instead of %d", vector->what, why, (int)got, (int)wanted);
    hk_inbound_credential_done(&trial->credential);
}

static bool is_signed(const struct trial *trial)
{
    return trial->credential.scheme != HK_INBOUND_BASIC &&
           trial->credential.scheme != HK_INBOUND_API_KEY;
}

static void each_vector_is_right(void **state)
{
    struct trial trial;

    (void)state;
    for (const struct vector *vector = vectors; vector < vectors + HK_COUNTOF(vectors); vector++) {
        begin(&trial, vector);
        must_be(vector, &trial, HK_INBOUND_OK, "as it is");
        assert_string_equal(trial.id.text, vector->id);
        assert_int_equal(trial.id.n, strlen(vector->id));
    }
}

static void each_flipped_bit_of_a_body_is_wrong(void **state)
{
    struct trial trial;

    (void)state;
    for (const struct vector *vector = vectors; vector < vectors + HK_COUNTOF(vectors); vector++) {
        for (size_t bit = 0; bit < 8 * strlen(vector->body); bit++) {
            begin(&trial, vector);
            if (!is_signed(&trial)) {
                hk_inbound_credential_done(&trial.credential);
                break;
            }
            trial.body[bit / 8] = (char)(trial.body[bit / 8] ^ 1 << bit % 8);
            /* "Digits=..." and "digits=..." differ, but "%2B" and "%2b" do not */
            if (trial.credential.scheme == HK_INBOUND_TWILIO && bit % 8 == 5 && bit >= 16 &&
                (trial.body[bit / 8 - 2] == '%' || trial.body[bit / 8 - 1] == '%')) {
                hk_inbound_credential_done(&trial.credential);
                continue;
            }
            must_be(vector, &trial, HK_INBOUND_WRONG, "a bit of the body");
        }
    }
}

/* The last characters of base64 have bits that mean nothing. */
static void each_flipped_bit_of_a_proof_is_wrong(void **state)
{
    struct trial trial;

    (void)state;
    for (const struct vector *vector = vectors; vector < vectors + HK_COUNTOF(vectors); vector++) {
        struct hk_str value = vector->headers[0].value;
        size_t n_from = 0;

        for (size_t i = 0; i < value.n; i++) { /* that of the last signature there is */
            if (strchr("=, ", value.p[i]) != NULL && i + 5 < value.n)
                n_from = i + 1;
        }
        if (strstr(vector->what, "several") != NULL)
            continue;
        for (size_t i = n_from; i + 4 < value.n; i++) {
            begin(&trial, vector);
            trial.signature[i] ^= 1;
            must_be(vector, &trial, HK_INBOUND_WRONG, "a bit of the proof");
        }
    }
}

static void a_proof_that_is_cut_or_empty_is_wrong(void **state)
{
    struct trial trial;

    (void)state;
    for (const struct vector *vector = vectors; vector < vectors + HK_COUNTOF(vectors); vector++) {
        begin(&trial, vector);
        if (strstr(vector->what, "several") != NULL) {
            hk_inbound_credential_done(&trial.credential);
            continue;
        }
        trial.headers[0].value.n -= 8;
        must_be(vector, &trial, HK_INBOUND_WRONG, "cut");
        begin(&trial, vector);
        trial.headers[0].value.n = 0;
        hk_inbound_credential_done(&trial.credential);
        begin(&trial, vector);
        trial.headers[0].value.n = trial.credential.prefix.n;
        assert_int_not_equal(hk_inbound_verify(&trial.credential, &trial.secrets, &trial.request,
                                               trial.now_s, &trial.id),
                             HK_INBOUND_OK);
        hk_inbound_credential_done(&trial.credential);
    }
}

static void a_stale_timestamp_is_refused_and_the_limit_is_not(void **state)
{
    struct trial trial;

    (void)state;
    for (const struct vector *vector = vectors; vector < vectors + HK_COUNTOF(vectors); vector++) {
        static const struct {
            int64_t sign, over;
            enum hk_inbound_verdict verdict;
        } cases[] = {{1, 0, HK_INBOUND_OK},
                     {-1, 0, HK_INBOUND_OK},
                     {1, 1, HK_INBOUND_STALE},
                     {-1, 1, HK_INBOUND_STALE}};

        for (size_t i = 0; i < HK_COUNTOF(cases) && vector->now_s != 0; i++) {
            begin(&trial, vector);
            trial.now_s += cases[i].sign * (trial.credential.tolerance_s + cases[i].over);
            must_be(vector, &trial, cases[i].verdict, "at another time");
        }
    }
}

static void without_a_header_field_it_is_missing_and_twice_it_is_wrong(void **state)
{
    struct trial trial;

    (void)state;
    for (const struct vector *vector = vectors; vector < vectors + HK_COUNTOF(vectors); vector++) {
        for (size_t i = 0; i < vector->n_needed; i++) {
            begin(&trial, vector);
            trial.headers[i].name = HK_STR("X-Other");
            must_be(vector, &trial, HK_INBOUND_MISSING, "without a field");
            begin(&trial, vector);
            trial.headers[trial.request.n_headers++] = trial.headers[i];
            must_be(vector, &trial, HK_INBOUND_WRONG, "with a field twice");
        }
    }
}

static void another_secret_is_wrong_and_the_older_of_two_is_right(void **state)
{
    struct trial trial;

    (void)state;
    for (const struct vector *vector = vectors; vector < vectors + HK_COUNTOF(vectors); vector++) {
        struct hk_str other = HK_STR("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oE");

        begin(&trial, vector);
        trial.secrets.live[0] = other;
        must_be(vector, &trial, HK_INBOUND_WRONG, "another secret");
        begin(&trial, vector);
        trial.secrets.n = 0;
        must_be(vector, &trial, HK_INBOUND_WRONG, "no secret");
        begin(&trial, vector);
        trial.secrets = (struct hk_inbound_secrets){{HK_STR_NULL, HK_STR("")}, 2};
        must_be(vector, &trial, HK_INBOUND_WRONG, "empty secrets");
        begin(&trial, vector);
        trial.secrets = (struct hk_inbound_secrets){{other, hk_str(vector->secret)}, 2};
        must_be(vector, &trial, HK_INBOUND_OK, "two secrets");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_vector_is_right),
        cmocka_unit_test(each_flipped_bit_of_a_body_is_wrong),
        cmocka_unit_test(each_flipped_bit_of_a_proof_is_wrong),
        cmocka_unit_test(a_proof_that_is_cut_or_empty_is_wrong),
        cmocka_unit_test(a_stale_timestamp_is_refused_and_the_limit_is_not),
        cmocka_unit_test(without_a_header_field_it_is_missing_and_twice_it_is_wrong),
        cmocka_unit_test(another_secret_is_wrong_and_the_older_of_two_is_right),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
