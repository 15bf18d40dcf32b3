/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever is wrong with a request: a problem that says where, and not a row has changed. */
#include <string.h>

#include "tests/support/check.h"

/* Who asks, and the ids that stand for APP, SUB and CON in the paths of the cases below. */
struct world {
    struct tenant *t; /* http:// is not allowed */
    const char *app, *subscription, *connection;
};

static void post(struct harness *h, const char *key, int status, const char *path, const char *body,
                 struct reply *ret)
{
    *ret = api_send(h, key, "POST", path, hk_str(body), NULL);
    assert_status(*ret, status);
}

static struct world given_world(struct harness *h)
{
    struct world w = {.t = given_tenant(h)};
    struct reply reply;

    given_event_type(h, w.t, "order.paid");
    (void)given_company(h, w.t, "c1");
    (void)given_company(h, w.t, "c2");
    post(h, w.t->admin, 201, "/v1/apps",
         "{\"name\": \"a\", \"partner\": \"acme\", \"custom_fields\": ["
         "{\"key\": \"code\", \"type\": \"text\", \"max_length\": 3},"
         "{\"key\": \"n\", \"type\": \"number\"}, {\"key\": \"d\", \"type\": \"date\"},"
         "{\"key\": \"b\", \"type\": \"boolean\"},"
         "{\"key\": \"kind\", \"type\": \"choice\", \"choices\": [\"x\", \"y\"]}]}",
         &reply);
    w.app = reply_text(&reply, "id");
    w.connection = given_connection(h, w.t, w.app, "c1");
    w.subscription = given_subscription(h, w.t, w.app, "/a", "order.paid").id;
    reply = api_call(h, h->operator_key, "PATCH", http_text(h->http, "/v1/tenants/%s", w.t->id),
                     "{\"allow_http\": false}");
    assert_status(reply, 200);
    return w;
}

static const char *with_ids(struct harness *h, const struct world *w, const char *request)
{
    const struct {
        const char *word, *id;
    } ids[] = {
        {"APP", w->app}, {"SUB", w->subscription}, {"CON", w->connection}, {"TEN", w->t->id}};

    for (size_t i = 0; i < HK_COUNTOF(ids); i++) {
        const char *at = strstr(request, ids[i].word);

        if (at != NULL)
            return http_text(h->http, "%.*s%s%s", (int)(at - request), request, ids[i].id, at + 3);
    }
    return request;
}

struct bad_case {
    const char *request; /* "POST /v1/apps" */
    struct hk_str body;
    int status;
    const char *slug, *pointer; /* pointer NULL: none is wanted */
};

static void expect_all_refused(struct harness *h, const struct world *w, const char *key,
                               const struct bad_case *cases, size_t n)
{
    for (size_t i = 0; i < n; i++)
        expect_refused(h, key, with_ids(h, w, cases[i].request), cases[i].body, cases[i].status,
                       cases[i].slug, cases[i].pointer);
}

#define EXPECT_ALL_REFUSED(h, w, key, cases)                                                       \
    expect_all_refused((h), &(w), (key), (cases), HK_COUNTOF(cases))

#define MALFORMED(request, body)                                                                   \
    {                                                                                              \
        (request), HK_STR(body), 400, "malformed_json", NULL                                       \
    }
#define INVALID(request, body, pointer)                                                            \
    {                                                                                              \
        (request), HK_STR(body), 422, "invalid_body", (pointer)                                    \
    }

/* ---- what is no JSON, or JSON of no use ---- */

static const struct bad_case malformed[] = {
    MALFORMED("POST /v1/companies", ""),
    MALFORMED("POST /v1/companies", "{"),
    MALFORMED("POST /v1/companies", "{\"external_id\":\"x\",\"name\":\"y\"}}"),
    MALFORMED("POST /v1/companies", "{'external_id':'x','name':'y'}"),
    MALFORMED("POST /v1/companies", "{\"external_id\":\"x\",\"name\":\"y\",}"),
    MALFORMED("POST /v1/companies", "\xef\xbb\xbf{\"external_id\":\"x\",\"name\":\"y\"}"),
    MALFORMED("POST /v1/companies", "{\"external_id\":\"x\",\"name\":\"\xff\"}"),
    MALFORMED("POST /v1/companies", "{\"external_id\":\"x\",\"name\":\"\xc0\xaf\"}"),
    MALFORMED("POST /v1/companies", "{\"external_id\":\"x\",\"name\":\"\\ud800\"}"),
    MALFORMED("POST /v1/companies", "{\"external_id\":\"x\",\"name\":\"a\nb\"}"),
    MALFORMED("POST /v1/companies", "{\"external_id\":\"x\",\"name\":\"y\0\"}"),
    MALFORMED("POST /v1/companies", "{\"external_id\":\"x\",\"name\":\"y\"}\0"),
    MALFORMED("POST /v1/companies", "external_id=x&name=y"),
    INVALID("POST /v1/companies", "[]", ""),
    INVALID("POST /v1/companies", "null", ""),
    INVALID("POST /v1/companies", "\"x\"", ""),
    INVALID("POST /v1/companies", "{\"external_id\":\"x\",\"name\":\"y\\u0000\"}", "/name"),
    INVALID("POST /v1/companies", "{\"external_id\":\"x\",\"name\":\"y\",\"name\":\"z\"}", "/name"),
    INVALID("POST /v1/companies", "{\"external_id\":\"x\",\"name\":\"y\",\"n\\u0061me\":\"z\"}",
            "/name"),
    INVALID("POST /v1/event_types", "{\"name\":\"x\",\"sample\":{\"a\":[{\"b\":1,\"b\":2}]}}",
            "/sample/a/0/b"),
    INVALID("POST /v1/event_types", "{\"name\":\"x\",\"sample\":1e999}", "/sample"),
    INVALID("POST /v1/connections/CON/pause", "{}", ""), /* takes no body */
};

static void test_bad_json_is_refused(void **state)
{
    struct harness *h = *state;
    struct world w = given_world(h);

    EXPECT_ALL_REFUSED(h, w, w.t->admin, malformed);
}

/* ---- members ---- */

static const struct bad_case members[] = {
    INVALID("POST /v1/companies", "{\"external_id\":\"x\",\"name\":\"y\",\"nmae\":\"z\"}", "/nmae"),
    INVALID("POST /v1/companies", "{\"external_id\":\"x\",\"name\":\"y\",\"a/b\":1}", "/a~1b"),
    INVALID("POST /v1/companies", "{\"external_id\":\"x\"}", "/name"),
    INVALID("POST /v1/companies", "{\"external_id\":\"\",\"name\":\"y\"}", "/external_id"),
    INVALID("POST /v1/companies", "{\"external_id\":7,\"name\":\"y\"}", "/external_id"),
    INVALID("POST /v1/companies", "{\"external_id\":null,\"name\":\"y\"}", "/external_id"),
    INVALID("PATCH /v1/apps/APP", "{\"name\":\"\"}", "/name"),
    INVALID("PATCH /v1/apps/APP", "{\"partner\":\"other\"}", "/partner"),
    INVALID("PATCH /v1/apps/APP", "{\"name\":[\"x\"]}", "/name"),
    INVALID("POST /v1/apps", "{\"name\":\"x\"}", "/partner"),
    INVALID("POST /v1/apps",
            "{\"name\":\"x\",\"partner\":\"p\",\"subscription\":{\"url\":\"https://e.com/\"}}",
            "/subscription/event_types"),
    INVALID("POST /v1/event_types", "{\"name\":\"a b\"}", "/name"),
    INVALID("POST /v1/event_types", "{\"name\":\".a\"}", "/name"),
    INVALID("POST /v1/event_types", "{\"name\":\"a-\"}", "/name"),
    INVALID("POST /v1/event_types", "{\"name\":\"x\",\"enrichable\":\"true\"}", "/enrichable"),
    INVALID("POST /v1/event_types", "{\"name\":\"x\",\"attributes\":[]}", "/attributes"),
    INVALID("POST /v1/event_types", "{\"name\":\"x\",\"attributes\":{\"a\":7}}", "/attributes/a"),
    INVALID("POST /v1/event_types", "{\"name\":\"x\",\"attributes\":{\"a b\":\"$.a\"}}",
            "/attributes/a b"),
    INVALID("POST /v1/event_types", "{\"name\":\"x\",\"attributes\":{\"a\":\"$\"}}",
            "/attributes/a"),
    INVALID("POST /v1/event_types", "{\"name\":\"x\",\"attributes\":{\"a\":\"$.**\"}}",
            "/attributes/a"),
    INVALID("POST /v1/event_types",
            "{\"name\":\"x\",\"attributes\":{\"a\":\"$.a) || exists($.b\"}}", "/attributes/a"),
    INVALID("PATCH /v1/event_types/order.paid", "{\"state\":\"gone\"}", "/state"),
    INVALID("PATCH /v1/event_types/order.paid", "{\"name\":\"x\"}", "/name"),
    INVALID("POST /v1/keys", "{\"name\":\"x\",\"role\":\"operator\"}", "/role"),
    INVALID("POST /v1/keys", "{\"name\":\"x\",\"role\":\"owner\"}", "/role"),
    INVALID("POST /v1/keys", "{\"name\":\"x\",\"role\":\"partner\"}", "/partner"),
    INVALID("POST /v1/keys", "{\"name\":\"x\",\"role\":\"receiver\",\"partner\":null}", "/partner"),
    INVALID("POST /v1/keys", "{\"name\":\"x\",\"role\":\"admin\",\"partner\":\"p\"}", "/partner"),
    INVALID("POST /v1/keys",
            "{\"name\":\"x\",\"role\":\"admin\",\"expires_at\":\"2020-01-01T00:00:00Z\"}",
            "/expires_at"),
    INVALID("POST /v1/keys", "{\"name\":\"x\",\"role\":\"admin\",\"expires_at\":\"tomorrow\"}",
            "/expires_at"),
    INVALID("POST /v1/keys",
            "{\"name\":\"x\",\"role\":\"admin\",\"expires_at\":\"2027-02-29T00:00:00Z\"}",
            "/expires_at"),
};

static void test_a_member_at_fault_is_pointed_at(void **state)
{
    struct harness *h = *state;
    struct world w = given_world(h);

    EXPECT_ALL_REFUSED(h, w, w.t->admin, members);
}

static void test_a_partner_registers_apps_for_itself_only(void **state)
{
    static const struct bad_case cases[] = {
        INVALID("POST /v1/apps", "{\"name\":\"x\",\"partner\":\"other\"}", "/partner"),
    };
    struct harness *h = *state;
    struct world w = given_world(h);

    EXPECT_ALL_REFUSED(h, w, w.t->partner, cases);
}

static void test_operators_are_told_as_well(void **state)
{
    static const struct bad_case cases[] = {
        INVALID("POST /v1/tenants", "{}", "/name"),
        INVALID("POST /v1/tenants", "{\"name\":\"x\",\"cell\":\"c2\"}", "/cell"),
        INVALID("POST /v1/tenants", "{\"name\":\"x\",\"allow_http\":1}", "/allow_http"),
        INVALID("PATCH /v1/tenants/TEN", "{\"state\":\"deleted\"}", "/state"),
        INVALID("POST /v1/tenants/TEN/keys", "{\"name\":\"x\",\"role\":\"admin\"}", "/role"),
    };
    struct harness *h = *state;
    struct world w = given_world(h);

    EXPECT_ALL_REFUSED(h, w, h->operator_key, cases);
}

/* ---- destinations ---- */

#define SUBSCRIBE(url, pointer)                                                                    \
    INVALID("POST /v1/apps/APP/subscriptions",                                                     \
            "{\"event_types\":[\"order.paid\"],\"url\":\"" url "\"}", pointer)

static const struct bad_case destinations[] = {
    SUBSCRIBE("http://example.com/hook", "/url"), /* BC-08 */
    SUBSCRIBE("HTTP://example.com/hook", "/url"),
    SUBSCRIBE("https://10.0.0.1/hook", "/url"),
    SUBSCRIBE("https://127.0.0.1/hook", "/url"),
    SUBSCRIBE("https://192.168.1.1:8443/hook", "/url"),
    SUBSCRIBE("https://169.254.169.254/latest/meta-data", "/url"),
    SUBSCRIBE("https://0.0.0.0/", "/url"),
    SUBSCRIBE("https://[::1]/hook", "/url"),
    SUBSCRIBE("https://[fd00::1]/hook", "/url"),
    SUBSCRIBE("https://[::ffff:10.0.0.1]/hook", "/url"),
    SUBSCRIBE("https://localhost/hook", "/url"),
    SUBSCRIBE("https://2130706433/", "/url"),
    SUBSCRIBE("https://0x7f.1/", "/url"),
    SUBSCRIBE("https://metadata.google.internal/", "/url"),
    SUBSCRIBE("https://user:pass@example.com/", "/url"),
    SUBSCRIBE("https://example.com:22/", "/url"),
    SUBSCRIBE("ftp://example.com/", "/url"),
    SUBSCRIBE("example.com", "/url"),
    SUBSCRIBE("", "/url"),
    INVALID("PATCH /v1/subscriptions/SUB", "{\"url\":\"http://example.com/\"}", "/url"),
    INVALID("PATCH /v1/subscriptions/SUB", "{\"url\":\"https://10.0.0.1/\"}", "/url"),
    INVALID("POST /v1/apps",
            "{\"name\":\"x\",\"partner\":\"p\",\"subscription\":{\"event_types\":[\"order.paid\"],"
            "\"url\":\"http://example.com/\"}}",
            "/subscription/url"),
    INVALID("POST /v1/apps",
            "{\"name\":\"x\",\"partner\":\"p\",\"subscription\":{\"event_types\":[\"order.paid\"],"
            "\"url\":\"https://10.0.0.1/\"}}",
            "/subscription/url"),
};

static void test_BC_08_http_and_private_addresses_are_no_destinations(void **state)
{
    struct harness *h = *state;
    struct world w = given_world(h);

    EXPECT_ALL_REFUSED(h, w, w.t->admin, destinations);
}

/* ---- subscriptions, custom fields, values ---- */

#define URL "\"url\":\"https://e.com/\","

static const struct bad_case subscriptions[] = {
    INVALID("POST /v1/apps/APP/subscriptions", "{" URL "\"event_types\":[]}", "/event_types"),
    INVALID("POST /v1/apps/APP/subscriptions", "{" URL "\"event_types\":\"order.paid\"}",
            "/event_types"),
    INVALID("POST /v1/apps/APP/subscriptions", "{" URL "\"event_types\":[\"order.paid\",\"lost\"]}",
            "/event_types/1"), /* BQ-08 */
    INVALID("POST /v1/apps/APP/subscriptions", "{" URL "\"event_types\":[\"order.paid\",7]}",
            "/event_types/1"),
    INVALID("PATCH /v1/subscriptions/SUB", "{\"event_types\":[\"lost\"]}", "/event_types/0"),
    INVALID("PATCH /v1/subscriptions/SUB", "{\"profile\":\"other\"}", "/profile"),
    INVALID("PATCH /v1/subscriptions/SUB", "{\"timeout_ms\":999}", "/timeout_ms"),
    INVALID("PATCH /v1/subscriptions/SUB", "{\"timeout_ms\":30001}", "/timeout_ms"),
    INVALID("PATCH /v1/subscriptions/SUB", "{\"timeout_ms\":1000.5}", "/timeout_ms"),
    INVALID("PATCH /v1/subscriptions/SUB", "{\"timeout_ms\":\"2000\"}", "/timeout_ms"),
    INVALID("PATCH /v1/subscriptions/SUB", "{\"credentials\":{\"username\":\"u\"}}",
            "/credentials/password"),
    INVALID("PATCH /v1/subscriptions/SUB",
            "{\"credentials\":{\"username\":\"u:v\",\"password\":\"p\"}}", "/credentials/username"),
    INVALID("PATCH /v1/subscriptions/SUB",
            "{\"credentials\":{\"username\":\"u\",\"password\":\"p\\r\\nX: y\"}}",
            "/credentials/password"),
    INVALID("POST /v1/subscriptions/SUB/revive", "{\"messages\":1}", "/messages"),
};

static void test_bad_subscriptions_are_refused(void **state)
{
    struct harness *h = *state;
    struct world w = given_world(h);

    EXPECT_ALL_REFUSED(h, w, w.t->partner, subscriptions);
}

static const struct bad_case fields[] = {
    INVALID("POST /v1/apps/APP/custom_fields", "{\"key\":\"1a\",\"type\":\"text\"}", "/key"),
    INVALID("POST /v1/apps/APP/custom_fields", "{\"key\":\"a-b\",\"type\":\"text\"}", "/key"),
    INVALID("POST /v1/apps/APP/custom_fields", "{\"key\":\"a\",\"type\":\"list\"}", "/type"),
    INVALID("POST /v1/apps/APP/custom_fields", "{\"key\":\"a\",\"type\":\"choice\"}", "/choices"),
    INVALID("POST /v1/apps/APP/custom_fields",
            "{\"key\":\"a\",\"type\":\"text\",\"choices\":[\"x\"]}", "/choices"),
    INVALID("POST /v1/apps/APP/custom_fields", "{\"key\":\"a\",\"type\":\"text\",\"max_length\":0}",
            "/max_length"),
    INVALID(
        "POST /v1/apps",
        "{\"name\":\"x\",\"partner\":\"p\",\"custom_fields\":[{\"key\":\"a\",\"type\":\"text\"},"
        "{\"key\":\"a\",\"type\":\"text\"}]}",
        "/custom_fields/1/key"),
};

#define CONNECT(companies, pointer)                                                                \
    INVALID("POST /v1/apps/APP/connections", "{\"companies\":" companies "}", pointer)

static const struct bad_case connections[] = {
    CONNECT("[]", "/companies"),
    CONNECT("[{}]", "/companies/0/company"),
    CONNECT("[{\"company\":\"c2\"},{\"company\":\"nobody\"}]", "/companies/1/company"),
    CONNECT("[{\"company\":\"c2\"},{\"company\":\"c2\"}]", "/companies/1/company"),
    CONNECT("[{\"company\":\"c2\",\"values\":{\"other\":1}}]", "/companies/0/values/other"),
    CONNECT("[{\"company\":\"c2\",\"values\":{\"code\":7}}]", "/companies/0/values/code"),
    CONNECT("[{\"company\":\"c2\",\"values\":{\"code\":\"four\"}}]", "/companies/0/values/code"),
    CONNECT("[{\"company\":\"c2\",\"values\":{\"kind\":\"z\"}}]", "/companies/0/values/kind"),
    CONNECT("[{\"company\":\"c2\",\"values\":{\"code\":{}}}]", "/companies/0/values/code"),
    INVALID("PATCH /v1/connections/CON", "{}", "/values"),
    INVALID("PATCH /v1/connections/CON", "{\"values\":{\"n\":\"1\"}}", "/values/n"),
    INVALID("PATCH /v1/connections/CON", "{\"values\":{\"d\":\"2026-02-30\"}}", "/values/d"),
    INVALID("PATCH /v1/connections/CON", "{\"values\":{\"b\":\"true\"}}", "/values/b"),
    INVALID("PATCH /v1/connections/CON", "{\"values\":{\"b\":0}}", "/values/b"),
};

static void test_bad_fields_and_values_are_refused(void **state)
{
    struct harness *h = *state;
    struct world w = given_world(h);

    EXPECT_ALL_REFUSED(h, w, w.t->admin, fields);
    EXPECT_ALL_REFUSED(h, w, w.t->admin, connections);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_bad_json_is_refused, .has_no_worker = true),
        harness_test(test_a_member_at_fault_is_pointed_at, .has_no_worker = true),
        harness_test(test_a_partner_registers_apps_for_itself_only, .has_no_worker = true),
        harness_test(test_operators_are_told_as_well, .has_no_worker = true),
        harness_test(test_BC_08_http_and_private_addresses_are_no_destinations,
                     .has_no_worker = true),
        harness_test(test_bad_subscriptions_are_refused, .has_no_worker = true),
        harness_test(test_bad_fields_and_values_are_refused, .has_no_worker = true),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
