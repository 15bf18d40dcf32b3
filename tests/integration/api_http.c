/* SPDX-License-Identifier: Apache-2.0 */
/* What holds for every route: headers, methods, media types; and the routes without a key. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/check.h"

enum { MAX_ROUTES = 256 };

static void assert_header(struct harness *h, const struct reply *reply, const char *name,
                          const char *wanted)
{
    const char *value = reply_header(h->http, reply, name);

    if (value == NULL || strcmp(value, wanted) != 0)
        fail_msg("%s: %s is %s, not %s", reply->request, name, value == NULL ? "absent" : value,
                 wanted);
}

static void test_health_needs_no_key(void **state)
{
    struct harness *h = *state;
    struct reply alive = api_call(h, NULL, "GET", "/healthz", NULL);

    assert_status(alive, 200);
    assert_string_equal(reply_text(&alive, "status"), "alive");
    api_wait_for(h, NULL, "/readyz", "status", "ready", 10000);
}

/* "/v1/apps/:app_id" as openapi.json spells it: "/v1/apps/{app_id}". */
static const char *in_braces(struct harness *h, const char *path)
{
    const char *text = "";

    while (*path != '\0') {
        size_t n = strcspn(path, "/") + 1, part_n = strcspn(path + n, "/");

        if (path[n] == ':')
            text = http_text(h->http, "%s/{%.*s}", text, (int)part_n - 1, path + n + 1);
        else
            text = http_text(h->http, "%s/%.*s", text, (int)part_n, path + n);
        path += n + part_n;
    }
    return text;
}

static void test_openapi_json_describes_every_route(void **state)
{
    struct harness *h = *state;
    struct listed_route routes[MAX_ROUTES];
    size_t n = list_routes(h, routes, MAX_ROUTES);
    struct reply reply = api_call(h, NULL, "GET", "/openapi.json", NULL);

    assert_status(reply, 200);
    assert_header(h, &reply, "content-type", "application/json");
    assert_string_equal(reply_text(&reply, "openapi"), "3.1.0");
    for (size_t i = 0; i < n; i++) {
        json_t *path = json_object_get(reply_json(&reply, "paths"), in_braces(h, routes[i].path));
        char method[16];

        (void)snprintf(method, sizeof(method), "%s", routes[i].method);
        for (char *c = method; *c != '\0'; c++)
            *c = (char)(*c | 0x20);
        if (json_object_get(path, method) == NULL)
            fail_msg("%s %s", routes[i].method, routes[i].path);
    }
}

static void test_every_reply_carries_the_same_headers(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply first = api_call(h, t->admin, "GET", "/v1/apps", NULL);
    struct reply second = api_call(h, t->admin, "GET", "/v1/nothing", NULL);

    assert_header(h, &first, "content-type", "application/json");
    assert_header(h, &first, "cache-control", "no-store");
    assert_header(h, &first, "x-content-type-options", "nosniff");
    assert_null(reply_header(h->http, &first, "server"));
    assert_problem(h, second, 404, "not_found", NULL);
    assert_header(h, &second, "cache-control", "no-store");
    assert_header(h, &second, "x-content-type-options", "nosniff");
    assert_true(is_uuid_v7(reply_header(h->http, &first, "x-request-id")));
    assert_string_not_equal(reply_header(h->http, &first, "x-request-id"),
                            reply_header(h->http, &second, "x-request-id"));
}

static void test_204_has_no_body_and_no_length(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply reply = api_call(h, t->admin, "DELETE",
                                  http_text(h->http, "/v1/apps/%s", given_app(h, t, "acme")), NULL);

    assert_status(reply, 204);
    assert_int_equal(reply.body_n, 0);
    assert_null(reply_header(h->http, &reply, "content-length"));
    assert_null(reply_header(h->http, &reply, "content-type"));
    assert_non_null(reply_header(h->http, &reply, "x-request-id"));
}

static void test_head_answers_as_get_without_the_body(void **state)
{
    static const char *const paths[] = {"/v1/apps", "/v1/companies?limit=1", "/healthz",
                                        "/v1/nothing", "/v1/apps?limit=0"};
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);

    (void)given_company(h, t, "c1");
    for (size_t i = 0; i < HK_COUNTOF(paths); i++) {
        struct reply get = api_call(h, t->admin, "GET", paths[i], NULL);
        struct reply head = api_call(h, t->admin, "HEAD", paths[i], NULL);

        assert_int_equal(head.status, get.status);
        assert_int_equal(head.body_n, 0);
        assert_header(h, &head, "content-length", http_text(h->http, "%zu", get.body_n));
        assert_header(h, &head, "content-type", reply_header(h->http, &get, "content-type"));
    }
}

/* "/v1/event_types/import" is a path of "/v1/event_types/:name", too. */
static bool path_fits(const char *pattern, const char *path)
{
    while (*pattern != '\0' && *path != '\0') {
        size_t pattern_n = strcspn(pattern + 1, "/") + 1, path_n = strcspn(path + 1, "/") + 1;

        if (pattern[1] != ':' && (pattern_n != path_n || memcmp(pattern, path, path_n) != 0))
            return false;
        pattern += pattern_n;
        path += path_n;
    }
    return *pattern == *path;
}

/* The methods of a path, as Allow lists them: HEAD where GET is, and OPTIONS always. */
static const char *methods_of(struct harness *h, const struct listed_route *routes, size_t n,
                              const char *path)
{
    const char *methods = "OPTIONS";

    for (size_t i = 0; i < n; i++) {
        if (!path_fits(routes[i].path, path) || strstr(methods, routes[i].method) != NULL)
            continue;
        methods = http_text(h->http, "%s, %s", methods, routes[i].method);
        if (strcmp(routes[i].method, "GET") == 0)
            methods = http_text(h->http, "%s, HEAD", methods);
    }
    return methods;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* "POST, GET" as "GET POST": Allow is a set. */
static const char *sorted(struct harness *h, const char *list)
{
    const char *names[8], *text = "";
    size_t n = 0;

    for (; *list != '\0'; list += strspn(list, ", ")) {
        size_t name_n = strcspn(list, ", ");

        assert_true(n < HK_COUNTOF(names));
        names[n++] = http_text(h->http, "%.*s", (int)name_n, list);
        list += name_n;
    }
    qsort(names, n, sizeof(names[0]), by_name);
    for (size_t i = 0; i < n; i++)
        text = http_text(h->http, "%s%s%s", text, i == 0 ? "" : " ", names[i]);
    return text;
}

static void test_405_names_the_methods_of_the_path(void **state)
{
    struct harness *h = *state;
    struct listed_route routes[MAX_ROUTES];
    size_t n = list_routes(h, routes, MAX_ROUTES);

    for (size_t i = 0; i < n; i++) {
        struct reply reply = api_call(h, NULL, "TRACE", routes[i].path, NULL);
        const char *allow = reply_header(h->http, &reply, "allow");

        assert_problem(h, reply, 405, "method_not_allowed", NULL);
        assert_non_null(allow);
        assert_string_equal(sorted(h, allow), sorted(h, methods_of(h, routes, n, routes[i].path)));
    }
}

static void test_options_needs_no_key_and_names_the_methods(void **state)
{
    struct harness *h = *state;
    struct listed_route routes[MAX_ROUTES];
    size_t n = list_routes(h, routes, MAX_ROUTES);
    struct reply reply;

    for (size_t i = 0; i < n; i++) {
        if (strncmp(routes[i].path, "/in/", 4) == 0)
            continue; /* a flow answers by itself: CloudEvents asks by OPTIONS */
        reply = api_call(h, NULL, "OPTIONS", routes[i].path, NULL);
        assert_status(reply, 204);
        assert_int_equal(reply.body_n, 0);
        assert_string_equal(sorted(h, reply_header(h->http, &reply, "allow")),
                            sorted(h, methods_of(h, routes, n, routes[i].path)));
    }
    reply = api_call(h, NULL, "OPTIONS", "/v1/nothing", NULL);
    assert_problem(h, reply, 404, "not_found", NULL);
    assert_null(reply_header(h->http, &reply, "allow"));
}

static void test_406_when_no_media_type_of_ours_is_accepted(void **state)
{
    static const char *const refused[] = {"Accept: text/html", "Accept: application/xml, text/*",
                                          "Accept: application/json;q=0"};
    static const char *const taken[] = {"Accept:",
                                        "Accept: */*",
                                        "Accept: application/json",
                                        "Accept: application/problem+json",
                                        "Accept: text/html, */*;q=0.1",
                                        "Accept: APPLICATION/*; q=0.5"};
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply reply;

    for (size_t i = 0; i < HK_COUNTOF(refused); i++) {
        const char *const headers[] = {refused[i], NULL};

        reply = api_send(h, t->admin, "GET", "/v1/apps", HK_STR_NULL, headers);
        assert_problem(h, reply, 406, "not_acceptable", NULL);
    }
    for (size_t i = 0; i < HK_COUNTOF(taken); i++) {
        const char *const headers[] = {taken[i], NULL};

        reply = api_send(h, t->admin, "GET", "/v1/apps", HK_STR_NULL, headers);
        assert_status(reply, 200);
    }
}

static void test_a_path_that_is_none_is_not_found(void **state)
{
    static const char *const paths[] = {"/",          "/v1",          "/v1/apps/",   "/v2/apps",
                                        "/V1/apps",   "/v1//apps",    "/v1/app",     "/healthz/",
                                        "/v1/./apps", "/v1/%61pps/x", "/favicon.ico"};
    struct harness *h = *state;

    for (size_t i = 0; i < HK_COUNTOF(paths); i++) {
        struct reply reply = api_call(h, NULL, "GET", paths[i], NULL);

        assert_problem(h, reply, 404, "not_found", NULL);
    }
}

static void test_415_for_a_body_that_does_not_say_it_is_json(void **state)
{
    static const char *const types[] = {"Content-Type: text/plain",
                                        "Content-Type: application/x-www-form-urlencoded",
                                        "Content-Type: application/jsonp",
                                        "Content-Type: application/json-patch+json",
                                        "Content-Type: text/json",
                                        "Content-Type;", /* empty */
                                        "Content-Type:" /* none */};
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);

    for (size_t i = 0; i < HK_COUNTOF(types); i++) {
        const char *const headers[] = {types[i], NULL};
        struct reply reply = api_send(h, t->admin, "POST", "/v1/companies",
                                      HK_STR("{\"external_id\":\"a\",\"name\":\"b\"}"), headers);

        assert_problem(h, reply, 415, "unsupported_media_type", NULL);
        reply = api_send(h, t->producer, "POST", "/v1/events", HK_STR("{}"), headers);
        assert_problem(h, reply, 415, "unsupported_media_type", NULL);
    }
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.company"), 0);
}

static void test_a_media_type_may_have_parameters_and_capitals(void **state)
{
    static const char *const types[] = {"Content-Type: application/json; charset=utf-8",
                                        "Content-Type: application/json;charset=UTF-8",
                                        "Content-Type: Application/JSON",
                                        "Content-Type: application/json ; charset=utf-8"};
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);

    for (size_t i = 0; i < HK_COUNTOF(types); i++) {
        const char *const headers[] = {types[i], NULL};
        const char *body = http_text(h->http, "{\"external_id\": \"c%zu\", \"name\": \"x\"}", i);
        struct reply reply = api_send(h, t->admin, "POST", "/v1/companies", hk_str(body), headers);

        assert_status(reply, 201);
    }
}

static void test_a_key_is_a_bearer_token_in_any_case(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *const lower[] = {http_text(h->http, "Authorization: bearer %s", t->admin), NULL};
    const char *const basic[] = {http_text(h->http, "Authorization: Basic %s", t->admin), NULL};
    const char *const bare[] = {http_text(h->http, "Authorization: %s", t->admin), NULL};
    struct reply reply = api_send(h, NULL, "GET", "/v1/apps", HK_STR_NULL, lower);

    assert_status(reply, 200);
    reply = api_send(h, NULL, "GET", "/v1/apps", HK_STR_NULL, basic);
    assert_problem(h, reply, 401, "unauthenticated", NULL);
    assert_memory_equal(reply_header(h->http, &reply, "www-authenticate"), "Bearer", 6);
    reply = api_send(h, NULL, "GET", "/v1/apps", HK_STR_NULL, bare);
    assert_problem(h, reply, 401, "unauthenticated", NULL);
}

/* A body of chunks, whose length nobody knows before, is a body like any other. */
static void test_a_chunked_body_is_read(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *const headers[] = {"Transfer-Encoding: chunked", NULL};
    struct reply reply = api_send(h, t->admin, "POST", "/v1/companies",
                                  HK_STR("{\"external_id\": \"c1\", \"name\": \"One\"}"), headers);

    assert_status(reply, 201);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_health_needs_no_key),
        harness_test(test_openapi_json_describes_every_route),
        harness_test(test_every_reply_carries_the_same_headers),
        harness_test(test_204_has_no_body_and_no_length),
        harness_test(test_head_answers_as_get_without_the_body),
        harness_test(test_405_names_the_methods_of_the_path),
        harness_test(test_options_needs_no_key_and_names_the_methods),
        harness_test(test_406_when_no_media_type_of_ours_is_accepted),
        harness_test(test_a_path_that_is_none_is_not_found),
        harness_test(test_415_for_a_body_that_does_not_say_it_is_json),
        harness_test(test_a_media_type_may_have_parameters_and_capitals),
        harness_test(test_a_key_is_a_bearer_token_in_any_case),
        harness_test(test_a_chunked_body_is_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
