/* SPDX-License-Identifier: Apache-2.0 */
/* The tables that the server starts with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api/http/route.h"

static const struct route *next_route(size_t *table, size_t *row)
{
    while (route_tables[*table] != NULL) {
        const struct route *route = &route_tables[*table][*row];

        ++*row;
        if (route->method != NULL)
            return route;
        ++*table;
        *row = 0;
    }
    return NULL;
}

/* Declares `route`. */
#define FOR_EACH_ROUTE                                                                             \
    size_t table = 0, row = 0;                                                                     \
    for (const struct route *route; (route = next_route(&table, &row)) != NULL;)

static void test_no_table_contradicts_itself(void **state)
{
    (void)state;
    assert_true(route_check_all());
}

/* No row hides another: each is what its own method and path find. */
static void test_every_route_is_found_by_its_own_path(void **state)
{
    struct route_match match;
    char allow[64];
    unsigned n = 0;

    (void)state;
    FOR_EACH_ROUTE
    {
        assert_int_equal(route_find(hk_str(route->method), hk_str(route->path), &match, allow),
                         HK_OK);
        if (match.route != route)
            fail_msg("%s %s is hidden by %s", route->method, route->path, match.route->path);
        n++;
    }
    assert_in_range(n, 40, 200);
}

/* Who signs in has proved nothing yet. */
static bool is_way_in(const struct route *route)
{
    return strcmp(route->path, "/v1/password") == 0 ||
           (strcmp(route->path, "/v1/session") == 0 && strcmp(route->method, "POST") == 0);
}

static void test_only_health_the_api_description_and_the_ways_in_are_public(void **state)
{
    (void)state;
    FOR_EACH_ROUTE
    {
        static const char *const paths[] = {"/v1/", "/notifications/",
                                            "/events/"}; /* and Basiq's */
        bool is_service = true;

        for (size_t i = 0; i < HK_COUNTOF(paths); i++)
            is_service &= strncmp(route->path, paths[i], strlen(paths[i])) != 0;

        if ((route->scope == SCOPE_PUBLIC) != (is_service || is_way_in(route)))
            fail_msg("%s %s", route->method, route->path);
    }
}

static void test_what_partners_may_call_is_limited_to_their_apps(void **state)
{
    (void)state;
    FOR_EACH_ROUTE
    {
        bool is_partners =
            route->scope == SCOPE_APPS_READ || route->scope == SCOPE_APPS_WRITE ||
            route->scope == SCOPE_CONNECTIONS_READ || route->scope == SCOPE_SUBSCRIPTIONS_READ ||
            route->scope == SCOPE_SUBSCRIPTIONS_WRITE || route->scope == SCOPE_SECRETS_MANAGE ||
            route->scope == SCOPE_EVENTS_READ || route->scope == SCOPE_MESSAGES_READ;

        if (is_partners && (route->bind[1] == NULL || strcmp(route->bind[1], "partner") != 0))
            fail_msg("%s %s does not bind the partner", route->method, route->path);
    }
}

/* Many at once have none; the caller's session has no id; nor has a key a path for operators. */
static bool has_no_path(const struct route *route)
{
    static const char *const paths[] = {"/v1/apps/:app_id/connections", "/v1/session",
                                        "/v1/tenants/:tenant_id/keys"};

    for (size_t i = 0; i < HK_COUNTOF(paths); i++) {
        if (strcmp(route->path, paths[i]) == 0)
            return true;
    }
    return false;
}

static void test_every_creation_has_a_location_if_it_has_a_path(void **state)
{
    (void)state;
    FOR_EACH_ROUTE
    {
        if (route->ok_status == 201 && !has_no_path(route) && route->location == NULL)
            fail_msg("%s %s", route->method, route->path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_table_contradicts_itself),
        cmocka_unit_test(test_every_route_is_found_by_its_own_path),
        cmocka_unit_test(test_only_health_the_api_description_and_the_ways_in_are_public),
        cmocka_unit_test(test_what_partners_may_call_is_limited_to_their_apps),
        cmocka_unit_test(test_every_creation_has_a_location_if_it_has_a_path),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
