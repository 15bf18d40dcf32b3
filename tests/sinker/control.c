/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control.c - the API below /_sinker/ (tests/README.md lists it). JSON in, JSON out, jansson: it is
 * not the part that has to be fast.
 *
 * A waiter is answered by control_tell_waiters() or by its timer, whichever comes first. A client
 * that goes away meanwhile is not noticed: its waiter ends with the timer.
 */
#include <assert.h>
#include <stdlib.h>

#include "hk/encode.h"
#include "tests/sinker/sinker.h"

#define DEFAULT_LIMIT   1000
#define DEFAULT_WAIT_MS 5000
#define MAX_WAIT_MS     600000

struct waiter {
    struct waiter *next;
    struct sinker *sinker;
    h2o_req_t *req;
    struct hk_str path; /* .p is NULL: all paths */
    uint64_t n_wanted;
    struct hk_timer timer;
};

/* ---- replies ---- */

static void send_json(h2o_req_t *req, int status, json_t *json)
{
    char *text = json_dumps(json, JSON_COMPACT);

    assert(text != NULL);
    req->res.status = status;
    req->res.reason = status < 400 ? "OK" : "Error";
    req->res.content_length = strlen(text);
    h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CONTENT_TYPE, NULL,
                   H2O_STRLIT("application/json"));
    h2o_send_inline(req, text, strlen(text)); /* copies */
    free(text);
    json_decref(json);
}

static void send_error(h2o_req_t *req, int status, const char *detail)
{
    send_json(req, status, json_pack("{s:s}", "error", detail));
}

static void send_ok(h2o_req_t *req)
{
    send_json(req, 200, json_pack("{s:b}", "ok", 1));
}

/* ---- the query part of the URL ---- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static struct hk_str decode_percent(h2o_req_t *req, struct hk_str s)
{
    char *decoded = h2o_mem_alloc_pool(&req->pool, s.n + 1);
    size_t n = 0;

    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '%' && i + 2 < s.n && hex_digit(s.p[i + 1]) >= 0 &&
            hex_digit(s.p[i + 2]) >= 0) {
            decoded[n++] = (char)(hex_digit(s.p[i + 1]) * 16 + hex_digit(s.p[i + 2]));
            i += 2;
        } else {
            decoded[n++] = s.p[i];
        }
    }
    return (struct hk_str){decoded, n};
}

/* The value of a parameter, decoded; .p is NULL when it is absent. */
static struct hk_str query_text(h2o_req_t *req, struct hk_str query, const char *name)
{
    size_t name_n = strlen(name);

    while (query.n > 0) {
        const char *end = memchr(query.p, '&', query.n);
        struct hk_str pair = {query.p, end == NULL ? query.n : (size_t)(end - query.p)};

        if (pair.n > name_n && pair.p[name_n] == '=' && memcmp(pair.p, name, name_n) == 0)
            return decode_percent(req, (struct hk_str){pair.p + name_n + 1, pair.n - name_n - 1});
        query.n -= end == NULL ? pair.n : pair.n + 1;
        query.p += end == NULL ? pair.n : pair.n + 1;
    }
    return HK_STR_NULL;
}

static uint64_t query_number(h2o_req_t *req, struct hk_str query, const char *name,
                             uint64_t otherwise)
{
    struct hk_str text = query_text(req, query, name);
    uint64_t value = 0;

    if (text.n == 0 || text.n > 18)
        return otherwise;
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] < '0' || text.p[i] > '9')
            return otherwise;
        value = value * 10 + (uint64_t)(text.p[i] - '0');
    }
    return value;
}

/* ---- rules ---- */

/* A body is JSON of one object; NULL (and the error is sent) when it is not. */
static json_t *read_body(h2o_req_t *req)
{
    json_error_t error;
    json_t *json = req->entity.base == NULL
                       ? NULL
                       : json_loadb(req->entity.base, req->entity.len, JSON_ALLOW_NUL, &error);

    if (json_is_object(json))
        return json;
    json_decref(json);
    send_error(req, 400, "the body is not a JSON object");
    return NULL;
}

/* Replaces the replies of a path; its secrets too when the rule names some. */
static void put_rule(struct sinker *sinker, h2o_req_t *req, struct hk_str path)
{
    json_t *json = read_body(req);
    struct sink_path *sink_path;
    struct rule rule;
    char detail[128];
    bool is_read;

    if (json == NULL)
        return;
    is_read = rule_read(json, &rule, detail);
    json_decref(json);
    if (!is_read) {
        send_error(req, 422, detail);
        return;
    }
    sink_path = store_path(&sinker->store, path);
    if (rule.n_secrets == 0) {
        memcpy(rule.secrets, sink_path->rule.secrets, sizeof(rule.secrets));
        rule.n_secrets = sink_path->rule.n_secrets;
        sink_path->rule.n_secrets = 0;
    }
    rule_done(&sink_path->rule);
    sink_path->rule = rule;
    send_ok(req);
}

static void add_secret(struct sinker *sinker, h2o_req_t *req, struct hk_str path)
{
    json_t *json = read_body(req);
    const char *secret;
    bool is_added;

    if (json == NULL)
        return;
    secret = json_string_value(json_object_get(json, "secret"));
    is_added = secret != NULL && rule_add_secret(&store_path(&sinker->store, path)->rule, secret);
    json_decref(json);
    if (is_added)
        send_ok(req);
    else
        send_error(req, 422, "secret is whsec_<base64>, at most 10 for a path");
}

static void delete_rules(struct sinker *sinker, h2o_req_t *req)
{
    for (struct sink_path *path = sinker->store.paths; path != NULL; path = path->next)
        rule_done(&path->rule);
    send_ok(req);
}

/* ---- requests ---- */

static json_t *text_or_null(struct hk_str s)
{
    json_t *text = json_stringn(s.n == 0 ? "" : s.p, s.n);

    return text != NULL ? text : json_null(); /* not UTF-8 */
}

/* A name that comes twice has its values joined, as RFC 9110 has it. */
static json_t *headers_json(const struct sink_record *record)
{
    const char *p = record->bytes + record->method_n, *end = p + record->headers_n;
    json_t *headers = json_object();

    while (p < end) {
        const char *name = p, *value = name + strlen(name) + 1;
        json_t *before = json_object_get(headers, name), *text = text_or_null(hk_str(value));

        if (json_is_string(before) && json_is_string(text)) {
            json_t *joined = json_sprintf("%s, %s", json_string_value(before), value);

            json_decref(text);
            text = joined;
        }
        (void)json_object_set_new(headers, name, text);
        p = value + strlen(value) + 1;
    }
    return headers;
}

static void set_body(json_t *json, struct hk_str body)
{
    json_t *text = json_stringn(body.n == 0 ? "" : body.p, body.n);
    char *base64;

    if (text != NULL) {
        (void)json_object_set_new(json, "body", text);
        return;
    }
    base64 = malloc(HK_B64_SIZE(body.n));
    assert(base64 != NULL);
    (void)hk_b64_encode(body.p, body.n, base64);
    (void)json_object_set_new(json, "body_base64", json_string(base64));
    free(base64);
}

static json_t *record_json(const struct sink_record *record)
{
    static const char *const signatures[] = {
        [SIGNATURE_UNCHECKED] = "unchecked",
        [SIGNATURE_VALID] = "valid",
        [SIGNATURE_INVALID] = "invalid",
    };
    const char *body = record->bytes + record->method_n + record->headers_n;
    json_t *json;

    json = json_pack("{s:I, s:I, s:o, s:s%, s:o, s:I, s:i, s:s, s:I}", "index",
                     (json_int_t)record->index, "number", (json_int_t)record->number, "path",
                     text_or_null((struct hk_str){record->path->name, record->path->name_n}),
                     "method", record->bytes, (size_t)record->method_n, "headers",
                     headers_json(record), "received_at_us", (json_int_t)record->received_at_us,
                     "status", record->status, "signature", signatures[record->signature],
                     "content_length", (json_int_t)record->content_length);
    assert(json != NULL);
    set_body(json, (struct hk_str){body, record->body_n});
    return json;
}

static uint64_t count_requests(const struct sinker *sinker, struct hk_str path)
{
    const struct sink_path *found;

    if (path.p == NULL)
        return sinker->store.n_requests;
    found = store_find_path(&sinker->store, path);
    return found == NULL ? 0 : found->stats.n_requests;
}

/* ?path= one path, ?since= from this index on, ?number= the n-th of its path only, ?limit= */
static void get_requests(struct sinker *sinker, h2o_req_t *req, struct hk_str query)
{
    struct hk_str path = query_text(req, query, "path");
    uint64_t limit = query_number(req, query, "limit", DEFAULT_LIMIT);
    uint64_t number = query_number(req, query, "number", UINT64_MAX);
    uint64_t index = query_number(req, query, "since", 0);
    const struct sink_path *wanted = path.p == NULL ? NULL : store_find_path(&sinker->store, path);
    json_t *list = json_array();

    while (json_array_size(list) < limit && (path.p == NULL || wanted != NULL)) {
        const struct sink_record *record = store_record(&sinker->store, index);

        if (record == NULL)
            break;
        if ((wanted == NULL || record->path == wanted) &&
            (number == UINT64_MAX || record->number == number))
            (void)json_array_append_new(list, record_json(record));
        index = record->index + 1;
    }
    send_json(req, 200,
              json_pack("{s:o, s:I}", "requests", list, "total",
                        (json_int_t)count_requests(sinker, path)));
}

/* ---- stats ---- */

/* A message goes to one path: ids that differ are summed over paths. */
struct totals {
    uint64_t n_requests, n_ids, n_duplicates, n_invalid, n_open, max_open;
    json_t *by_status;
    struct histogram latency;
};

static void add_status(json_t *by_status, int status, uint64_t n)
{
    char name[16];

    if (status == STATUS_HANG)
        (void)snprintf(name, sizeof(name), "hang");
    else if (status == STATUS_RESET)
        (void)snprintf(name, sizeof(name), "reset");
    else
        (void)snprintf(name, sizeof(name), "%d", status);
    n += (uint64_t)json_integer_value(json_object_get(by_status, name));
    (void)json_object_set_new(by_status, name, json_integer((json_int_t)n));
}

static void add_stats(struct totals *totals, const struct sink_path *path)
{
    const struct sink_stats *stats = &path->stats;

    totals->n_requests += stats->n_requests;
    totals->n_ids += path->ids.n;
    totals->n_duplicates += stats->n_duplicates;
    totals->n_invalid += stats->n_invalid;
    totals->n_open += path->n_open;
    if (stats->max_open > totals->max_open)
        totals->max_open = stats->max_open;
    for (unsigned i = 0; i < stats->n_statuses; i++)
        add_status(totals->by_status, stats->by_status[i].status, stats->by_status[i].n);
    histogram_merge(&totals->latency, &stats->latency);
}

static json_int_t percentile(const struct totals *totals, double percent)
{
    return (json_int_t)histogram_percentile(&totals->latency, percent);
}

/* ?path= one path, ?prefix= all that begin so; else all */
static void get_stats(struct sinker *sinker, h2o_req_t *req, struct hk_str query)
{
    struct hk_str path = query_text(req, query, "path"), prefix = query_text(req, query, "prefix");
    struct totals totals = {.by_status = json_object()};
    json_t *json;

    for (const struct sink_path *p = sinker->store.paths; p != NULL; p = p->next) {
        if ((path.p == NULL || hk_str_eq(path, (struct hk_str){p->name, p->name_n})) &&
            (prefix.p == NULL ||
             (p->name_n >= prefix.n && memcmp(p->name, prefix.p, prefix.n) == 0)))
            add_stats(&totals, p);
    }
    json = json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:{s:I, s:I, s:I, s:I, s:I}}", "requests",
                     (json_int_t)totals.n_requests, "distinct_ids", (json_int_t)totals.n_ids,
                     "duplicates", (json_int_t)totals.n_duplicates, "signature_invalid",
                     (json_int_t)totals.n_invalid, "open", (json_int_t)totals.n_open, "max_open",
                     (json_int_t)totals.max_open, "by_status", totals.by_status, "latency_us",
                     "count", (json_int_t)totals.latency.n, "p50", percentile(&totals, 50), "p90",
                     percentile(&totals, 90), "p99", percentile(&totals, 99), "max",
                     (json_int_t)totals.latency.max_us);
    histogram_done(&totals.latency);
    send_json(req, 200, json);
}

/* ---- waiting ---- */

static void answer_waiter(struct waiter *waiter)
{
    struct waiter **link = &waiter->sinker->waiters;
    uint64_t n = count_requests(waiter->sinker, waiter->path);

    while (*link != waiter)
        link = &(*link)->next;
    *link = waiter->next;
    hk_loop_stop_timer(waiter->sinker->timers, &waiter->timer);
    send_json(waiter->req, 200,
              json_pack("{s:I, s:b}", "count", (json_int_t)n, "reached", n >= waiter->n_wanted));
}

static void on_waited_long_enough(struct hk_timer *timer)
{
    answer_waiter(HK_CONTAINER_OF(timer, struct waiter, timer));
}

void control_tell_waiters(struct sinker *sinker)
{
    struct waiter *waiter = sinker->waiters;

    while (waiter != NULL) {
        struct waiter *next = waiter->next;

        if (count_requests(sinker, waiter->path) >= waiter->n_wanted)
            answer_waiter(waiter); /* frees the pool that it is in */
        waiter = next;
    }
}

static void wait_for_requests(struct sinker *sinker, h2o_req_t *req, struct hk_str query)
{
    struct waiter *waiter = h2o_mem_alloc_pool(&req->pool, sizeof(*waiter));
    uint64_t timeout_ms = query_number(req, query, "timeout_ms", DEFAULT_WAIT_MS);

    *waiter = (struct waiter){
        .next = sinker->waiters,
        .sinker = sinker,
        .req = req,
        .path = query_text(req, query, "path"),
        .n_wanted = query_number(req, query, "count", 1),
    };
    sinker->waiters = waiter;
    hk_loop_set_timer(sinker->timers, &waiter->timer,
                      (int64_t)(timeout_ms < MAX_WAIT_MS ? timeout_ms : MAX_WAIT_MS),
                      on_waited_long_enough);
    if (count_requests(sinker, waiter->path) >= waiter->n_wanted)
        answer_waiter(waiter);
}

/* ---- routes ---- */

/* Whether the path begins with `prefix`; what comes after it (from its last slash) is the rest. */
static bool has_prefix(struct hk_str path, const char *prefix, struct hk_str *ret_rest)
{
    size_t n = strlen(prefix);

    if (path.n <= n || memcmp(path.p, prefix, n) != 0)
        return false;
    *ret_rest = (struct hk_str){path.p + n - 1, path.n - n + 1};
    return true;
}

void control(struct sinker *sinker, h2o_req_t *req, struct hk_str path, struct hk_str query)
{
    struct hk_str method = {req->method.base, req->method.len}, rest;
    bool is_get = hk_str_eq(method, HK_STR("GET")), is_post = hk_str_eq(method, HK_STR("POST"));

    if (hk_str_eq(method, HK_STR("PUT")) && has_prefix(path, "/_sinker/rules/", &rest)) {
        put_rule(sinker, req, rest);
    } else if (is_post && has_prefix(path, "/_sinker/secrets/", &rest)) {
        add_secret(sinker, req, rest);
    } else if (hk_str_eq(method, HK_STR("DELETE")) && hk_str_eq(path, HK_STR("/_sinker/rules"))) {
        delete_rules(sinker, req);
    } else if (is_get && hk_str_eq(path, HK_STR("/_sinker/requests"))) {
        get_requests(sinker, req, query);
    } else if (is_get && hk_str_eq(path, HK_STR("/_sinker/stats"))) {
        get_stats(sinker, req, query);
    } else if (is_get && hk_str_eq(path, HK_STR("/_sinker/wait"))) {
        wait_for_requests(sinker, req, query);
    } else if (is_post && hk_str_eq(path, HK_STR("/_sinker/reset"))) {
        store_clear(&sinker->store);
        send_ok(req);
    } else {
        send_error(req, 404, "no such path and method below /_sinker/");
    }
}
