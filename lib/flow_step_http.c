/* SPDX-License-Identifier: Apache-2.0 */
/* What a step of kind http has: where it goes, what it sends, as whom. */
#include "flow_step_http.h"

#include <stdio.h>
#include <strings.h>

#include "hk/media_type.h"
#include "hk/request.h"
#include "hk/schedule.h"
#include "hk/stored_secrets.h"
#include "hk/url.h"
#include "text_class.h"

enum { DEFAULT_TIMEOUT_MS = 10000 };

#define STEP(member) offsetof(struct flow_step_written, step.member)
#define AT(member)   offsetof(struct flow_step_written, member)
#define BIT(field)   (UINT32_C(1) << (field))

/* clang-format off */
enum { C_KIND, C_USERNAME, C_HEADER, C_TOKEN_URL, C_CLIENT_ID, C_SCOPE, C_SECRET, N_CREDENTIAL_FIELDS };

static const struct json_field credential_fields[N_CREDENTIAL_FIELDS] = {
    [C_KIND] = {"kind", JSON_FIELD_STRING, 1, 16, NULL, AT(credentials_kind)},
    [C_USERNAME] = {"username", JSON_FIELD_STRING, 0, 255, NULL, STEP(username)},
    [C_HEADER] = {"header", JSON_FIELD_STRING, 1, 64, NULL, STEP(header)},
    [C_TOKEN_URL] = {"token_url", JSON_FIELD_STRING, 1, HK_URL_MAX_BYTES, NULL, STEP(token_url)},
    [C_CLIENT_ID] = {"client_id", JSON_FIELD_STRING, 1, 255, NULL, STEP(client_id)},
    [C_SCOPE] = {"scope", JSON_FIELD_STRING, 0, 1024, NULL, STEP(scope)},
    [C_SECRET] = {"secret", JSON_FIELD_STRING, 1, HK_FLOW_MAX_SECRET_BYTES, NULL, STEP(secret)},
};

static const struct {
    const char *name;
    enum hk_step_credentials kind;
    uint32_t required, optional;
} credential_kinds[] = {
    {"basic", HK_STEP_BASIC, BIT(C_KIND) | BIT(C_USERNAME), BIT(C_SECRET)},
    {"bearer", HK_STEP_BEARER, BIT(C_KIND), BIT(C_SECRET)},
    {"header", HK_STEP_HEADER, BIT(C_KIND) | BIT(C_HEADER), BIT(C_SECRET)},
    {"oauth2", HK_STEP_OAUTH2, BIT(C_KIND) | BIT(C_TOKEN_URL) | BIT(C_CLIENT_ID), BIT(C_SECRET) | BIT(C_SCOPE)},
};
/* clang-format on */

/* Where it goes is written, not computed: placeholders stand behind the host. */
static enum hk_code check_url(const struct flow_step_reading *r, struct hk_str url)
{
    struct hk_buf plain HK_CLEANUP(hk_buf_done);
    const char *scheme = memmem(url.p, url.n, "://", 3);
    const char *host_end = scheme == NULL ? NULL : scheme + 3 + strcspn(scheme + 3, "/?#");
    const char *braces = memmem(url.p, url.n, "{{", 2);
    struct hk_str rest = url;
    enum hk_code code = flow_step_check_text(r, "url", url);

    hk_buf_init(&plain, HK_URL_MAX_BYTES);
    if (code != HK_OK)
        return code;
    if (braces != NULL && (host_end == NULL || braces < host_end))
        return flow_step_fail(r, "url", "must have no placeholder before its path");
    while (rest.n > 0) { /* each placeholder as one character */
        const char *from = rest.n < 2 ? NULL : memmem(rest.p, rest.n, "{{", 2);
        const char *to =
            from == NULL ? NULL : memmem(from, rest.n - (size_t)(from - rest.p), "}}", 2);

        hk_buf_add(&plain, rest.p, from == NULL ? rest.n : (size_t)(from - rest.p));
        if (to == NULL)
            break;
        hk_buf_add_text(&plain, "0");
        rest = (struct hk_str){to + 2, rest.n - (size_t)(to + 2 - rest.p)};
    }
    return flow_step_point_out(r, "url",
                               hk_url_check(hk_buf_str(&plain), r->allows_http, r->reterr));
}

static enum hk_code read_header(struct flow_step_reading *r, struct hk_str quoted,
                                const struct hk_json_span *value, struct hk_flow_step *step)
{
    struct hk_step_header *header = &step->headers[step->n_headers];
    char pointer[FLOW_STEP_POINTER_SIZE];

    if (step->n_headers == HK_FLOW_MAX_HEADERS)
        return flow_step_fail(r, "headers", "must have at most 16 members");
    if (!json_texts_add(r->texts, quoted, &header->name) || !text_is_token(header->name) ||
        header->name.n == 0 || header->name.n > 64)
        return flow_step_fail(r, "headers",
                              "must have names of header fields, of at most 64 characters");
    (void)snprintf(pointer, sizeof(pointer), "headers/%s", header->name.p);
    if (hk_request_is_reserved(header->name))
        return flow_step_fail(r, pointer, "is not for a step to set");
    if (hk_header_is_sealed(header->name))
        return flow_step_fail(r, pointer, "would be a secret in the open: use \"credentials\"");
    if (value->kind != HK_JSON_STRING || !json_texts_add(r->texts, value->bytes, &header->value) ||
        header->value.n > 4096 || text_has_controls(header->value))
        return flow_step_fail(r, pointer,
                              "must be a string of at most 4096 bytes without control characters");
    for (unsigned i = 0; i < step->n_headers; i++) {
        if (step->headers[i].name.n == header->name.n &&
            strncasecmp(step->headers[i].name.p, header->name.p, header->name.n) == 0)
            return flow_step_fail(r, pointer, "stands there twice");
    }
    step->n_headers++;
    return flow_step_check_text(r, pointer, header->value);
}

static enum hk_code read_headers(struct flow_step_reading *r, struct hk_str object,
                                 struct hk_flow_step *step)
{
    struct hk_json_cursor cursor = {.bytes = object};
    struct hk_json_span value;
    struct hk_str name;
    enum hk_code code = HK_OK;

    while (code == HK_OK && hk_json_next(&cursor, &name, &value))
        code = read_header(r, name, &value, step);
    return code;
}

static enum hk_code check_credentials(const struct flow_step_reading *r,
                                      const struct hk_flow_step *step)
{
    if (text_has_controls(step->secret))
        return flow_step_fail(r, "secret", "must have no control characters");
    if (text_has_controls(step->username) ||
        (step->username.n > 0 && memchr(step->username.p, ':', step->username.n) != NULL))
        return flow_step_fail(r, "username", "must have no colon and no control characters");
    if (step->header.p != NULL &&
        (!text_is_token(step->header) || hk_request_is_reserved(step->header)))
        return flow_step_fail(r, "header",
                              "must be the name of a header field that a step may set");
    if (text_has_controls(step->client_id) || text_has_controls(step->scope))
        return flow_step_fail(r, "client_id",
                              "must have no control characters, nor must the scope");
    if (step->token_url.p == NULL)
        return HK_OK;
    return flow_step_point_out(r, "token_url",
                               hk_url_check(step->token_url, r->allows_http, r->reterr));
}

static const char *credentials_name(size_t i)
{
    return credential_kinds[i].name;
}

static enum hk_code read_credentials(struct flow_step_reading *r, struct flow_step_written *written)
{
    struct hk_str object = written->step.credentials_json;
    size_t i = flow_step_find_kind(object, HK_COUNTOF(credential_kinds), credentials_name);
    struct flow_step_reading inner = *r;
    struct json_fields table = {credential_fields, N_CREDENTIAL_FIELDS, 0, 0};
    enum hk_code code;

    flow_step_point_at(r, "credentials", inner.pointer);
    if (i == HK_COUNTOF(credential_kinds))
        return flow_step_fail(&inner, "kind", "must be one of basic|bearer|header|oauth2");
    table.required = credential_kinds[i].required;
    table.allowed = table.required | credential_kinds[i].optional;
    code = json_fields_read(&table, object, inner.pointer, r->texts, written, r->reterr);
    written->step.credentials = credential_kinds[i].kind;
    return code != HK_OK ? code : check_credentials(&inner, &written->step);
}

static bool is_json(struct hk_str content_type)
{
    size_t n = strcspn(content_type.p, "; ");

    return hk_media_type_is(content_type, "application/json") ||
           (n > 5 && strncasecmp(content_type.p + n - 5, "+json", 5) == 0);
}

/* What is sent: see enum hk_step_body. */
static enum hk_code read_body(const struct flow_step_reading *r, struct hk_str body,
                              struct hk_flow_step *step)
{
    bool is_get = hk_str_eq(step->method, HK_STR("GET"));
    bool is_text = body.n > 0 && body.p[0] == '"';

    if (body.p == NULL) {
        step->body = is_get || hk_str_eq(step->method, HK_STR("DELETE")) ? HK_STEP_BODY_NONE
                                                                         : HK_STEP_BODY_VALUE;
    } else if (is_get) {
        return flow_step_fail(r, "body", "does not go with GET");
    } else if (is_text && hk_json_string_eq(body, "request")) {
        step->body = HK_STEP_BODY_REQUEST;
        return HK_OK;
    } else if (is_text && step->content_type.p != NULL && !is_json(step->content_type)) {
        step->body = HK_STEP_BODY_TEXT;
        if (!json_texts_add(r->texts, body, &step->template))
            return flow_step_fail(r, "body", "must not hold U+0000");
        return flow_step_check_text(r, "body", step->template);
    } else {
        step->body = HK_STEP_BODY_JSON;
        step->template = body;
    }
    if (step->content_type.p == NULL)
        step->content_type = HK_STR("application/json");
    return step->template.p == NULL ? HK_OK : flow_step_check_template(r, "body", body);
}

enum hk_code flow_step_check_http(struct flow_step_reading *r, struct flow_step_written *written)
{
    struct hk_flow_step *step = &written->step;
    struct hk_schedule schedule;
    enum hk_code code;

    if (step->method.p == NULL)
        step->method = HK_STR("POST");
    if (step->timeout_ms == 0)
        step->timeout_ms = DEFAULT_TIMEOUT_MS;
    if (text_has_controls(step->content_type))
        return flow_step_fail(r, "content_type", "must have no control characters");
    if (step->schedule.p != NULL && !hk_schedule_read(step->schedule, 0, &schedule))
        return flow_step_fail(r, "schedule", "must be delays: \"5s 30s 5m*3\"");
    code = check_url(r, step->url);
    if (code == HK_OK)
        code = read_body(r, written->body, step);
    if (code == HK_OK && written->headers.p != NULL)
        code = read_headers(r, written->headers, step);
    if (code == HK_OK && step->credentials_json.p != NULL)
        code = read_credentials(r, written);
    return code;
}
