/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Matching, and refusing tables that contradict themselves. This program has a route_tables of its
 * own, so that routes.c is not linked; the real tables are looked at in test_routes.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "api/auth/auth.h"
#include "api/http/route.h"

static const struct hk_stmt one_param = {.name = "one_param", .n_params = 1};
static const struct hk_stmt two_params = {.name = "two_params", .n_params = 2};

static bool handle(struct call *call)
{
    (void)call;
    return true;
}

static enum hk_code prepare(struct call *call, struct hk_error *reterr)
{
    (void)call;
    (void)reterr;
    return HK_OK;
}

#define PUBLIC(m, p)                                                                               \
    {                                                                                              \
        .method = (m), .path = (p), .scope = SCOPE_PUBLIC, .ok_status = 200, .handle = handle      \
    }

static const struct route good[] = {
    PUBLIC("GET", "/v1/apps"),
    PUBLIC("POST", "/v1/apps"),
    PUBLIC("GET", "/v1/apps/:app_id"),
    PUBLIC("DELETE", "/v1/apps/:app_id"),
    PUBLIC("GET", "/v1/apps/:app_id/fields/:key"),
    PUBLIC("GET", "/"),
    {0},
};

/* What route_check_all() is given; the second row ends it. */
static struct route judged[2];

const struct route *const route_tables[] = {good, judged, NULL};

/* ---- matching ---- */

static enum hk_code find(const char *method, const char *path, struct route_match *ret,
                         char ret_allow[64])
{
    return route_find(hk_str(method), hk_str(path), ret, ret_allow);
}

static void test_a_path_finds_its_route(void **state)
{
    struct route_match match;
    char allow[64];

    (void)state;
    assert_int_equal(find("POST", "/v1/apps", &match, allow), HK_OK);
    assert_ptr_equal(match.route, &good[1]);
    assert_int_equal(match.n_params, 0);
    assert_int_equal(find("GET", "/", &match, allow), HK_OK);
    assert_ptr_equal(match.route, &good[5]);
}

static void test_parts_of_a_path_are_named_and_stay_encoded(void **state)
{
    struct route_match match;
    char allow[64];

    (void)state;
    assert_int_equal(find("GET", "/v1/apps/a%20b/fields/:x", &match, allow), HK_OK);
    assert_ptr_equal(match.route, &good[4]);
    assert_int_equal(match.n_params, 2);
    assert_true(hk_str_eq(match.params[0].name, HK_STR("app_id")));
    assert_true(hk_str_eq(match.params[0].value, HK_STR("a%20b")));
    assert_true(hk_str_eq(match.params[1].name, HK_STR("key")));
    assert_true(hk_str_eq(match.params[1].value, HK_STR(":x")));
}

static void test_head_finds_what_get_finds(void **state)
{
    struct route_match match;
    char allow[64];

    (void)state;
    assert_int_equal(find("HEAD", "/v1/apps/1", &match, allow), HK_OK);
    assert_ptr_equal(match.route, &good[2]);
}

static void test_a_path_that_is_not_declared_is_not_found(void **state)
{
    static const char *const paths[] = {
        "",           "v1/apps",      "/v1",       "/v1/app",     "/v1/appss",
        "/v1/apps/",  "/v1/apps/1/",  "//v1/apps", "/v1//apps",   "/V1/apps",
        "/v1/apps//", "/v1/apps/1/x", "*",         "/v1/apps/./", "/v1/apps/1/fields/",
    };
    struct route_match match;
    char allow[64];

    (void)state;
    for (size_t i = 0; i < HK_COUNTOF(paths); i++) {
        if (find("GET", paths[i], &match, allow) != HK_NOT_FOUND)
            fail_msg("%s was found", paths[i]);
        assert_string_equal(allow, "");
    }
}

static void test_another_method_is_told_which_there_are(void **state)
{
    struct route_match match;
    char allow[64];

    (void)state;
    assert_int_equal(find("PUT", "/v1/apps", &match, allow), HK_METHOD_NOT_ALLOWED);
    assert_string_equal(allow, "GET, HEAD, POST, OPTIONS");
    assert_int_equal(find("get", "/v1/apps/1", &match, allow), HK_METHOD_NOT_ALLOWED);
    assert_string_equal(allow, "GET, HEAD, DELETE, OPTIONS");
}

/* ---- tables ---- */

/* Judges one row, and returns what was said about it on standard error. */
static const char *judge(struct route route, bool *ret_is_sound)
{
    static char said[1024];
    FILE *file = tmpfile();
    int kept = dup(STDERR_FILENO);
    size_t n;

    assert_non_null(file);
    assert_true(kept >= 0 && dup2(fileno(file), STDERR_FILENO) >= 0);
    judged[0] = route;
    *ret_is_sound = route_check_all();
    (void)fflush(stderr);
    (void)dup2(kept, STDERR_FILENO);
    (void)close(kept);
    judged[0] = (struct route){0};
    rewind(file);
    n = fread(said, 1, sizeof(said) - 1, file);
    said[n] = '\0';
    (void)fclose(file);
    return said;
}

static void expect_sound(struct route route)
{
    bool is_sound;
    const char *said = judge(route, &is_sound);

    assert_string_equal(said, "");
    assert_true(is_sound);
}

static void expect_refused(struct route route, const char *why)
{
    bool is_sound;
    const char *said = judge(route, &is_sound);

    assert_false(is_sound);
    if (strstr(said, why) == NULL)
        fail_msg("not \"%s\" but \"%s\"", why, said);
}

static const struct body_field body[] = {{.name = "a", .type = BODY_STRING, .max = 1}, {0}};
static const struct query_field query[] = {{.name = "state", .type = QUERY_TEXT}, {0}};

/* A sound route, in which each test makes one thing wrong. */
static struct route a_route(void)
{
    return (struct route){
        .method = "GET",
        .path = "/x/:x_id",
        .scope = SCOPE_APPS_READ,
        .ok_status = 200,
        .stmt = &two_params,
        .bind = {"tenant", ":x_id"},
    };
}

static void test_sound_tables_are_accepted(void **state)
{
    struct route route = a_route();

    (void)state;
    expect_sound(route);
    route.path = "/x";
    route.query = query;
    route.bind[1] = "?state";
    expect_sound(route);
    route.is_list = true;
    route.bind[1] = "?cursor";
    expect_sound(route);
    route.bind[1] = "=made";
    route.prepare = prepare;
    expect_sound(route);
    route.bind[1] = "body";
    route.body = body;
    expect_sound(route);
    route.bind[1] = "partner";
    route.ok_status = 201;
    route.location = "/x/";
    expect_sound(route);
}

static void test_a_forgotten_scope_is_refused(void **state)
{
    struct route route = a_route();

    (void)state;
    route.scope = 0;
    expect_refused(route, "route GET /x/:x_id: no scope");
}

static void test_a_status_that_is_no_success_is_refused(void **state)
{
    static const int statuses[] = {0, 199, 300, 404};

    (void)state;
    for (size_t i = 0; i < HK_COUNTOF(statuses); i++) {
        struct route route = a_route();

        route.ok_status = statuses[i];
        expect_refused(route, "no status");
    }
}

static void test_a_route_has_a_statement_or_a_handle(void **state)
{
    struct route route = a_route();

    (void)state;
    route.handle = handle;
    expect_refused(route, "a statement or a handle");
    route.handle = NULL;
    route.stmt = NULL;
    expect_refused(route, "a statement or a handle");
}

static void test_a_location_wants_201(void **state)
{
    struct route route = a_route();

    (void)state;
    route.location = "/x/";
    route.method = "PUT"; /* 201 when it creates */
    expect_sound(route);
    route.method = "GET";
    expect_refused(route, "a location without 201");
}

static void test_the_bindings_are_as_many_as_the_parameters(void **state)
{
    struct route route = a_route();

    (void)state;
    route.stmt = &one_param;
    expect_refused(route, "number of bindings is not the statement's: one_param");
    route = a_route();
    route.bind[1] = NULL;
    expect_refused(route, "number of bindings is not the statement's: two_params");
}

static void test_the_tenant_is_bound_first(void **state)
{
    struct route route = a_route();

    (void)state;
    route.bind[0] = ":x_id";
    route.bind[1] = "tenant";
    expect_refused(route, "the first binding must be \"tenant\"");
}

static void test_a_patch_binds_if_match(void **state)
{
    struct route route = a_route();

    (void)state;
    route.method = "PATCH";
    expect_refused(route, "a PATCH that does not bind \"if_match\"");
    route.path = "/x";
    route.bind[1] = "if_match";
    expect_sound(route);
}

static void test_an_unknown_binding_is_refused(void **state)
{
    static const char *const binds[] = {":other_id", "?state", "?limit", "=made",
                                        "body",      "Tenant", "",       "x_id"};

    (void)state;
    for (size_t i = 0; i < HK_COUNTOF(binds); i++) {
        struct route route = a_route();

        route.bind[1] = binds[i];
        expect_refused(route, "an unknown binding");
    }
}

static void test_a_part_of_the_path_that_nothing_binds_is_refused(void **state)
{
    struct route route = a_route();

    (void)state;
    route.path = "/x/:x_id/:y_id";
    expect_refused(route, "a path parameter that nothing binds");
}

static void test_a_body_that_is_not_limited_is_refused(void **state)
{
    static const struct {
        struct body_field field;
        const char *why;
    } cases[] = {
        {{.name = "a"}, "a body field without a type: a"},
        {{.name = "a", .type = BODY_STRING}, "a body field without a maximum: a"},
        {{.name = "a", .type = BODY_INTEGER}, "a body field without a maximum: a"},
        {{.name = "a", .type = BODY_STRING_LIST}, "a body field without a maximum: a"},
        {{.name = "a", .type = BODY_MAP}, "a body field without a maximum: a"},
        {{.name = "a", .type = BODY_ANY}, "a body field without a maximum: a"},
        {{.name = "a", .type = BODY_OBJECT_LIST, .fields = body}, "without a maximum: a"},
        {{.name = "a", .type = BODY_OBJECT}, "fields do not fit its type: a"},
        {{.name = "a", .type = BODY_OBJECT_LIST, .max = 1}, "fields do not fit its type: a"},
        {{.name = "a", .type = BODY_STRING, .max = 1, .fields = body}, "do not fit its type: a"},
    };

    (void)state;
    for (size_t i = 0; i < HK_COUNTOF(cases); i++) {
        struct body_field inner[] = {cases[i].field, {0}};
        struct body_field outer[] = {{.name = "o", .type = BODY_OBJECT, .fields = inner}, {0}};
        struct route route = a_route();

        route.body = inner;
        expect_refused(route, cases[i].why);
        route.body = outer;
        expect_refused(route, cases[i].why);
    }
}

static void test_a_scope_has_a_name(void **state)
{
    (void)state;
    assert_string_equal(auth_scope_name(SCOPE_PUBLIC), "public");
    assert_string_equal(auth_scope_name(SCOPE_EVENT_TYPES_WRITE), "event_types:write");
    assert_string_equal(auth_scope_name(SCOPE_MESSAGES_RESEND), "messages:resend");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_path_finds_its_route),
        cmocka_unit_test(test_parts_of_a_path_are_named_and_stay_encoded),
        cmocka_unit_test(test_head_finds_what_get_finds),
        cmocka_unit_test(test_a_path_that_is_not_declared_is_not_found),
        cmocka_unit_test(test_another_method_is_told_which_there_are),
        cmocka_unit_test(test_sound_tables_are_accepted),
        cmocka_unit_test(test_a_forgotten_scope_is_refused),
        cmocka_unit_test(test_a_status_that_is_no_success_is_refused),
        cmocka_unit_test(test_a_route_has_a_statement_or_a_handle),
        cmocka_unit_test(test_a_location_wants_201),
        cmocka_unit_test(test_the_bindings_are_as_many_as_the_parameters),
        cmocka_unit_test(test_the_tenant_is_bound_first),
        cmocka_unit_test(test_a_patch_binds_if_match),
        cmocka_unit_test(test_an_unknown_binding_is_refused),
        cmocka_unit_test(test_a_part_of_the_path_that_nothing_binds_is_refused),
        cmocka_unit_test(test_a_body_that_is_not_limited_is_refused),
        cmocka_unit_test(test_a_scope_has_a_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
