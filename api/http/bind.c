/* SPDX-License-Identifier: Apache-2.0 */
#include "api/http/bind.h"

#include <assert.h>
#include <h2o.h>

#include "api/http/call.h"
#include "api/http/page.h"
#include "api/http/server.h"
#include "api/resources/checks.h"
#include "hk/buf.h"
#include "hk/clock.h"
#include "hk/log_query.h"
#include "hk/utf8.h"

#define MAX_TEXT_BYTES  ((size_t)256)
#define MAX_SCOPE_BYTES ((size_t)HK_STMT_MAX_PARAMS * 1024)

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Percent-decodes into the pool, NUL-terminated. False: malformed, too long, U+0000, not UTF-8. */
static bool decode(struct call *call, struct hk_str raw, bool plus_is_blank, size_t max_bytes,
                   struct hk_str *ret)
{
    char *text;
    size_t n = 0;

    if (raw.n > 3 * max_bytes)
        return false;
    text = call_alloc(call, raw.n + 1);
    for (size_t i = 0; i < raw.n; i++) {
        char c = raw.p[i];

        if (c == '%') {
            int high = i + 2 < raw.n ? hex_digit(raw.p[i + 1]) : -1,
                low = high < 0 ? -1 : hex_digit(raw.p[i + 2]);

            if (low < 0)
                return false;
            c = (char)(high << 4 | low);
            i += 2;
        } else if (c == '+' && plus_is_blank) {
            c = ' ';
        }
        if (c == '\0')
            return false;
        text[n++] = c;
    }
    text[n] = '\0';
    *ret = (struct hk_str){text, n};
    return n <= max_bytes && hk_utf8_is_valid(*ret);
}

static bool ends_with_id(struct hk_str name)
{
    return name.n >= 3 && memcmp(name.p + name.n - 3, "_id", 3) == 0;
}

enum hk_code bind_path(struct call *call, const char *name, struct hk_str *ret,
                       struct hk_error *reterr)
{
    struct hk_id id;

    if (!decode(call, call_path_param(call, name), false, MAX_TEXT_BYTES, ret))
        return hk_fail(reterr, HK_NOT_FOUND, "", "%s", "");
    if (ends_with_id(hk_str(name)) && !hk_id_parse(*ret, &id))
        return hk_fail(reterr, HK_NOT_FOUND, "", "%s", "");
    return HK_OK;
}

/* The raw value of ?name=; .p is NULL when it is not there. */
static struct hk_str query_value(const struct call *call, const char *name)
{
    const h2o_req_t *req = call->req;
    const char *p = req->query_at == SIZE_MAX ? NULL : req->path.base + req->query_at + 1;
    const char *end = req->path.base + req->path.len;
    size_t name_n = strlen(name);

    while (p != NULL && p < end) {
        const char *next = memchr(p, '&', (size_t)(end - p));
        size_t n = (size_t)((next == NULL ? end : next) - p);

        if (n > name_n && memcmp(p, name, name_n) == 0 && p[name_n] == '=')
            return (struct hk_str){p + name_n + 1, n - name_n - 1};
        p = next == NULL ? NULL : next + 1;
    }
    return HK_STR_NULL;
}

static const struct query_field *find_field(const struct route *route, struct hk_str name)
{
    static const struct query_field paging[] = {{.name = "limit"}, {.name = "cursor"}, {0}};

    for (const struct query_field *field = paging; route->is_list && field->name != NULL; field++) {
        if (hk_str_eq(name, hk_str(field->name)))
            return field;
    }
    for (const struct query_field *field = route->query; field != NULL && field->name != NULL;
         field++) {
        if (hk_str_eq(name, hk_str(field->name)))
            return field;
    }
    return NULL;
}

/* Refuses what the route does not know: a misspelt filter must not read as "everything". */
enum hk_code bind_check_query(const struct call *call, struct hk_error *reterr)
{
    const h2o_req_t *req = call->req;
    const char *p = req->query_at == SIZE_MAX ? NULL : req->path.base + req->query_at + 1;
    const char *end = req->path.base + req->path.len;

    while (p != NULL && p < end) {
        const char *next = memchr(p, '&', (size_t)(end - p));
        const char *stop = next == NULL ? end : next;
        const char *equals = memchr(p, '=', (size_t)(stop - p));
        struct hk_str name = {p, (size_t)((equals == NULL ? stop : equals) - p)};

        if (name.n > 0 && (equals == NULL || find_field(call->match.route, name) == NULL))
            return hk_fail(reterr, HK_INVALID_PARAMETER, "",
                           "The parameter \"%.*s\" is not known here.",
                           (int)(name.n < 64 ? name.n : 64), name.p);
        p = next == NULL ? NULL : next + 1;
    }
    return HK_OK;
}

static bool is_choice(const char *choices, struct hk_str value)
{
    while (choices != NULL) {
        const char *bar = strchr(choices, '|');
        size_t n = bar == NULL ? strlen(choices) : (size_t)(bar - choices);

        if (hk_str_eq(value, (struct hk_str){choices, n}))
            return true;
        choices = bar == NULL ? NULL : bar + 1;
    }
    return false;
}

/* Of HTTP. */
static bool is_status(struct hk_str value)
{
    return value.n == 3 && value.p[0] >= '1' && value.p[0] <= '5' && value.p[1] >= '0' &&
           value.p[1] <= '9' && value.p[2] >= '0' && value.p[2] <= '9';
}

/* Within a text of JSON, the quotes of these would have a backslash before them. */
static bool asks_payloads(struct hk_str filter)
{
    static const char *const members[] = {"\"path\":", "\"attribute\":"};

    for (size_t i = 0; i < HK_COUNTOF(members); i++) {
        if (memmem(filter.p, filter.n, members[i], strlen(members[i])) != NULL)
            return true;
    }
    return false;
}

enum hk_code bind_log_filter(const struct call *call, struct hk_str query,
                             struct hk_buf *ret_filter, struct hk_error *reterr)
{
    enum hk_code code = hk_log_query_parse(query, hk_wall_us(), ret_filter, reterr);

    if (code != HK_OK || !asks_payloads(hk_buf_str(ret_filter)))
        return code;
    if (!auth_may(&call->caller, SCOPE_EVENTS_READ))
        return hk_fail(reterr, HK_FORBIDDEN, "",
                       "To ask for a path or an attribute takes the scope events:read.");
    if (!call->context.sees_all) {
        ret_filter->n--; /* its brace */
        hk_buf_add_text(ret_filter, ",\"is_masked\":true}");
    }
    return HK_OK;
}

/* Puts the filter in the place of the query that it says. */
static enum hk_code bind_log_query(struct call *call, struct hk_str *value, struct hk_error *reterr)
{
    struct hk_buf filter HK_CLEANUP(hk_buf_done);
    enum hk_code code;
    char *copy;

    hk_buf_init(&filter, HK_LOG_FILTER_MAX_BYTES);
    code = bind_log_filter(call, *value, &filter, reterr);
    if (code != HK_OK)
        return code;
    assert(!filter.is_full);
    copy = call_alloc(call, filter.n + 1);
    memcpy(copy, filter.p, filter.n + 1);
    *value = (struct hk_str){copy, filter.n};
    return HK_OK;
}

static enum hk_code bind_query(struct call *call, const char *name, struct hk_str *ret,
                               struct hk_error *reterr)
{
    const struct query_field *field = find_field(call->match.route, hk_str(name));
    struct hk_str raw = query_value(call, name);
    struct hk_id id;

    *ret = raw.p == NULL && strcmp(name, "limit") == 0 ? HK_STR("50") : HK_STR_NULL;
    if (raw.p == NULL)
        return HK_OK;
    if (!decode(call, raw, true,
                field->type == QUERY_LOG ? (size_t)HK_LOG_QUERY_MAX_BYTES : MAX_TEXT_BYTES, ret))
        return hk_fail(reterr, HK_INVALID_PARAMETER, "",
                       "The parameter \"%s\" is malformed or too long.", name);
    if (strcmp(name, "limit") == 0 && !page_limit_is_valid(*ret))
        return hk_fail(reterr, HK_INVALID_PARAMETER, "", "limit must be a number from 1 to %d.",
                       PAGE_MAX_LIMIT);
    if (strcmp(name, "cursor") == 0)
        return HK_OK; /* read by open_cursor(), when all else is bound */
    if (field->type == QUERY_ID && !hk_id_parse(*ret, &id))
        return hk_fail(reterr, HK_INVALID_PARAMETER, "", "%s must be a UUID.", name);
    if (field->type == QUERY_TIME && check_timestamp(*ret, NULL) != HK_OK)
        return hk_fail(reterr, HK_INVALID_PARAMETER, "", "%s must be a time of RFC 3339.", name);
    if (field->type == QUERY_STATUS && !is_status(*ret))
        return hk_fail(reterr, HK_INVALID_PARAMETER, "", "%s must be a number from 100 to 599.",
                       name);
    if (field->type == QUERY_LOG)
        return bind_log_query(call, ret, reterr);
    if (field->type == QUERY_CHOICE && !is_choice(field->choices, *ret))
        return hk_fail(reterr, HK_INVALID_PARAMETER, "", "%s must be one of %s.", name,
                       field->choices);
    return HK_OK;
}

/* A request header, copied: text is NUL-terminated; .p is NULL when it is not there. */
static struct hk_str header_value(struct call *call, const char *name)
{
    const h2o_req_t *req = call->req;
    ssize_t at = h2o_find_header_by_str(&req->headers, name, strlen(name), -1);
    h2o_iovec_t copy;

    if (at < 0)
        return HK_STR_NULL;
    copy = h2o_strdup(&call->req->pool, req->headers.entries[at].value.base,
                      req->headers.entries[at].value.len);
    return (struct hk_str){copy.base, copy.len};
}

static struct hk_str find_set_param(const struct call *call, const char *name)
{
    for (unsigned i = 0; i < call->n_set_params; i++) {
        if (strcmp(call->set_params[i].name, name) == 0)
            return call->set_params[i].value;
    }
    return HK_STR_NULL;
}

static enum hk_code bind_one(struct call *call, const char *bind, struct hk_str *ret,
                             struct hk_error *reterr)
{
    switch (bind[0]) {
    case ':':
        return bind_path(call, bind + 1, ret, reterr);
    case '?':
        return bind_query(call, bind + 1, ret, reterr);
    case '=':
        *ret = find_set_param(call, bind);
        return HK_OK;
    default:
        break;
    }
    if (strcmp(bind, "tenant") == 0)
        *ret = hk_str(call->tenant_id);
    else if (strcmp(bind, "partner") == 0)
        *ret = call->caller.partner[0] == '\0' ? HK_STR_NULL : hk_str(call->caller.partner);
    else if (strcmp(bind, "if_match") == 0)
        *ret = header_value(call, "if-match");
    else
        *ret = call->body;
    return HK_OK;
}

/* Whether a binding says where in a list the page is, not what is in the list. */
static bool is_paging(const char *bind)
{
    return strcmp(bind, "?limit") == 0 || strcmp(bind, "?cursor") == 0;
}

/* The value of a binding as it says what is in the list: a query as it was asked, because
 * "since:24h" is another filter on each page. */
static struct hk_str list_value(const struct call *call, unsigned i)
{
    const char *bind = call->match.route->bind[i];

    if (bind[0] == '?' && find_field(call->match.route, hk_str(bind + 1))->type == QUERY_LOG)
        return query_value(call, bind + 1);
    return call->query.params[i];
}

/* What is in the list: its route and all that the statement is bound to. A length before each. */
static void set_list_scope(struct call *call)
{
    const struct route *route = call->match.route;
    struct hk_buf text HK_CLEANUP(hk_buf_done);

    hk_buf_init(&text, MAX_SCOPE_BYTES);
    hk_buf_printf(&text, "%s\n", route->path);
    for (unsigned i = 0; i < route->stmt->n_params; i++) {
        struct hk_str value = list_value(call, i);

        if (value.p == NULL || is_paging(route->bind[i]))
            continue;
        hk_buf_printf(&text, "%u %zu ", i, value.n);
        hk_buf_add_str(&text, value);
    }
    assert(!text.is_full);
    hk_sha256(hk_buf_str(&text).p, hk_buf_str(&text).n, call->list_scope);
}

/* Puts the key that is in the cursor into the cursor's place. */
static enum hk_code open_cursor(struct call *call, struct hk_error *reterr)
{
    const struct route *route = call->match.route;

    for (unsigned i = 0; i < route->stmt->n_params; i++) {
        struct hk_str *value = &call->query.params[i];
        char *key;

        if (value->p == NULL || strcmp(route->bind[i], "?cursor") != 0)
            continue;
        key = call_alloc(call, PAGE_MAX_KEY_BYTES + 1);
        if (!page_cursor_decode(call->thread->cursor_key.bytes, call->list_scope, *value, key))
            return hk_fail(reterr, HK_BAD_CURSOR, "", "%s", "");
        *value = hk_str(key);
    }
    return HK_OK;
}

enum hk_code bind_params(struct call *call, struct hk_error *reterr)
{
    const struct route *route = call->match.route;
    enum hk_code code = bind_check_query(call, reterr);

    for (unsigned i = 0; i < route->stmt->n_params && code == HK_OK; i++)
        code = bind_one(call, route->bind[i], &call->query.params[i], reterr);
    if (code != HK_OK || !route->is_list)
        return code;
    set_list_scope(call);
    return open_cursor(call, reterr);
}

bool bind_statement(struct call *call, hk_db_done_fn *done)
{
    struct hk_error error = {0};

    call->query = (struct hk_db_query){
        .stmt = call->match.route->stmt,
        .context = &call->context,
        .done = done,
        .timeout_ms = (unsigned)call->thread->config->api_query_timeout_ms,
        .is_slow = call->match.route->is_search,
    };
    if (bind_params(call, &error) == HK_OK)
        return true;
    call_fail(call, &error);
    return false;
}

enum stage_result bind_and_ask(struct call *call, hk_db_done_fn *done)
{
    if (!bind_statement(call, done))
        return STAGE_REPLIED;
    return hk_db_submit(call->cell->db, &call->query) == HK_OK ? STAGE_WAIT
                                                               : call_stage_fail(call, HK_BUSY);
}
