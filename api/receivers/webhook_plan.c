/* SPDX-License-Identifier: Apache-2.0 */
#include "api/receivers/webhook_plan.h"

#include "api/http/call.h"
#include "api/http/server.h"
#include "hk/clock.h"
#include "hk/encode.h"
#include "hk/envelope.h"
#include "hk/sign.h"
#include "hk/stored_secrets.h"

enum { MAX_BODY_BYTES = 32 << 20, MAX_OPENED_BYTES = 64 << 10 };

/* What is secret, in clear; for as long as the request is being built. */
struct opened {
    struct hk_buf secrets, headers, password;
};

static void wipe(struct hk_buf *buf)
{
    if (buf->p != NULL)
        explicit_bzero(buf->p, buf->capacity);
    hk_buf_done(buf);
}

static void opened_done(struct opened *opened)
{
    wipe(&opened->secrets);
    wipe(&opened->headers);
    wipe(&opened->password);
}

static void opened_init(struct opened *opened)
{
    hk_buf_init(&opened->secrets, MAX_OPENED_BYTES);
    hk_buf_init(&opened->headers, MAX_OPENED_BYTES);
    hk_buf_init(&opened->password, MAX_OPENED_BYTES);
}

struct hk_str webhook_plan_value(const struct webhook_plan *plan, unsigned column)
{
    if (plan->kept != NULL)
        return plan->kept[column];
    return hk_db_value(plan->result, plan->row, column);
}

static struct hk_str value(const struct webhook_plan *plan, unsigned column)
{
    return webhook_plan_value(plan, column);
}

static struct hk_str preview_value(const struct webhook_plan *plan, unsigned column)
{
    return plan->is_preview ? value(plan, column) : HK_STR_NULL;
}

static struct hk_id read_id(struct call *call, struct hk_str text)
{
    struct hk_id id;

    return text.p != NULL && hk_id_parse(text, &id)
               ? id
               : hk_id_new(&call->thread->ids, hk_wall_us() / 1000);
}

static unsigned read_number(struct hk_str text)
{
    unsigned n = 0;

    for (size_t i = 0; i < text.n; i++)
        n = n * 10 + (unsigned)(text.p[i] - '0');
    return n;
}

static const char *copy_text(struct call *call, struct hk_str s)
{
    char *copy = call_alloc(call, s.n + 1);

    if (s.n > 0)
        memcpy(copy, s.p, s.n);
    copy[s.n] = '\0';
    return copy;
}

void webhook_plan_keep(struct call *call, struct webhook_plan *plan)
{
    unsigned n = plan->is_preview ? N_PLAN_COLUMNS : PLAN_EVENT_ID;
    struct hk_str *kept = call_alloc(call, n * sizeof(*kept));

    for (unsigned i = 0; i < n; i++) {
        struct hk_str given = value(plan, i);

        kept[i] = given.p == NULL ? HK_STR_NULL : (struct hk_str){copy_text(call, given), given.n};
    }
    plan->kept = kept;
}

bool webhook_open_client_key(struct call *call, const struct webhook_plan *plan, struct hk_buf *ret)
{
    struct hk_str stored = value(plan, PLAN_CLIENT_KEY);

    return stored.p == NULL ||
           hk_stored_client_key_open(call->thread->vault, hk_str(call->tenant_id),
                                     value(plan, PLAN_SUBSCRIPTION_ID), stored, ret);
}

bool webhook_open_client_secret(struct call *call, const struct webhook_plan *plan,
                                struct hk_buf *ret)
{
    return value(plan, PLAN_TOKEN_URL).p == NULL ||
           hk_stored_client_secret_open(call->thread->vault, hk_str(call->tenant_id),
                                        value(plan, PLAN_SUBSCRIPTION_ID),
                                        value(plan, PLAN_PASSWORD), ret);
}

/* Not the secret of an OAuth 2.0 client: that does not go to the receiver. */
static bool open_stored(struct call *call, const struct webhook_plan *plan, struct opened *opened)
{
    const struct hk_vault *vault = call->thread->vault;
    struct hk_str tenant_id = hk_str(call->tenant_id);
    struct hk_str subscription_id = value(plan, PLAN_SUBSCRIPTION_ID);
    bool is_tenants = hk_str_eq(value(plan, PLAN_SECRET_OF), HK_STR("tenant"));
    bool is_oauth2 = value(plan, PLAN_TOKEN_URL).p != NULL;

    return hk_stored_secrets_open(vault, tenant_id, is_tenants ? HK_STR_NULL : subscription_id,
                                  value(plan, PLAN_SECRETS), &opened->secrets) &&
           hk_stored_headers_open(vault, tenant_id, subscription_id, value(plan, PLAN_HEADERS),
                                  &opened->headers) &&
           (is_oauth2 || hk_stored_password_open(vault, tenant_id, subscription_id,
                                                 value(plan, PLAN_PASSWORD), &opened->password));
}

/* As many secrets as there are in `secrets`, of their kinds, that nobody has seen. */
static void replace_secrets(struct hk_buf *secrets)
{
    struct hk_buf others;
    struct hk_str rest = hk_buf_str(secrets);
    char secret[HK_SECRET_TEXT_SIZE];

    hk_buf_init(&others, MAX_OPENED_BYTES);
    while (rest.n > 0) {
        const char *blank = memchr(rest.p, ' ', rest.n);
        struct hk_str word = {rest.p, blank == NULL ? rest.n : (size_t)(blank - rest.p)};
        size_t n_gone = blank == NULL ? rest.n : word.n + 1;

        hk_secret_new(hk_secret_is_shared(word) ? HK_SECRET_V1 : HK_SECRET_V1A, secret);
        hk_buf_add_text(&others, others.n > 0 ? " " : "");
        hk_buf_add_text(&others, secret);
        rest.p += n_gone;
        rest.n -= n_gone;
    }
    explicit_bzero(secret, sizeof(secret));
    wipe(secrets);
    *secrets = others;
}

/* Secrets, credentials and the subscription's own header fields. */
static bool set_secrets(struct call *call, const struct webhook_plan *plan, struct opened *opened,
                        struct hk_request_parts *parts)
{
    struct hk_str password;

    if (value(plan, PLAN_SUBSCRIPTION_ID).p == NULL) {
        parts->secrets = plan->secret;
        parts->username = plan->username;
        parts->password = plan->password;
        parts->bearer_token =
            plan->access_token.p == NULL ? plan->bearer_token : plan->access_token;
        parts->headers = value(plan, PLAN_HEADERS);
        return true;
    }
    if (!open_stored(call, plan, opened))
        return false;
    if (plan->signs_with_stand_ins)
        replace_secrets(&opened->secrets);
    password = value(plan, PLAN_PASSWORD).p == NULL ? HK_STR_NULL : hk_buf_str(&opened->password);
    parts->secrets = hk_buf_str(&opened->secrets);
    parts->headers = hk_buf_str(&opened->headers);
    if (value(plan, PLAN_TOKEN_URL).p != NULL) {
        parts->bearer_token =
            plan->access_token.p == NULL ? HK_STR("access-token") : plan->access_token;
        return true;
    }
    parts->username = value(plan, PLAN_USERNAME);
    if (parts->username.p != NULL)
        parts->password = password;
    else
        parts->bearer_token = password; /* the token stands where a password does */
    return true;
}

static bool read_envelope(struct call *call, const struct webhook_plan *plan,
                          struct hk_envelope *ret)
{
    struct hk_str company = preview_value(plan, PLAN_COMPANY);

    *ret = (struct hk_envelope){
        .tenant_id = call->caller.tenant_id,
        .event_id = read_id(call, preview_value(plan, PLAN_EVENT_ID)),
        .subscription_id = read_id(call, value(plan, PLAN_SUBSCRIPTION_ID)),
        .event_type = value(plan, PLAN_EVENT_TYPE),
        .company = company.p == NULL ? HK_STR("test") : company,
        .occurred_at = preview_value(plan, PLAN_OCCURRED_AT),
        .payload = value(plan, PLAN_PAYLOAD),
        .custom_values = preview_value(plan, PLAN_CUSTOM_VALUES),
        .base_url = value(plan, PLAN_BASE_URL),
        .webhook_origin = value(plan, PLAN_WEBHOOK_ORIGIN),
    };
    return hk_envelope_kind_from_name(value(plan, PLAN_ENVELOPE), &ret->kind);
}

void webhook_done(struct webhook *webhook)
{
    hk_buf_done(&webhook->body);
}

/* The request of an envelope that is known, with all that is secret opened. */
static bool build(const struct hk_envelope *envelope, struct hk_request_parts *parts,
                  struct webhook *webhook, struct hk_request *request, const char **reterr)
{
    struct hk_buf headers HK_CLEANUP(hk_buf_done);

    hk_buf_init(&headers, HK_REQUEST_TEXT_SIZE);
    hk_envelope_build(envelope, &webhook->body);
    hk_envelope_add_headers(envelope, &headers);
    parts->body = hk_buf_str(&webhook->body);
    parts->envelope_headers = hk_buf_str(&headers);
    *reterr = "the request is too long";
    return !webhook->body.is_full && !headers.is_full && hk_request_build(parts, request, reterr);
}

bool webhook_build(struct call *call, const struct webhook_plan *plan, struct webhook *ret,
                   struct hk_request *request, const char **reterr)
{
    struct opened opened HK_CLEANUP(opened_done);
    struct hk_id message_id = read_id(call, preview_value(plan, PLAN_MESSAGE_ID));
    struct hk_envelope envelope;
    struct hk_request_parts parts = {
        .url = copy_text(call, value(plan, PLAN_URL)),
        .message_id = {ret->message_id, HK_ID_TEXT_SIZE - 1},
        .traceparent = preview_value(plan, PLAN_TRACEPARENT),
        .origin = preview_value(plan, PLAN_ORIGIN),
        .timestamp_s = hk_wall_us() / 1000000,
        .timeout_ms = read_number(value(plan, PLAN_TIMEOUT_MS)),
    };
    bool is_known = read_envelope(call, plan, &envelope) &&
                    hk_signature_kind_from_name(value(plan, PLAN_SIGNATURE), &parts.signature);

    opened_init(&opened);
    hk_buf_init(&ret->body, MAX_BODY_BYTES);
    ret->event_type = envelope.event_type;
    ret->company = envelope.company;
    hk_id_format(&envelope.event_id, ret->event_id);
    hk_id_format(&message_id, ret->message_id);
    hk_random(&parts.span_id, sizeof(parts.span_id));
    parts.span_id |= 1; /* not 0 */
    *reterr = "the profile is not known here";
    if (!is_known)
        return false;
    *reterr = HK_STORED_SECRET_FAULT;
    return set_secrets(call, plan, &opened, &parts) &&
           build(&envelope, &parts, ret, request, reterr);
}
