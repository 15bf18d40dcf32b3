/* SPDX-License-Identifier: Apache-2.0 */
#include "api/inbound/inbound_flow.h"

#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

#include "hk/config.h"
#include "hk/encode.h"
#include "hk/json_scan.h"
#include "hk/log.h"
#include "hk/stored_secrets.h"

/* The columns of inbound_find, in order. */
enum column {
    TOKEN,
    IS_RUNNING,
    VERSION,
    METHODS,
    CONTENT_TYPES,
    CREDENTIAL,
    ANSWER,
    MAX_BODY_BYTES,
    SECRET,
    OLD_SECRET,
    RATE,
    TENANT_RATE,
    TENANT_BURST,
    EVENTS_PER_DAY,
    BASE_URL,
    N_COLUMNS
};

enum {
    MAX_ROW_BYTES = 1 << 20,
    MAX_OPENED_BYTES = HK_INBOUND_MAX_SECRETS * (HK_VAULT_MAX_BYTES + 1),
    USUAL_STATUS = 202,
};

/* ---- the row -------------------------------------------------------------------------------- */

/* Each column as '+' and its text, or '-', and a NUL: the strings point in here. */
static void take_row(const struct hk_db_result *result, unsigned row, struct hk_buf *ret)
{
    hk_buf_init(ret, MAX_ROW_BYTES);
    for (unsigned i = 0; i < N_COLUMNS; i++) {
        struct hk_str value = hk_db_value(result, row, i);

        hk_buf_add_text(ret, value.p == NULL ? "-" : "+");
        hk_buf_add_str(ret, value);
        hk_buf_add(ret, "", 1);
    }
}

static void split_row(const struct hk_buf *row, struct hk_str ret[N_COLUMNS])
{
    const char *p = row->p;

    for (unsigned i = 0; i < N_COLUMNS; i++) {
        ret[i] = p[0] == '-' ? HK_STR_NULL : hk_str(p + 1);
        p += strlen(p) + 1;
    }
}

static int64_t number_or(struct hk_str text, int64_t otherwise)
{
    return text.p == NULL ? otherwise : strtoll(text.p, NULL, 10);
}

/* ---- the answer ----------------------------------------------------------------------------- */

/* What a flow may not say by itself: it is said, or it would be said in the API's own name. */
static bool is_header_of_ours(const char *name)
{
    static const char *const names[] = {"set-cookie",
                                        "clear-site-data",
                                        "strict-transport-security",
                                        "connection",
                                        "transfer-encoding",
                                        "trailer",
                                        "upgrade",
                                        "keep-alive",
                                        "server",
                                        "date",
                                        "x-request-id",
                                        "hookline-event-id",
                                        "x-content-type-options"};

    for (size_t i = 0; i < HK_COUNTOF(names); i++) {
        if (strcmp(name, names[i]) == 0)
            return true;
    }
    return name[0] == '\0' || strncmp(name, "content-", 8) == 0 ||
           strpbrk(name, " \t\r\n:") != NULL;
}

/* Decodes a string to `at`, with a NUL, and moves on behind it. What is none is "". */
static struct hk_str take_string(const struct hk_json_span *value, char **at)
{
    char *text = *at;
    size_t n = value->kind == HK_JSON_STRING ? hk_json_string_decode(value->bytes, text) : 0;

    if (n == SIZE_MAX)
        n = 0;
    text[n] = '\0';
    *at += n + 1;
    return (struct hk_str){text, n};
}

static bool has_line_end(struct hk_str value)
{
    return memchr(value.p, '\r', value.n) != NULL || memchr(value.p, '\n', value.n) != NULL;
}

static void take_headers(struct inbound_answer *answer, struct hk_str object, char **at)
{
    struct hk_json_cursor cursor = {.bytes = object};
    struct hk_json_span value;
    struct hk_str quoted;

    while (answer->n_headers < INBOUND_MAX_ANSWER_HEADERS &&
           hk_json_next(&cursor, &quoted, &value)) {
        struct hk_json_span span = {.kind = HK_JSON_STRING, .bytes = quoted};
        char *lower = *at;
        struct hk_str name = take_string(&span, at), text = take_string(&value, at);

        for (size_t i = 0; i < name.n; i++)
            lower[i] = (char)tolower((unsigned char)lower[i]);
        if (is_header_of_ours(lower) || has_line_end(text))
            continue;
        answer->headers[answer->n_headers].name = name;
        answer->headers[answer->n_headers++].value = text;
    }
}

/* What is decoded is shorter than what was quoted: the JSON's length is enough. */
static void take_answer(struct inbound_flow *flow, struct hk_str json)
{
    struct inbound_answer *answer = &flow->answer;
    struct hk_json_cursor cursor;
    struct hk_json_span whole, value;
    struct hk_str name;
    size_t n_at;
    char *at;

    *answer = (struct inbound_answer){
        .status = USUAL_STATUS, .content_type = HK_STR("application/json"), .body = HK_STR("{}")};
    if (!hk_json_scan(json, &whole, &n_at) || whole.kind != HK_JSON_OBJECT)
        return;
    at = flow->answer_text = malloc(json.n + 1);
    if (at == NULL)
        abort();
    cursor = (struct hk_json_cursor){.bytes = whole.bytes};
    while (hk_json_next(&cursor, &name, &value)) {
        if (value.kind == HK_JSON_NUMBER && hk_json_string_eq(name, "status"))
            answer->status = (int)strtol(value.bytes.p, NULL, 10);
        else if (value.kind == HK_JSON_STRING && hk_json_string_eq(name, "content_type"))
            answer->content_type = take_string(&value, &at);
        else if (value.kind == HK_JSON_STRING && hk_json_string_eq(name, "body"))
            answer->body = take_string(&value, &at);
        else if (value.kind == HK_JSON_OBJECT && hk_json_string_eq(name, "headers"))
            take_headers(answer, value.bytes, &at);
    }
    if (answer->content_type.n == 0 || has_line_end(answer->content_type))
        answer->content_type = HK_STR("application/octet-stream");
    if (answer->status < 200 || answer->status > 299)
        answer->status = USUAL_STATUS;
}

/* ---- the secrets ---------------------------------------------------------------------------- */

/* A secret that does not open counts for nothing; without any that does nobody can be let in. */
static void open_secrets(struct inbound_flow *flow, const struct hk_flow_key *key,
                         const struct hk_str columns[N_COLUMNS], const struct hk_vault *vault)
{
    static const struct hk_str names[] = {{"credential", 10}, {"credential.old", 14}};
    char tenant_id[HK_ID_TEXT_SIZE], flow_id[HK_ID_TEXT_SIZE];
    size_t ends[HK_INBOUND_MAX_SECRETS] = {0};
    const char *p;

    hk_id_format(&key->tenant_id, tenant_id);
    hk_id_format(&key->flow_id, flow_id);
    for (unsigned i = 0; i < HK_INBOUND_MAX_SECRETS; i++) {
        struct hk_str stored = columns[SECRET + i];

        if (stored.p == NULL)
            continue;
        if (!hk_stored_flow_secret_open(vault, hk_str(tenant_id), hk_str(flow_id), names[i], stored,
                                        &flow->opened)) {
            hk_log(HK_LOG_ERROR, "flow.secret_closed", HK_CTEXT("flow_id", flow_id));
            continue;
        }
        ends[flow->secrets.n++] = flow->opened.n;
    }
    p = flow->opened.p;
    for (unsigned i = 0; i < flow->secrets.n; i++) {
        flow->secrets.live[i] = (struct hk_str){p, (size_t)(flow->opened.p + ends[i] - p)};
        p = flow->opened.p + ends[i];
    }
    flow->is_shut = flow->is_shut || (flow->secrets.n == 0 && columns[SECRET].p != NULL);
}

/* ---- the flow ------------------------------------------------------------------------------- */

static void read_columns(struct inbound_flow *flow, const struct hk_str columns[N_COLUMNS],
                         const struct hk_config *config)
{
    int64_t rate = number_or(columns[RATE], 0);
    int64_t tenant_rate = number_or(columns[TENANT_RATE], config->api_tenant_requests_per_second);

    flow->is_running = number_or(columns[IS_RUNNING], 0) == 1;
    flow->version = number_or(columns[VERSION], 0);
    flow->methods = columns[METHODS];
    flow->content_types = columns[CONTENT_TYPES];
    flow->max_body_bytes = (size_t)number_or(columns[MAX_BODY_BYTES], 0);
    flow->own_limit = (struct bucket_limit){.per_second = rate, .burst = rate};
    flow->tenant_limit = (struct bucket_limit){
        .per_second = tenant_rate, .burst = number_or(columns[TENANT_BURST], tenant_rate)};
    flow->events_per_day = number_or(columns[EVENTS_PER_DAY], -1);
    flow->base_url = columns[BASE_URL].p == NULL ? HK_STR("") : columns[BASE_URL];
    while (flow->base_url.n > 0 && flow->base_url.p[flow->base_url.n - 1] == '/')
        flow->base_url.n--;
}

static bool take_token(struct inbound_flow *flow, struct hk_str text)
{
    size_t n = 0;

    return hk_b64url_decode(text, flow->token, sizeof(flow->token), &n) && n == sizeof(flow->token);
}

struct inbound_flow *inbound_flow_read(const struct hk_db_result *result, unsigned row,
                                       const struct hk_flow_key *key, struct inbound_flow *known,
                                       const struct hk_vault *vault, const struct hk_config *config)
{
    struct hk_str columns[N_COLUMNS];
    struct inbound_flow *flow;
    struct hk_error error;
    struct hk_buf text;
    char flow_id[HK_ID_TEXT_SIZE];

    if (hk_db_value(result, row, TOKEN).p == NULL)
        return NULL;
    take_row(result, row, &text);
    if (text.is_full) { /* whoever writes a flow sees to it that this cannot be */
        hk_id_format(&key->flow_id, flow_id);
        hk_log(HK_LOG_ERROR, "flow.row_too_large", HK_CTEXT("flow_id", flow_id));
        hk_buf_done(&text);
        return NULL;
    }
    if (known != NULL && hk_str_eq(hk_buf_str(&known->row), hk_buf_str(&text))) {
        hk_buf_done(&text);
        inbound_flow_keep(known);
        return known;
    }
    flow = calloc(1, sizeof(*flow));
    if (flow == NULL)
        abort();
    flow->n_users = 1;
    flow->id = key->flow_id;
    flow->row = text;
    hk_buf_init(&flow->opened, MAX_OPENED_BYTES);
    split_row(&flow->row, columns);
    read_columns(flow, columns, config);
    flow->is_shut = !take_token(flow, columns[TOKEN]);
    if (hk_inbound_credential_parse(columns[CREDENTIAL], "/credential", &flow->credential,
                                    &error) != HK_OK) {
        hk_log(HK_LOG_ERROR, "flow.credential_unread", HK_CTEXT("detail", error.detail));
        flow->is_shut = true;
    }
    take_answer(flow, columns[ANSWER]);
    open_secrets(flow, key, columns, vault);
    return flow;
}

bool inbound_flow_is_away(const struct hk_db_result *result, unsigned row)
{
    return hk_str_eq(hk_db_value(result, row, N_COLUMNS), HK_STR("1"));
}

void inbound_flow_keep(struct inbound_flow *flow)
{
    flow->n_users++;
}

void inbound_flow_release(struct inbound_flow *flow)
{
    if (flow == NULL || --flow->n_users > 0)
        return;
    hk_inbound_credential_done(&flow->credential);
    if (flow->opened.p != NULL)
        explicit_bzero(flow->opened.p, flow->opened.capacity);
    hk_buf_done(&flow->opened);
    hk_buf_done(&flow->row);
    free(flow->answer_text);
    free(flow);
}

bool inbound_list_has(struct hk_str list, struct hk_str word)
{
    while (list.n > 0) {
        const char *blank = memchr(list.p, ' ', list.n);
        struct hk_str one = {list.p, blank == NULL ? list.n : (size_t)(blank - list.p)};

        if (hk_str_eq(one, word))
            return true;
        list.p += one.n + (blank != NULL);
        list.n -= one.n + (blank != NULL);
    }
    return false;
}
