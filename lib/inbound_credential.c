/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Credentials as JSON: which members each kind has, and what is wrong with them. The check of
 * requests is in inbound_verify.c.
 */
#include <assert.h>
#include <stdio.h>
#include <strings.h>

#include "hk/sign.h"
#include "inbound_preset.h"
#include "json_fields.h"
#include "text_class.h"

enum { DEFAULT_TOLERANCE_S = 300 };

/* The members: bits of `allowed` and `required`. */
enum {
    KIND,
    USERNAME,
    HEADER,
    QUERY,
    PREFIX,
    HASH,
    ENCODING,
    SIGNED,
    TIMESTAMP_HEADER,
    TOLERANCE,
    ID_HEADER,
    VERIFY_TOKEN,
    SECRET,
    N_FIELDS
};

#define BIT(field) (UINT32_C(1) << (field))
#define AT(member) offsetof(struct hk_inbound_credential, member)

/* clang-format off */
static const struct json_field fields[N_FIELDS] = {
    [KIND] = {"kind", JSON_FIELD_STRING, 1, 32, NULL, AT(kind)},
    [USERNAME] = {"username", JSON_FIELD_STRING, 0, 255, NULL, AT(username)},
    [HEADER] = {"header", JSON_FIELD_STRING, 1, 64, NULL, AT(header)},
    [QUERY] = {"query", JSON_FIELD_STRING, 1, 63, NULL, AT(query)},
    [PREFIX] = {"prefix", JSON_FIELD_STRING, 0, 32, NULL, AT(prefix)},
    [HASH] = {"hash", JSON_FIELD_STRING, 0, 0, "sha1|sha256|sha384|sha512", AT(hash_name)},
    [ENCODING] = {"encoding", JSON_FIELD_STRING, 0, 0, "hex|base64", AT(encoding)},
    [SIGNED] = {"signed", JSON_FIELD_STRING, 1, 128, NULL, AT(content)},
    [TIMESTAMP_HEADER] = {"timestamp_header", JSON_FIELD_STRING, 1, 64, NULL, AT(timestamp_header)},
    [TOLERANCE] = {"tolerance_seconds", JSON_FIELD_INTEGER, 1, HK_INBOUND_MAX_TOLERANCE_S, NULL, AT(tolerance_s)},
    [ID_HEADER] = {"id_header", JSON_FIELD_STRING, 1, 64, NULL, AT(id_header)},
    [VERIFY_TOKEN] = {"verify_token", JSON_FIELD_STRING, 1, 255, NULL, AT(verify_token)},
    [SECRET] = {"secret", JSON_FIELD_STRING, 1, HK_INBOUND_MAX_SECRET_BYTES, NULL, AT(secret)},
};

#define OF_PRESET (BIT(KIND) | BIT(SECRET))

static const struct hk_inbound_preset presets[] = {
    {.kind = "none", .scheme = HK_INBOUND_OPEN, .allowed = BIT(KIND),
     .about = "Whoever knows the URL."},
    {.kind = "basic", .scheme = HK_INBOUND_BASIC, .header = "Authorization", .prefix = "Basic ",
     .allowed = OF_PRESET | BIT(USERNAME) | BIT(ID_HEADER), .required = BIT(USERNAME),
     .about = "Basic credentials: a user name, and the secret as its password."},
    {.kind = "api_key", .scheme = HK_INBOUND_API_KEY,
     .allowed = OF_PRESET | BIT(HEADER) | BIT(QUERY) | BIT(PREFIX) | BIT(ID_HEADER),
     .about = "The secret in a header field, behind a prefix, or in a query parameter."},
    {.kind = "hmac", .scheme = HK_INBOUND_HMAC,
     .allowed = OF_PRESET | BIT(HEADER) | BIT(PREFIX) | BIT(HASH) | BIT(ENCODING) | BIT(SIGNED) |
                BIT(TIMESTAMP_HEADER) | BIT(TOLERANCE) | BIT(ID_HEADER),
     .required = BIT(HEADER) | BIT(HASH),
     .about = "An HMAC of the body, or of a timestamp and the body, by the secret."},
    {.kind = "github", .scheme = HK_INBOUND_HMAC, .hash = HK_SHA256, .content = "{body}",
     .header = "X-Hub-Signature-256", .prefix = "sha256=", .id_header = "X-GitHub-Delivery",
     .allowed = OF_PRESET, .about = "GitHub; the secret is that of the webhook."},
    {.kind = "stripe", .scheme = HK_INBOUND_HMAC, .hash = HK_SHA256,
     .content = "{timestamp}.{body}", .header = "Stripe-Signature", .prefix = "v1=",
     .id_member = "id", .allowed = OF_PRESET | BIT(TOLERANCE),
     .about = "Stripe; the secret is the endpoint's whole \"whsec_...\"."},
    {.kind = "shopify", .scheme = HK_INBOUND_HMAC, .hash = HK_SHA256, .is_base64 = true,
     .content = "{body}", .header = "X-Shopify-Hmac-SHA256", .id_header = "X-Shopify-Webhook-Id",
     .allowed = OF_PRESET, .about = "Shopify; the secret is that of the app's client."},
    {.kind = "slack", .scheme = HK_INBOUND_HMAC, .hash = HK_SHA256,
     .content = "v0:{timestamp}:{body}", .header = "X-Slack-Signature", .prefix = "v0=",
     .timestamp_header = "X-Slack-Request-Timestamp", .id_member = "event_id",
     .handshake = INBOUND_HANDSHAKE_SLACK, .allowed = OF_PRESET | BIT(TOLERANCE),
     .about = "Slack; the secret is the app's signing secret. url_verification is answered."},
    {.kind = "twilio", .scheme = HK_INBOUND_TWILIO, .hash = HK_SHA1, .is_base64 = true,
     .header = "X-Twilio-Signature", .id_header = "I-Twilio-Idempotency-Token",
     .allowed = OF_PRESET, .about = "Twilio; the secret is the account's auth token."},
    {.kind = "standard_webhooks", .scheme = HK_INBOUND_STANDARD, .hash = HK_SHA256,
     .is_base64 = true, .content = "{id}.{timestamp}.{body}", .header = "webhook-signature",
     .timestamp_header = "webhook-timestamp", .id_header = "webhook-id",
     .allowed = OF_PRESET | BIT(TOLERANCE),
     .about = "Standard Webhooks and Svix; the secret is \"whsec_...\", or a public key, \"whpk_...\"."},
    {.kind = "x", .scheme = HK_INBOUND_HMAC, .hash = HK_SHA256, .is_base64 = true,
     .content = "{body}", .header = "X-Twitter-Webhooks-Signature", .prefix = "sha256=",
     .handshake = INBOUND_HANDSHAKE_X, .allowed = OF_PRESET,
     .about = "X; the secret is the app's consumer secret. crc_token is answered."},
    {.kind = "meta", .scheme = HK_INBOUND_HMAC, .hash = HK_SHA256, .content = "{body}",
     .header = "X-Hub-Signature-256", .prefix = "sha256=", .handshake = INBOUND_HANDSHAKE_META,
     .allowed = OF_PRESET | BIT(VERIFY_TOKEN), .required = BIT(VERIFY_TOKEN),
     .about = "Meta; the secret is the app's. hub.challenge is answered to who has the verify token."},
    {.kind = "cloudevents", .scheme = HK_INBOUND_API_KEY, .header = "Authorization",
     .prefix = "Bearer ", .query = "access_token", .handshake = INBOUND_HANDSHAKE_CLOUDEVENTS,
     .allowed = OF_PRESET,
     .about = "CloudEvents web hooks; the secret is the access token. OPTIONS is answered."},
};
/* clang-format on */

static const struct hk_inbound_preset *find_preset(struct hk_str kind)
{
    for (size_t i = 0; i < HK_COUNTOF(presets); i++) {
        if (hk_str_eq(hk_str(presets[i].kind), kind))
            return &presets[i];
    }
    return NULL;
}

/* How often `word` is in `s`. */
static unsigned count_word(struct hk_str s, const char *word)
{
    size_t n = strlen(word);
    unsigned count = 0;

    for (size_t i = 0; i + n <= s.n; i++)
        count += memcmp(s.p + i, word, n) == 0;
    return count;
}

/* What each text has to be by itself. */
static enum hk_code check_texts(const struct hk_inbound_credential *c, const char *pointer,
                                struct hk_error *reterr)
{
    const struct {
        const char *name;
        struct hk_str value;
    } headers[] = {
        {"header", c->header},
        {"timestamp_header", c->timestamp_header},
        {"id_header", c->id_header},
    };

    for (size_t i = 0; i < HK_COUNTOF(headers); i++) {
        if (!text_is_token(headers[i].value))
            return json_fields_fail(reterr, pointer, headers[i].name,
                                    "must be the name of a header field");
    }
    if (text_has_controls(c->username) ||
        (c->username.n > 0 && memchr(c->username.p, ':', c->username.n) != NULL))
        return json_fields_fail(reterr, pointer, "username",
                                "must have no colon and no control characters");
    if (!text_is_visible(c->query, false))
        return json_fields_fail(reterr, pointer, "query", "must be visible ASCII");
    if (!text_is_visible(c->prefix, true))
        return json_fields_fail(reterr, pointer, "prefix", "must be visible ASCII and blanks");
    if (!text_is_visible(c->verify_token, false))
        return json_fields_fail(reterr, pointer, "verify_token", "must be visible ASCII");
    if (!text_is_visible(c->content, true))
        return json_fields_fail(reterr, pointer, "signed", "must be visible ASCII and blanks");
    return HK_OK;
}

/* What is signed, and where its parts come from. */
static enum hk_code check_content(const struct hk_inbound_credential *c, const char *pointer,
                                  struct hk_error *reterr)
{
    unsigned n_bodies = count_word(c->content, "{body}");
    unsigned n_times = count_word(c->content, "{timestamp}");
    unsigned n_ids = count_word(c->content, "{id}");

    if (n_bodies != 1 || n_times > 1 || n_ids > 1)
        return json_fields_fail(reterr, pointer, "signed",
                                "must have {body} once, {timestamp} and {id} once at most");
    if (count_word(c->content, "{") != n_bodies + n_times + n_ids ||
        count_word(c->content, "}") != n_bodies + n_times + n_ids)
        return json_fields_fail(reterr, pointer, "signed",
                                "must have no braces but those of {timestamp}, {id} and {body}");
    if (n_ids == 1 && c->id_header.n == 0)
        return json_fields_fail(reterr, pointer, "id_header", "is required with {id}");
    if (n_times == 0 && c->timestamp_header.n > 0)
        return json_fields_fail(reterr, pointer, "timestamp_header",
                                "proves nothing unless {timestamp} is signed");
    if (n_times == 0 && c->tolerance_s > 0)
        return json_fields_fail(reterr, pointer, "tolerance_seconds",
                                "means nothing unless {timestamp} is signed");
    if (n_times == 1 && c->timestamp_header.n == 0 &&
        (c->prefix.n < 2 || c->prefix.p[c->prefix.n - 1] != '=' ||
         memchr(c->prefix.p, ',', c->prefix.n) != NULL || hk_str_eq(c->prefix, HK_STR("t="))))
        return json_fields_fail(reterr, pointer, "prefix",
                                "must name the signatures of the list (\"v1=\") beside \"t=\", "
                                "unless there is a timestamp_header");
    return HK_OK;
}

static struct hk_str or_text(struct hk_str given, const char *text)
{
    return given.p == NULL && text != NULL ? hk_str(text) : given;
}

/* What was not written is the preset's, or the default. */
static void fill_in(struct hk_inbound_credential *c)
{
    static const char *const hashes[HK_HASH_COUNT] = {"sha1", "sha256", "sha384", "sha512"};
    const struct hk_inbound_preset *preset = c->preset;

    assert(preset != NULL);
    c->scheme = preset->scheme;
    c->hash = preset->hash;
    for (unsigned i = 0; i < HK_HASH_COUNT; i++) {
        if (hk_str_eq(c->hash_name, hk_str(hashes[i])))
            c->hash = (enum hk_hash)i;
    }
    if ((preset->allowed & BIT(ENCODING)) != 0)
        c->encoding = or_text(c->encoding, "hex");
    c->is_base64 = preset->is_base64 || hk_str_eq(c->encoding, HK_STR("base64"));
    c->header = or_text(c->header, preset->header);
    c->prefix = or_text(c->prefix, preset->prefix);
    c->query = or_text(c->query, preset->query);
    c->content = or_text(c->content, preset->content);
    if (c->scheme == HK_INBOUND_HMAC)
        c->content = or_text(c->content, "{body}");
    c->timestamp_header = or_text(c->timestamp_header, preset->timestamp_header);
    c->id_header = or_text(c->id_header, preset->id_header);
    if (c->tolerance_s == 0 && count_word(c->content, "{timestamp}") > 0)
        c->tolerance_s = DEFAULT_TOLERANCE_S;
}

static enum hk_code check(struct hk_inbound_credential *c, const char *pointer,
                          struct hk_error *reterr)
{
    const char *fault;
    enum hk_code code;

    fill_in(c);
    code = check_texts(c, pointer, reterr);
    if (code == HK_OK && c->scheme == HK_INBOUND_HMAC)
        code = check_content(c, pointer, reterr);
    if (code != HK_OK)
        return code;
    if (c->scheme == HK_INBOUND_API_KEY && c->header.n == 0 && c->query.n == 0)
        return json_fields_fail(reterr, pointer, "header", "is required, or query");
    fault = c->secret.p == NULL ? NULL : hk_inbound_secret_fault(c, c->secret);
    return fault == NULL ? HK_OK : json_fields_fail(reterr, pointer, "secret", fault);
}

/* The kind says which members there are: it is looked for first, wherever it stands. */
static enum hk_code read(struct hk_str object, const char *pointer, struct json_texts *texts,
                         struct hk_inbound_credential *ret, struct hk_error *reterr)
{
    struct hk_json_cursor cursor = {.bytes = object};
    struct json_fields table = {fields, N_FIELDS, BIT(KIND), BIT(KIND)};
    struct hk_json_span value;
    struct hk_str name, kind;

    while (ret->preset == NULL && hk_json_next(&cursor, &name, &value)) {
        if (!hk_json_string_eq(name, "kind"))
            continue;
        if (value.kind == HK_JSON_STRING && json_texts_add(texts, value.bytes, &kind))
            ret->preset = find_preset(kind);
        if (ret->preset == NULL)
            return json_fields_fail(reterr, pointer, "kind", "there is no such kind");
        texts->n = 0; /* it is read again below */
        table.allowed = ret->preset->allowed;
        table.required |= ret->preset->required;
    }
    if (ret->preset == NULL)
        return json_fields_fail(reterr, pointer, "kind", "is required");
    return json_fields_read(&table, object, pointer, texts, ret, reterr);
}

enum hk_code hk_inbound_credential_parse(struct hk_str json, const char *pointer,
                                         struct hk_inbound_credential *ret, struct hk_error *reterr)
{
    struct hk_inbound_credential credential = {.n_json = json.n};
    struct json_texts texts;
    struct hk_str object;
    enum hk_code code;

    if (json.n > HK_INBOUND_MAX_JSON_BYTES)
        return hk_fail(reterr, HK_INVALID_BODY, pointer, "must have at most %d bytes",
                       HK_INBOUND_MAX_JSON_BYTES);
    code = json_fields_scan(json, HK_JSON_OBJECT, pointer, &object, reterr);
    if (code != HK_OK)
        return code;
    json_texts_init(&texts, json.n);
    credential.text = texts.p;
    code = read(object, pointer, &texts, &credential, reterr);
    if (code == HK_OK)
        code = check(&credential, pointer, reterr);
    if (code != HK_OK)
        hk_inbound_credential_done(&credential);
    else
        *ret = credential;
    return code;
}

void hk_inbound_credential_done(struct hk_inbound_credential *credential)
{
    json_texts_free(credential->text, credential->n_json);
    *credential = (struct hk_inbound_credential){.preset = NULL};
}

void hk_inbound_credential_write(const struct hk_inbound_credential *credential, struct hk_buf *buf)
{
    const char *separator = "{";

    for (size_t i = 0; i < N_FIELDS; i++) {
        const char *at = (const char *)credential + fields[i].offset;
        struct hk_str text;

        if (i == SECRET || (credential->preset->allowed >> i & 1) == 0)
            continue;
        if (fields[i].type == JSON_FIELD_INTEGER) {
            if (credential->tolerance_s > 0)
                hk_buf_printf(buf, "%s\"%s\":%lld", separator, fields[i].name,
                              (long long)credential->tolerance_s);
            continue;
        }
        memcpy(&text, at, sizeof(text));
        if (text.p == NULL)
            continue;
        hk_buf_add_text(buf, separator);
        hk_buf_add_json_member(buf, fields[i].name, text);
        separator = ",";
    }
    hk_buf_add_text(buf, "}");
}

bool hk_inbound_needs_secret(const struct hk_inbound_credential *credential)
{
    return credential->scheme != HK_INBOUND_OPEN;
}

const char *hk_inbound_secret_fault(const struct hk_inbound_credential *credential,
                                    struct hk_str secret)
{
    bool is_public_key = secret.n > 5 && memcmp(secret.p, "whpk_", 5) == 0;
    enum hk_secret_kind kind;

    if (credential->scheme == HK_INBOUND_OPEN)
        return "there is none with this kind";
    if (secret.n == 0 || secret.n > HK_INBOUND_MAX_SECRET_BYTES)
        return "must have 1 to 512 bytes";
    if (text_has_controls(secret))
        return "must have no control characters";
    if (credential->scheme != HK_INBOUND_STANDARD)
        return NULL;
    if (is_public_key)
        return hk_public_key_is_valid(secret)
                   ? NULL
                   : "must be \"whpk_\" and base64 of the 32 bytes of a public key";
    return hk_secret_check(secret, &kind) && kind == HK_SECRET_V1
               ? NULL
               : "must be \"whsec_\" and base64 of 24 to 64 bytes, or a public key, \"whpk_...\"";
}

void hk_inbound_presets_write(struct hk_buf *buf)
{
    static const char *const schemes[] = {"none",  "basic", "api_key", "hmac", "standard_webhooks",
                                          "twilio"};
    static const char *const handshakes[] = {NULL, "url_verification", "hub.challenge", "crc_token",
                                             "WebHook-Request-Origin"};

    for (size_t i = 0; i < HK_COUNTOF(presets); i++) {
        const struct hk_inbound_preset *preset = &presets[i];
        const char *separator = "";

        hk_buf_add_text(buf, i == 0 ? "[{" : ",{");
        hk_buf_add_json_member(buf, "kind", hk_str(preset->kind));
        hk_buf_add_text(buf, ",");
        hk_buf_add_json_member(buf, "scheme", hk_str(schemes[preset->scheme]));
        hk_buf_add_text(buf, ",");
        hk_buf_add_json_member(buf, "about", hk_str(preset->about));
        hk_buf_add_text(buf, ",");
        hk_buf_add_json_member(buf, "header", hk_str(preset->header));
        hk_buf_add_text(buf, ",");
        hk_buf_add_json_member(buf, "signed", hk_str(preset->content));
        hk_buf_add_text(buf, ",");
        hk_buf_add_json_member(
            buf, "delivery_id",
            hk_str(preset->id_header != NULL ? preset->id_header : preset->id_member));
        hk_buf_add_text(buf, ",");
        hk_buf_add_json_member(buf, "handshake", hk_str(handshakes[preset->handshake]));
        hk_buf_add_text(buf, ",\"members\":[");
        for (size_t j = 0; j < N_FIELDS; j++) {
            if ((preset->allowed >> j & 1) == 0)
                continue;
            hk_buf_printf(buf, "%s\"%s\"", separator, fields[j].name);
            separator = ",";
        }
        hk_buf_add_text(buf, "]}");
    }
    hk_buf_add_text(buf, "]");
}
