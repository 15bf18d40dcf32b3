/* SPDX-License-Identifier: Apache-2.0 */
/*
 * story.c - what the tests of harness.h tell their stories with: calls, replies, givens, the
 * sinker.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/harness.h"

#define PARTNER "acme"

/* ---- calls ---- */

struct reply api_send(struct harness *h, const char *key, const char *method, const char *path,
                      struct hk_str body, const char *const headers[])
{
    return http_call(h->http, method, h->api_url, path, key, body, headers);
}

struct reply api_call(struct harness *h, const char *key, const char *method, const char *path,
                      const char *body_format, ...)
{
    struct reply reply;
    char *body = NULL;
    va_list args;

    if (body_format != NULL) {
        va_start(args, body_format);
        assert_true(vasprintf(&body, body_format, args) >= 0);
        va_end(args);
    }
    reply = api_send(h, key, method, path, hk_str(body), NULL);
    free(body);
    return reply;
}

/* ---- replies ---- */

void reply_check_status(const struct reply *reply, int status, const char *file, int line)
{
    if (reply->status != status)
        harness_fail(file, line, "%s: status %d instead of %d: %s", reply->request, reply->status,
                     status, reply->body);
}

static HK_NORETURN void fail_about(const struct reply *reply, const char *path, const char *wanted)
{
    fail_test("%s: no %s at \"%s\" in (%d) %s", reply->request, wanted, path, reply->status,
              reply->body);
}

const char *reply_text(const struct reply *reply, const char *path)
{
    json_t *json = reply_json(reply, path);

    if (!json_is_string(json))
        fail_about(reply, path, "text");
    return json_string_value(json);
}

int64_t reply_int(const struct reply *reply, const char *path)
{
    json_t *json = reply_json(reply, path);

    if (!json_is_integer(json))
        fail_about(reply, path, "integer");
    return json_integer_value(json);
}

bool reply_bool(const struct reply *reply, const char *path)
{
    json_t *json = reply_json(reply, path);

    if (!json_is_boolean(json))
        fail_about(reply, path, "boolean");
    return json_is_true(json);
}

size_t reply_count(const struct reply *reply, const char *path)
{
    json_t *json = reply_json(reply, path);

    if (!json_is_array(json) && !json_is_object(json))
        fail_about(reply, path, "array or object");
    return json_is_array(json) ? json_array_size(json) : json_object_size(json);
}

bool reply_is_null(const struct reply *reply, const char *path)
{
    return json_is_null(reply_json(reply, path));
}

bool reply_has(const struct reply *reply, const char *path)
{
    return reply_json(reply, path) != NULL;
}

/* ---- the database ---- */

static HK_PRINTF(2, 0) const char *ask_database(struct harness *h, const char *format, va_list args)
{
    char *sql, *text;
    const char *kept;

    assert_true(vasprintf(&sql, format, args) >= 0);
    text = pg_text(h->database, sql);
    kept = text == NULL ? NULL : http_text(h->http, "%s", text);
    free(text);
    free(sql);
    return kept;
}

const char *db_text(struct harness *h, const char *sql_format, ...)
{
    const char *text;
    va_list args;

    va_start(args, sql_format);
    text = ask_database(h, sql_format, args);
    va_end(args);
    return text;
}

int64_t db_int(struct harness *h, const char *sql_format, ...)
{
    const char *text;
    va_list args;

    va_start(args, sql_format);
    text = ask_database(h, sql_format, args);
    va_end(args);
    if (text == NULL)
        fail_test("the statement gave no value: %s", sql_format);
    return strtoll(text, NULL, 10);
}

/* ---- given ---- */

static const char *created_id(struct harness *h, const char *key, const char *path,
                              const char *body)
{
    struct reply reply = api_call(h, key, "POST", path, "%s", body);

    assert_status(reply, 201);
    return reply_text(&reply, "id");
}

struct tenant *given_tenant(struct harness *h)
{
    return given_tenant_in(h, "default");
}

struct tenant *given_tenant_in(struct harness *h, const char *cell)
{
    struct tenant *t = &h->tenants[h->n_tenants++];
    struct reply reply;

    assert_true(h->n_tenants <= HARNESS_MAX_TENANTS);
    reply = api_call(h, h->operator_key, "POST", "/v1/tenants",
                     "{\"name\": \"tenant %u\", \"allow_http\": true, \"cell\": \"%s\"}",
                     h->n_tenants, cell);
    assert_status(reply, 201);
    t->id = reply_text(&reply, "id");
    t->admin = reply_text(&reply, "admin_key");
    t->partner = given_key(h, t, "partner", PARTNER);
    t->support = given_key(h, t, "support", NULL);
    t->producer = given_key(h, t, "producer", NULL);
    t->receiver = given_key(h, t, "receiver", PARTNER);
    return t;
}

const char *given_key(struct harness *h, const struct tenant *t, const char *role,
                      const char *partner)
{
    const char *quote = partner == NULL ? "" : "\"";
    struct reply reply;

    reply = api_call(
        h, t->admin, "POST", "/v1/keys", "{\"name\": \"%s\", \"role\": \"%s\"%s%s%s%s}", role, role,
        partner == NULL ? "" : ", \"partner\": ", quote, partner == NULL ? "" : partner, quote);
    assert_status(reply, 201);
    return reply_text(&reply, "key");
}

const char *given_company(struct harness *h, const struct tenant *t, const char *external_id)
{
    return created_id(h, t->admin, "/v1/companies",
                      http_text(h->http, "{\"external_id\": \"%s\", \"name\": \"Company %s\"}",
                                external_id, external_id));
}

void given_event_type(struct harness *h, const struct tenant *t, const char *name)
{
    struct reply reply =
        api_call(h, t->admin, "POST", "/v1/event_types", "{\"name\": \"%s\"}", name);

    assert_status(reply, 201);
}

const char *given_app(struct harness *h, const struct tenant *t, const char *partner)
{
    return created_id(
        h, t->admin, "/v1/apps",
        http_text(h->http, "{\"name\": \"app of %s\", \"partner\": \"%s\"}", partner, partner));
}

const char *given_connection(struct harness *h, const struct tenant *t, const char *app_id,
                             const char *company_external_id)
{
    struct reply reply;

    reply = api_call(h, t->admin, "POST", http_text(h->http, "/v1/apps/%s/connections", app_id),
                     "{\"companies\": [{\"company\": \"%s\"}]}", company_external_id);
    assert_status(reply, 201);
    return reply_text(&reply, "data.0.id");
}

struct subscription given_subscription(struct harness *h, const struct tenant *t,
                                       const char *app_id, const char *path, const char *event_type)
{
    struct subscription subscription;
    struct reply reply;

    reply =
        api_call(h, t->admin, "POST", http_text(h->http, "/v1/apps/%s/subscriptions", app_id),
                 "{\"url\": \"%s\", \"event_types\": [\"%s\"]}", sinker_url(h, path), event_type);
    assert_status(reply, 201);
    subscription.id = reply_text(&reply, "id");
    subscription.secret = reply_text(&reply, "secret");
    sinker_secret(h, path, subscription.secret);
    return subscription;
}

struct subscription given_story(struct harness *h, struct tenant *t, const char *path)
{
    const char *app_id;

    (void)given_company(h, t, "c1");
    given_event_type(h, t, "order.paid");
    app_id = given_app(h, t, PARTNER);
    (void)given_connection(h, t, app_id, "c1");
    return given_subscription(h, t, app_id, path, "order.paid");
}

const char *publish(struct harness *h, const struct tenant *t, const char *event_type,
                    const char *company, const char *payload)
{
    struct reply reply;

    reply = api_call(h, t->producer, "POST", "/v1/events",
                     "{\"event_type\": \"%s\", \"company\": \"%s\", \"payload\": %s}", event_type,
                     company, payload);
    assert_status(reply, 202);
    return reply_text(&reply, "id");
}

/* ---- the sinker ---- */

static struct reply call_sinker(struct harness *h, const char *method, const char *path,
                                const char *body)
{
    struct reply reply;

    reply = http_call(h->http, method, h->sinker_urls[0], path, NULL, hk_str(body), NULL);
    assert_status(reply, 200);
    return reply;
}

const char *sinker_url(struct harness *h, const char *path)
{
    return http_text(h->http, "%s%s", h->sinker_urls[0], path);
}

void sinker_rule(struct harness *h, const char *path, const char *rule_format, ...)
{
    va_list args;
    char *rule;

    va_start(args, rule_format);
    assert_true(vasprintf(&rule, rule_format, args) >= 0);
    va_end(args);
    (void)call_sinker(h, "PUT", http_text(h->http, "/_sinker/rules%s", path), rule);
    free(rule);
}

void sinker_secret(struct harness *h, const char *path, const char *secret)
{
    (void)call_sinker(h, "POST", http_text(h->http, "/_sinker/secrets%s", path),
                      http_text(h->http, "{\"secret\": \"%s\"}", secret));
}

void sinker_wait(struct harness *h, const char *path, unsigned count, int timeout_ms)
{
    struct reply reply;

    reply = call_sinker(
        h, "GET",
        http_text(h->http, "/_sinker/wait?path=%s&count=%u&timeout_ms=%d", path, count, timeout_ms),
        NULL);
    if (!reply_bool(&reply, "reached"))
        fail_test("%s got %d of %u requests in %d ms", path, (int)reply_int(&reply, "count"), count,
                  timeout_ms);
}

unsigned sinker_count(struct harness *h, const char *path)
{
    struct reply reply = sinker_stats(h, path);

    return (unsigned)reply_int(&reply, "requests");
}

struct reply sinker_request(struct harness *h, const char *path, unsigned i)
{
    struct reply reply;

    reply = call_sinker(h, "GET",
                        http_text(h->http, "/_sinker/requests?path=%s&number=%u", path, i), NULL);
    if (reply_count(&reply, "requests") == 0)
        fail_test("%s has no request number %u (of %d)", path, i, (int)reply_int(&reply, "total"));
    reply.json = reply_json(&reply, "requests.0");
    return reply;
}

struct reply sinker_stats(struct harness *h, const char *path)
{
    return call_sinker(
        h, "GET",
        path == NULL ? "/_sinker/stats" : http_text(h->http, "/_sinker/stats?path=%s", path), NULL);
}

/* ---- waiting ---- */

struct awaited {
    struct harness *h;
    const char *key, *path, *at, *value;
    struct reply reply;
};

static bool has_value(void *arg)
{
    struct awaited *awaited = arg;
    json_t *json;
    char number[32];

    awaited->reply = api_call(awaited->h, awaited->key, "GET", awaited->path, NULL);
    json = reply_json(&awaited->reply, awaited->at);
    if (awaited->value == NULL || json_is_null(json))
        return awaited->value == NULL && json_is_null(json);
    if (json_is_string(json))
        return strcmp(json_string_value(json), awaited->value) == 0;
    (void)snprintf(number, sizeof(number), "%lld", (long long)json_integer_value(json));
    return json_is_integer(json) && strcmp(number, awaited->value) == 0;
}

void api_wait_for(struct harness *h, const char *key, const char *path, const char *at,
                  const char *value, int timeout_ms)
{
    struct awaited awaited = {.h = h, .key = key, .path = path, .at = at, .value = value};

    if (!wait_until(has_value, &awaited, timeout_ms))
        fail_test("\"%s\" of %s was not \"%s\" within %d ms: (%d) %s", at, path,
                  value == NULL ? "null" : value, timeout_ms, awaited.reply.status,
                  awaited.reply.body);
}
