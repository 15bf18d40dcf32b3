/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two changes of what is configured at the same time: none gets past a cap, none undoes what the
 * other forbids, and none waits for the other in a circle. Each is a session of the test.
 */
#include "tests/concurrency/sessions.h"
#include "tests/support/message.h"

#define sql(h, ...) http_text((h)->http, __VA_ARGS__)

/* The first value of the first row. */
static const char *session_text(struct harness *h, PGconn *session, PGresult *result)
{
    const char *text;

    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        fail_msg("%s", PQerrorMessage(session));
    text = sql(h, "%s", PQgetvalue(result, 0, 0));
    PQclear(result);
    return text;
}

static const char *ask(struct harness *h, PGconn *session, const char *statement)
{
    return session_text(h, session, PQexec(session, statement));
}

static void ask_later(PGconn *session, const char *statement)
{
    assert_int_equal(PQsendQuery(session, statement), 1);
}

static const char *answer(struct harness *h, PGconn *session)
{
    const char *text = session_text(h, session, PQgetResult(session));

    assert_null(PQgetResult(session));
    return text;
}

static const char *create_subscription(struct harness *h, const struct tenant *t,
                                       const char *app_id, const char *scheme)
{
    return sql(h,
               "SELECT code FROM subscription_create('%s', 'acme', '%s', '{\"url\":"
               " \"%s://receiver.example/hook\", \"event_types\": [\"*\"]}', "
               "json_build_object('id', uuid_v7(), 'v1',"
               " json_build_object('id', uuid_v7(), 'secret', 'whsec_test')), %s)",
               t->id, app_id, scheme, strcmp(scheme, "http") == 0 ? "'must be https'" : "NULL");
}

/* Both calls at once: the second waits for the first, and is refused. */
static void expect_room_for_one(struct harness *h, struct tenant *t, const char *statement)
{
    PGconn *first = session_api(h, t), *second = session_api(h, t);

    session_run(first, "BEGIN");
    assert_string_equal(ask(h, first, statement), "");
    ask_later(second, statement);
    session_wait_blocked(h, second);
    session_run(first, "COMMIT");
    assert_string_equal(answer(h, second), "conflict");
    PQfinish(first);
    PQfinish(second);
}

static void test_an_app_has_50_subscriptions_whoever_comes_at_once(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *app_id = given_app(h, t, "acme");
    PGconn *api = session_api(h, t);

    for (unsigned i = 0; i < 49; i++)
        assert_string_equal(ask(h, api, create_subscription(h, t, app_id, "https")), "");
    PQfinish(api);
    expect_room_for_one(h, t, create_subscription(h, t, app_id, "https"));
}

static void test_a_partner_has_100_apps_whoever_comes_at_once(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *statement =
        sql(h, "SELECT code FROM app_create('%s', 'acme', '{\"name\": \"A\"}', NULL, NULL)", t->id);
    PGconn *api = session_api(h, t);

    for (unsigned i = 0; i < 99; i++)
        assert_string_equal(ask(h, api, statement), "");
    PQfinish(api);
    expect_room_for_one(h, t, statement);
}

/* ---- a tenant that is being stopped ---- */

static void test_nobody_subscribes_to_http_while_it_is_being_forbidden(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *app_id = given_app(h, t, "acme");
    PGconn *host = session_api(h, t), *partner = session_api(h, t);

    session_run(host, "BEGIN");
    assert_string_equal(ask(h, host,
                            sql(h,
                                "SELECT code FROM tenant_update('%s', '{\"allow_http\": false}',"
                                " NULL)",
                                t->id)),
                        "");
    ask_later(partner, create_subscription(h, t, app_id, "http"));
    session_wait_blocked(h, partner);
    session_run(host, "COMMIT");
    assert_string_equal(answer(h, partner), "invalid_body");
    PQfinish(host);
    PQfinish(partner);
}

static void test_nothing_becomes_active_while_its_tenant_is_being_suspended(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct subscription s = given_story(h, t, "/hook");
    PGconn *host = session_api(h, t), *partner = session_api(h, t);

    session_run(host, "BEGIN");
    assert_string_equal(ask(h, host,
                            sql(h,
                                "SELECT code FROM tenant_update('%s', '{\"state\": \"suspended\"}',"
                                " NULL)",
                                t->id)),
                        "");
    ask_later(partner,
              sql(h, "SELECT code FROM subscription_resume('%s', 'acme', '%s')", t->id, s.id));
    session_wait_blocked(h, partner);
    session_run(host, "COMMIT");
    assert_string_equal(answer(h, partner), "conflict");
    assert_string_equal(
        ask(h, partner,
            create_subscription(h, t, db_text(h, "SELECT id FROM hookline.app"), "https")),
        "conflict");
    assert_string_equal(db_text(h, "SELECT string_agg(state, ',') FROM hookline.subscription"),
                        "held");
    PQfinish(host);
    PQfinish(partner);
}

/* ---- companies ---- */

static const char *company_id(struct harness *h)
{
    return db_text(h, "SELECT id FROM hookline.company WHERE external_id = 'c1'");
}

static const char *connect_c1(struct harness *h, const struct tenant *t, const char *app_id)
{
    return sql(h,
               "SELECT code FROM connection_connect('%s', '%s', '{\"companies\":"
               " [{\"company\": \"c1\"}]}')",
               t->id, app_id);
}

static void test_a_company_that_is_being_connected_is_archived_afterwards(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *app_id = given_app(h, t, "acme");
    PGconn *one = session_api(h, t), *other = session_api(h, t);

    (void)given_company(h, t, "c1");
    session_run(one, "BEGIN");
    assert_string_equal(ask(h, one, connect_c1(h, t, app_id)), "created");
    ask_later(other,
              sql(h, "SELECT code FROM company_archive('%s', '%s', NULL)", t->id, company_id(h)));
    session_wait_blocked(h, other);
    session_run(one, "COMMIT");
    assert_string_equal(answer(h, other), "");
    assert_string_equal(db_text(h, "SELECT state FROM hookline.connection"), "disconnected");
    PQfinish(one);
    PQfinish(other);
}

static void test_a_company_that_is_being_archived_is_not_connected(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *app_id = given_app(h, t, "acme");
    PGconn *one = session_api(h, t), *other = session_api(h, t);

    (void)given_company(h, t, "c1");
    session_run(one, "BEGIN");
    assert_string_equal(
        ask(h, one,
            sql(h, "SELECT code FROM company_archive('%s', '%s', NULL)", t->id, company_id(h))),
        "");
    ask_later(other, connect_c1(h, t, app_id));
    session_wait_blocked(h, other);
    session_run(one, "COMMIT");
    assert_string_equal(answer(h, other), "invalid_body");
    assert_int_equal(db_int(h, "SELECT count(*) FROM hookline.connection"), 0);
    PQfinish(one);
    PQfinish(other);
}

/* The import has made "a" when it comes to "c1", which the archiving holds and then counts off. */
static void test_an_import_and_an_archiving_do_not_wait_in_a_circle(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    PGconn *importer = session_api(h, t), *archiver = session_api(h, t);

    (void)given_company(h, t, "c1");
    session_run(archiver, "BEGIN");
    session_run(archiver, "SELECT FROM company WHERE external_id = 'c1' FOR NO KEY UPDATE");
    ask_later(importer, sql(h,
                            "SELECT code FROM company_import('%s', '{\"companies\":"
                            " [{\"external_id\": \"a\", \"name\": \"A\"},"
                            " {\"external_id\": \"c1\", \"name\": \"C\"}]}')",
                            t->id));
    session_wait_blocked(h, importer);
    assert_string_equal(
        ask(h, archiver,
            sql(h, "SELECT code FROM company_archive('%s', '%s', NULL)", t->id, company_id(h))),
        "");
    session_run(archiver, "COMMIT");
    assert_string_equal(answer(h, importer), "");
    assert_int_equal(db_int(h, "SELECT used FROM hookline.quota_use WHERE kind = 'companies'"), 2);
    PQfinish(importer);
    PQfinish(archiver);
}

#define configuration_test(fn) harness_test(fn, .has_no_worker = true)

int main(void)
{
    const struct CMUnitTest tests[] = {
        configuration_test(test_an_app_has_50_subscriptions_whoever_comes_at_once),
        configuration_test(test_a_partner_has_100_apps_whoever_comes_at_once),
        configuration_test(test_nobody_subscribes_to_http_while_it_is_being_forbidden),
        configuration_test(test_nothing_becomes_active_while_its_tenant_is_being_suspended),
        configuration_test(test_a_company_that_is_being_connected_is_archived_afterwards),
        configuration_test(test_a_company_that_is_being_archived_is_not_connected),
        configuration_test(test_an_import_and_an_archiving_do_not_wait_in_a_circle),
    };

    return cmocka_run_group_tests_name("configuration", tests, NULL, NULL);
}
