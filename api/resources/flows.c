/* SPDX-License-Identifier: Apache-2.0 */
/* Flows: the URLs that webhooks of others come in at. The statements are in flows.sql beside this
 * file. */
#include <strings.h>

#include "api/http/call.h"
#include "api/http/server.h"
#include "api/resources/checks.h"
#include "api/resources/delivery_checks.h"
#include "api/resources/flow_body.h"
#include "api/resources/flows.sql.h"
#include "api/resources/resources.h"
#include "hk/flow_key.h"
#include "hk/flow_steps.h"
#include "hk/inbound_credential.h"

enum {
    MAX_CONTENT_TYPES = 20,
    MAX_ANSWER_BYTES = 16384,
    MAX_RECEIVES = 10000,
    MAX_OVERLAP_S = 7 * 86400,
    MAX_PRESETS_BYTES = 65536,
};

static enum hk_code check_method(struct hk_str value, struct hk_error *reterr)
{
    static const char *const methods[] = {"GET", "POST", "PUT", "PATCH", "DELETE"};

    for (size_t i = 0; i < HK_COUNTOF(methods); i++) {
        if (hk_str_eq(value, hk_str(methods[i])))
            return HK_OK;
    }
    return hk_fail(reterr, HK_INVALID_BODY, "", "is none of GET, POST, PUT, PATCH, DELETE");
}

static bool is_token(struct hk_str text)
{
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || strchr("!#$&^_.+-", c) != NULL) ||
            c == '\0')
            return false;
    }
    return text.n > 0;
}

/* "application/json", without parameters, in lower case. */
static enum hk_code check_content_type(struct hk_str value, struct hk_error *reterr)
{
    const char *slash = memchr(value.p, '/', value.n);
    size_t n = slash == NULL ? 0 : (size_t)(slash - value.p);

    if (slash != NULL && is_token((struct hk_str){value.p, n}) &&
        is_token((struct hk_str){slash + 1, value.n - n - 1}))
        return HK_OK;
    return hk_fail(reterr, HK_INVALID_BODY, "",
                   "is no media type in lower case without parameters, like application/json");
}

/* Besides what no request may have: what proxies and browsers would obey for the API's origin. */
static enum hk_code check_answer_header(struct hk_str value, struct hk_error *reterr)
{
    static const char *const names[] = {
        "accept-ch",
        "alt-svc",
        "nel",
        "refresh",
        "report-to",
        "reporting-endpoints",
        "service-worker-allowed",
        "x-sendfile",
    };
    bool is_forbidden = value.n >= 8 && strncasecmp(value.p, "x-accel-", 8) == 0;

    for (size_t i = 0; i < HK_COUNTOF(names); i++)
        is_forbidden |= value.n == strlen(names[i]) && strncasecmp(value.p, names[i], value.n) == 0;
    return is_forbidden
               ? hk_fail(reterr, HK_INVALID_BODY, "", "is a header field that cannot be set")
               : check_header_name(value, reterr);
}

static const struct body_field answer_body[] = {
    {.name = "status", .type = BODY_INTEGER, .flags = BODY_NULLABLE, .min = 200, .max = 299},
    {.name = "headers",
     .type = BODY_STRING_MAP,
     .flags = BODY_NULLABLE,
     .max = MAX_HEADERS,
     .check = check_header_value,
     .check_name = check_answer_header},
    {.name = "content_type",
     .type = BODY_STRING,
     .flags = BODY_NULLABLE | BODY_NONEMPTY,
     .max = 128,
     .check = check_header_value},
    {.name = "body", .type = BODY_STRING, .flags = BODY_NULLABLE, .max = MAX_ANSWER_BYTES},
    {0},
};

/* What a new flow must have is all that differs from a change of one. */
#define FLOW_FIELDS(required)                                                                      \
    {.name = "name", .type = BODY_STRING, .flags = (required) | BODY_NONEMPTY, .max = MAX_NAME},   \
        {.name = "methods",                                                                        \
         .type = BODY_STRING_LIST,                                                                 \
         .flags = BODY_NULLABLE | BODY_NONEMPTY,                                                   \
         .max = 5,                                                                                 \
         .check = check_method},                                                                   \
        {.name = "credential",                                                                     \
         .type = BODY_ANY,                                                                         \
         .flags = (required),                                                                      \
         .max = HK_INBOUND_MAX_JSON_BYTES},                                                        \
        {.name = "answer", .type = BODY_OBJECT, .flags = BODY_NULLABLE, .fields = answer_body},    \
        {.name = "content_types",                                                                  \
         .type = BODY_STRING_LIST,                                                                 \
         .flags = BODY_NULLABLE | BODY_NONEMPTY,                                                   \
         .max = MAX_CONTENT_TYPES,                                                                 \
         .check = check_content_type},                                                             \
        {.name = "max_body_bytes",                                                                 \
         .type = BODY_INTEGER,                                                                     \
         .flags = BODY_NULLABLE,                                                                   \
         .min = 1,                                                                                 \
         .max = INT32_MAX},                                                                        \
        {.name = "rate_per_second",                                                                \
         .type = BODY_INTEGER,                                                                     \
         .flags = BODY_NULLABLE,                                                                   \
         .min = 1,                                                                                 \
         .max = 100000},                                                                           \
        {.name = "max_receives",                                                                   \
         .type = BODY_INTEGER,                                                                     \
         .flags = BODY_NULLABLE,                                                                   \
         .min = 1,                                                                                 \
         .max = MAX_RECEIVES},                                                                     \
    {                                                                                              \
        .name = "steps", .type = BODY_ANY, .flags = BODY_NULLABLE, .max = HK_FLOW_MAX_STEPS_BYTES  \
    }

static const struct body_field flow_create_body[] = {
    FLOW_FIELDS(BODY_REQUIRED),
    {.name = "app_id", .type = BODY_STRING, .flags = BODY_REQUIRED, .max = 36, .check = check_id},
    {.name = "delivery", .type = BODY_STRING, .max = 8, .choices = "steps|pull"},
    {0},
};
static const struct body_field flow_update_body[] = {
    FLOW_FIELDS(0),
    {.name = "credential_overlap_s", .type = BODY_INTEGER, .max = MAX_OVERLAP_S},
    {0},
};

static const struct query_field flow_list_query[] = {
    {.name = "app_id", .type = QUERY_ID},
    {.name = "state", .type = QUERY_CHOICE, .choices = "running|stopped|archived"},
    {0},
};

/* Larger ones the server does not take from anybody. */
static enum hk_code check_max_body(struct call *call, struct hk_error *reterr)
{
    struct hk_str given = call_body_json(call, "max_body_bytes");
    int64_t most = call->thread->config->api_max_body_bytes;

    if (given.p == NULL || strtoll(given.p, NULL, 10) <= most) /* null reads as 0 */
        return HK_OK;
    return hk_fail(reterr, HK_INVALID_BODY, "/max_body_bytes", "is more than %lld",
                   (long long)most);
}

static void set_token(struct call *call)
{
    char token[HK_FLOW_TOKEN_CAPACITY];

    hk_flow_token_new(token);
    call_set_param(call, "=token", hk_str(token));
}

static enum hk_code prepare_create(struct call *call, struct hk_error *reterr)
{
    enum hk_code code = check_max_body(call, reterr);
    char id[HK_ID_TEXT_SIZE];

    if (code != HK_OK)
        return code;
    call_new_id(call, id);
    call_set_param(call, "=flow_id", hk_str(id));
    set_token(call);
    return flow_body_prepare(call, hk_str(id), reterr);
}

static enum hk_code prepare_update(struct call *call, struct hk_error *reterr)
{
    enum hk_code code = check_max_body(call, reterr);

    return code != HK_OK ? code : flow_body_prepare(call, call_path_param(call, "flow_id"), reterr);
}

static enum hk_code prepare_rotate_url(struct call *call, struct hk_error *reterr)
{
    (void)reterr;
    set_token(call);
    return HK_OK;
}

static enum hk_code prepare_presets(struct call *call, struct hk_error *reterr)
{
    struct hk_buf presets HK_CLEANUP(hk_buf_done);

    (void)reterr;
    hk_buf_init(&presets, MAX_PRESETS_BYTES);
    hk_buf_add_text(&presets, "{\"data\":");
    hk_inbound_presets_write(&presets);
    hk_buf_add_text(&presets, "}");
    call_set_param(call, "=presets", hk_buf_str(&presets));
    return HK_OK;
}

const struct route flows_routes[] = {
    {
        .method = "POST",
        .path = "/v1/flows",
        .scope = SCOPE_FLOWS_WRITE,
        .ok_status = 201,
        .location = "/v1/flows/",
        .body = flow_create_body,
        .stmt = &stmt_flow_create,
        .bind = {"tenant", "partner", "body", "=derived", "=flow_id", "=token"},
        .prepare = prepare_create,
    },
    {
        .method = "GET",
        .path = "/v1/flows",
        .scope = SCOPE_FLOWS_READ,
        .ok_status = 200,
        .is_list = true,
        .query = flow_list_query,
        .stmt = &stmt_flow_list,
        .bind = {"tenant", "partner", "?limit", "?cursor", "?app_id", "?state"},
    },
    {
        .method = "GET",
        .path = "/v1/flows/:flow_id",
        .scope = SCOPE_FLOWS_READ,
        .ok_status = 200,
        .stmt = &stmt_flow_get,
        .bind = {"tenant", "partner", ":flow_id"},
    },
    {
        .method = "PATCH",
        .path = "/v1/flows/:flow_id",
        .scope = SCOPE_FLOWS_WRITE,
        .ok_status = 200,
        .body = flow_update_body,
        .stmt = &stmt_flow_update,
        .bind = {"tenant", "partner", ":flow_id", "body", "=derived", "if_match"},
        .prepare = prepare_update,
    },
    {
        .method = "DELETE",
        .path = "/v1/flows/:flow_id",
        .scope = SCOPE_FLOWS_WRITE,
        .ok_status = 204,
        .stmt = &stmt_flow_archive,
        .bind = {"tenant", "partner", ":flow_id"},
    },
    {
        .method = "POST",
        .path = "/v1/flows/:flow_id/stop",
        .scope = SCOPE_FLOWS_WRITE,
        .ok_status = 200,
        .stmt = &stmt_flow_stop,
        .bind = {"tenant", "partner", ":flow_id"},
    },
    {
        .method = "POST",
        .path = "/v1/flows/:flow_id/start",
        .scope = SCOPE_FLOWS_WRITE,
        .ok_status = 200,
        .stmt = &stmt_flow_start,
        .bind = {"tenant", "partner", ":flow_id"},
    },
    {
        .method = "POST",
        .path = "/v1/flows/:flow_id/rotate-url",
        .scope = SCOPE_FLOWS_WRITE,
        .ok_status = 200,
        .stmt = &stmt_flow_rotate_url,
        .bind = {"tenant", "partner", ":flow_id", "=token"},
        .prepare = prepare_rotate_url,
    },
    {
        .method = "GET",
        .path = "/v1/flow-presets",
        .scope = SCOPE_FLOWS_READ,
        .ok_status = 200,
        .stmt = &stmt_flow_presets,
        .bind = {"tenant", "=presets"},
        .prepare = prepare_presets,
    },
    {0},
};
