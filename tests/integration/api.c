/* SPDX-License-Identifier: Apache-2.0 */
/* Every resource once: what is made, shown, changed and ended over REST, and in which shape. */
#include <string.h>

#include "tests/support/check.h"

#define TENANT_MEMBERS                                                                             \
    "id,name,cell,allow_http,allowed_networks,state,base_url,cool_off_s,operational_app_id,"       \
    "retention_payload_days,retention_message_days,retention_attempt_days,retention_max_days,"     \
    "requests_per_second,requests_burst,quotas,created_at,updated_at"
#define KEY_MEMBERS                                                                                \
    "id,name,role,partner,scopes,hint,requests_per_second,requests_burst,created_by,created_at,"   \
    "expires_at,revoked_at,last_used_at"
#define APP_MEMBERS "id,partner,name,description,state,created_at,updated_at,custom_fields"
#define FIELD_MEMBERS                                                                              \
    "key,label,help,type,required,max_length,choices,pattern,minimum,maximum,event_types,"         \
    "position,"                                                                                    \
    "is_sensitive"
#define COMPANY_MEMBERS "id,external_id,name,state,created_at,updated_at"
#define EVENT_TYPE_MEMBERS                                                                         \
    "name,description,schema,sample,validation,enrichable,sensitive_paths,attributes,version,"     \
    "state,created_at,updated_at"
#define CONNECTION_MEMBERS                                                                         \
    "id,app_id,company,state,missing,values,values_version,created_at,updated_at"
#define SUBSCRIPTION_MEMBERS                                                                       \
    "id,app_id,url,description,event_types,filter,profile,overrides,timeout_ms,headers,"           \
    "sensitive_headers,credentials_kind,username,token_url,client_id,scope,client_certificate,"    \
    "rate_per_second,max_in_flight,ordered,"                                                       \
    "ordered_on_failure,active_from,verification,verified_at,verification_error,state,"            \
    "state_reason,state_changed_at,failing_since,created_at,updated_at"
#define EVENT_MEMBERS                                                                              \
    "id,event_type,company,external_id,occurred_at,accepted_at,payload_state,payload_gone_at"
#define MESSAGE_MEMBERS                                                                            \
    "id,event_id,event_type,company,app_id,subscription_id,status,status_reason,attempts,"         \
    "next_attempt_at,origin,backfill_id,replay_id,resend_of,webhook_id,finished_at,created_at"
#define EXPLAINED_MEMBERS MESSAGE_MEMBERS ",gives_up_at,explanation"
#define ATTEMPT_MEMBERS                                                                            \
    "attempt_no,started_at,url,outcome,status_code,duration_us,dns_us,connect_us,tls_us,"          \
    "first_byte_us,remote_address,error,explanation,requests_sent,http_version,tls_version,tls_"   \
    "cipher,"                                                                                      \
    "certificate_expires_at,request_headers,response_headers,response_body,"                       \
    "response_body_encoding,response_truncated,worker"

#define NIL_ID "00000000-0000-0000-0000-000000000000"

/* Calls, and wants this status. */
static struct reply want(struct harness *h, int status, const char *key, const char *method,
                         const char *path, const char *body)
{
    struct reply reply = api_send(h, key, method, path, hk_str(body), NULL);

    assert_status(reply, status);
    return reply;
}

#define at(h, ...) http_text((h)->http, __VA_ARGS__)

/* A 201 with its Location, which shows the same object. */
static void assert_created(struct harness *h, const char *key, const struct reply *reply,
                           const char *members)
{
    const char *location = reply_header(h->http, reply, "location");
    struct reply shown;

    assert_non_null(location);
    shown = want(h, 200, key, "GET", location, NULL);
    assert_members(shown, "", members);
    if (reply_has(&shown, "id"))
        assert_string_equal(reply_text(&shown, "id"), reply_text(reply, "id"));
    assert_true(is_rfc3339_utc(reply_text(&shown, "created_at")));
}

static void test_operators_keep_tenants(void **state)
{
    struct harness *h = *state;
    const char *key = h->operator_key, *path;
    struct reply reply;

    reply = want(h, 201, key, "POST", "/v1/tenants", "{\"name\": \"one\"}");
    assert_members(reply, "", TENANT_MEMBERS ",admin_key");
    assert_true(is_uuid_v7(reply_text(&reply, "id")));
    assert_false(reply_bool(&reply, "allow_http"));
    assert_created(h, key, &reply, TENANT_MEMBERS);
    path = at(h, "/v1/tenants/%s", reply_text(&reply, "id"));

    reply = want(h, 200, key, "PATCH", path, "{\"name\": \"two\", \"allow_http\": true}");
    assert_members(reply, "", TENANT_MEMBERS);
    assert_string_equal(reply_text(&reply, "name"), "two");
    assert_true(reply_bool(&reply, "allow_http"));
    assert_string_equal(reply_text(&reply, "state"), "active");
    reply = want(h, 200, key, "GET", "/v1/tenants", NULL);
    assert_members(reply, "data.0", TENANT_MEMBERS);
}

static void test_a_suspended_tenants_keys_are_not_valid(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *path = at(h, "/v1/tenants/%s", t->id), *key;
    struct reply reply;

    reply = want(h, 201, h->operator_key, "POST", at(h, "/v1/tenants/%s/keys", t->id),
                 "{\"name\": \"second admin\"}");
    assert_members(reply, "", KEY_MEMBERS ",key");
    key = reply_text(&reply, "key");
    (void)want(h, 200, key, "GET", "/v1/apps", NULL);
    (void)want(h, 200, h->operator_key, "PATCH", path, "{\"state\": \"suspended\"}");
    (void)want(h, 401, t->support, "GET", "/v1/apps", NULL); /* never seen: not in the cache */
    (void)want(h, 200, h->operator_key, "PATCH", path, "{\"state\": \"active\"}");
    (void)want(h, 200, t->support, "GET", "/v1/apps", NULL);
}

static void test_the_installation_is_no_tenant(void **state)
{
    struct harness *h = *state;
    const char *key = h->operator_key;
    struct reply reply;

    (void)want(h, 404, key, "GET", "/v1/tenants/" NIL_ID, NULL);
    (void)want(h, 404, key, "PATCH", "/v1/tenants/" NIL_ID, "{\"state\": \"suspended\"}");
    (void)want(h, 404, key, "POST", "/v1/tenants/" NIL_ID "/keys", "{\"name\": \"x\"}");
    reply = want(h, 200, key, "GET", "/v1/tenants", NULL);
    assert_int_equal(reply_count(&reply, "data"), 0);
}

static void test_admins_keep_keys(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *path;
    struct reply reply;

    reply = want(h, 201, t->admin, "POST", "/v1/keys",
                 "{\"name\": \"k\", \"role\": \"partner\", \"partner\": \"acme\","
                 " \"expires_at\": \"2999-01-01T00:00:00Z\"}");
    assert_members(reply, "", KEY_MEMBERS ",key");
    assert_string_equal(reply_text(&reply, "partner"), "acme");
    assert_string_equal(reply_text(&reply, "expires_at"), "2999-01-01T00:00:00+00:00");
    assert_true(reply_is_null(&reply, "revoked_at"));
    assert_string_equal(reply_text(&reply, "hint"),
                        reply_text(&reply, "key") + strlen(reply_text(&reply, "key")) - 4);
    assert_created(h, t->admin, &reply, KEY_MEMBERS);
    path = at(h, "/v1/keys/%s", reply_text(&reply, "id"));

    (void)want(h, 204, t->admin, "DELETE", path, NULL);
    (void)want(h, 404, t->admin, "DELETE", path, NULL);
    reply = want(h, 200, t->admin, "GET", path, NULL);
    assert_true(is_rfc3339_utc(reply_text(&reply, "revoked_at")));
    reply = want(h, 200, t->admin, "GET", "/v1/keys", NULL);
    assert_members(reply, "data.0", KEY_MEMBERS);
}

static const char app_body[] =
    "{\"name\": \"Books\", \"partner\": \"acme\", \"description\": \"keeps books\","
    " \"custom_fields\": [{\"key\": \"code\", \"type\": \"text\", \"required\": true},"
    " {\"key\": \"kind\", \"label\": \"Kind\", \"type\": \"choice\", \"choices\": [\"a\", \"b\"]}],"
    " \"subscription\": {\"url\": \"https://example.com/hook\", \"event_types\": [\"order.paid\"],"
    " \"credentials\": {\"username\": \"u\", \"password\": \"p4ss\"}}}";

static void test_an_app_is_registered_with_fields_and_a_subscription(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply reply;

    given_event_type(h, t, "order.paid");
    reply = want(h, 201, t->partner, "POST", "/v1/apps", app_body);
    assert_members(reply, "", APP_MEMBERS ",subscription");
    assert_members(reply, "custom_fields.0", FIELD_MEMBERS);
    assert_string_equal(reply_text(&reply, "custom_fields.0.label"), "code");
    assert_true(reply_is_null(&reply, "custom_fields.0.choices"));
    assert_string_equal(reply_text(&reply, "custom_fields.1.choices.1"), "b");
    assert_members(reply, "subscription", SUBSCRIPTION_MEMBERS ",secret,public_key");
    assert_string_equal(reply_text(&reply, "subscription.username"), "u");
    assert_memory_equal(reply_text(&reply, "subscription.secret"), "whsec_", 6);
    assert_null(strstr(reply.body, "p4ss"));
    assert_created(h, t->partner, &reply, APP_MEMBERS);
}

static void test_an_app_is_changed_and_archived(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct subscription s = given_story(h, t, "/a");
    struct reply reply = want(h, 200, t->admin, "GET", "/v1/apps", NULL);
    const char *path = at(h, "/v1/apps/%s", reply_text(&reply, "data.0.id"));

    reply = want(h, 200, t->partner, "PATCH", path, "{\"name\": \"new\"}");
    assert_members(reply, "", APP_MEMBERS);
    assert_string_equal(reply_text(&reply, "name"), "new");
    (void)want(h, 204, t->partner, "DELETE", path, NULL);
    (void)want(h, 404, t->partner, "DELETE", path, NULL);
    (void)want(h, 409, t->partner, "PATCH", path, "{\"name\": \"newer\"}");
    reply = want(h, 200, t->partner, "GET", path, NULL);
    assert_string_equal(reply_text(&reply, "state"), "archived");
    reply = want(h, 200, t->admin, "GET", "/v1/connections", NULL);
    assert_string_equal(reply_text(&reply, "data.0.state"), "disconnected");
    reply = want(h, 200, t->admin, "GET", at(h, "/v1/subscriptions/%s", s.id), NULL);
    assert_string_equal(reply_text(&reply, "state"), "archived");
    assert_string_equal(reply_text(&reply, "state_reason"), "app_archived");
}

static void test_custom_fields_come_and_go(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *path = at(h, "/v1/apps/%s/custom_fields", given_app(h, t, "acme"));
    struct reply reply;

    reply = want(h, 201, t->partner, "POST", path, "{\"key\": \"b\", \"type\": \"number\"}");
    assert_members(reply, "", FIELD_MEMBERS);
    assert_string_equal(reply_header(h->http, &reply, "location"), at(h, "%s/b", path));
    (void)want(h, 201, t->partner, "POST", path, "{\"key\": \"a\", \"type\": \"date\"}");
    (void)want(h, 409, t->partner, "POST", path, "{\"key\": \"a\", \"type\": \"text\"}");
    reply = want(h, 200, t->partner, "GET", path, NULL);
    assert_members(reply, "", "data,next_cursor");
    assert_string_equal(reply_text(&reply, "data.0.key"), "b"); /* in their order */
    assert_string_equal(reply_text(&reply, "data.1.key"), "a");
    assert_true(reply_is_null(&reply, "next_cursor"));
    (void)want(h, 204, t->partner, "DELETE", at(h, "%s/b", path), NULL);
    (void)want(h, 404, t->partner, "DELETE", at(h, "%s/b", path), NULL);
}

static void test_admins_keep_companies(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char body[] = "{\"external_id\": \"c-1\", \"name\": \"One\"}";
    const char *path;
    struct reply reply = want(h, 201, t->admin, "POST", "/v1/companies", body);

    assert_members(reply, "", COMPANY_MEMBERS);
    assert_created(h, t->admin, &reply, COMPANY_MEMBERS);
    path = at(h, "/v1/companies/%s", reply_text(&reply, "id"));
    reply = want(h, 200, t->admin, "PATCH", path, "{\"name\": \"Eins \\u00fc\\ud83d\\ude00\"}");
    assert_members(reply, "", COMPANY_MEMBERS);
    assert_string_equal(reply_text(&reply, "name"), "Eins \xc3\xbc\xf0\x9f\x98\x80");
    reply = want(h, 409, t->admin, "POST", "/v1/companies", body);
    assert_problem(h, reply, 409, "conflict", "/external_id");
}

static void test_companies_are_connected_paused_and_disconnected(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *app_id, *path;
    struct reply reply;

    given_event_type(h, t, "order.paid");
    (void)given_company(h, t, "c1");
    reply = want(h, 201, t->admin, "POST", "/v1/apps", app_body);
    app_id = reply_text(&reply, "id");
    reply = want(h, 201, t->admin, "POST", at(h, "/v1/apps/%s/connections", app_id),
                 "{\"companies\": [{\"company\": \"c1\"}]}");
    assert_members(reply, "", "data");
    assert_members(reply, "data.0", CONNECTION_MEMBERS);
    assert_members(reply, "data.0.company", "id,external_id,name");
    assert_string_equal(reply_text(&reply, "data.0.state"), "incomplete");
    assert_string_equal(reply_text(&reply, "data.0.missing.0"), "code");
    path = at(h, "/v1/connections/%s", reply_text(&reply, "data.0.id"));

    reply = want(h, 200, t->admin, "PATCH", path, "{\"values\": {\"code\": \"x\"}}");
    assert_members(reply, "", CONNECTION_MEMBERS);
    assert_string_equal(reply_text(&reply, "state"), "active");
    assert_int_equal(reply_int(&reply, "values_version"), 2);
    reply = want(h, 200, t->admin, "POST", at(h, "%s/pause", path), NULL);
    assert_string_equal(reply_text(&reply, "state"), "paused");
    reply = want(h, 200, t->admin, "POST", at(h, "%s/resume", path), NULL);
    assert_string_equal(reply_text(&reply, "state"), "active");
    (void)want(h, 204, t->admin, "DELETE", at(h, "%s?queued=cancel", path), NULL);
    (void)want(h, 404, t->admin, "DELETE", path, NULL);
    reply = want(h, 200, t->partner, "GET", path, NULL);
    assert_members(reply, "", CONNECTION_MEMBERS);
    assert_string_equal(reply_text(&reply, "state"), "disconnected");
}

static void test_admins_keep_the_catalogue_of_event_types(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char body[] = "{\"name\": \"job-milestone-changed\", \"schema\": {\"type\": \"object\"},"
                        " \"sample\": {\"b\": 1.50, \"a\": null}, \"enrichable\": true}";
    const char path[] = "/v1/event_types/job-milestone-changed"; /* AL-02 */
    struct reply reply = want(h, 201, t->admin, "POST", "/v1/event_types", body);

    assert_members(reply, "", EVENT_TYPE_MEMBERS);
    assert_string_equal(reply_header(h->http, &reply, "location"), path);
    assert_non_null(strstr(reply.body, "{\"b\": 1.50, \"a\": null}"));
    assert_created(h, t->producer, &reply, EVENT_TYPE_MEMBERS);
    reply = want(h, 409, t->admin, "POST", "/v1/event_types", body);
    assert_problem(h, reply, 409, "conflict", "/name");
    reply = want(h, 200, t->admin, "PATCH", path, "{\"schema\": {}, \"state\": \"deprecated\"}");
    assert_int_equal(reply_int(&reply, "version"), 2);
    assert_string_equal(reply_text(&reply, "state"), "deprecated");
    reply = want(h, 200, t->admin, "PATCH", path, "{\"sample\": null}");
    assert_int_equal(reply_int(&reply, "version"), 2);
    assert_true(reply_is_null(&reply, "sample"));
}

static void test_partners_keep_their_subscriptions(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *path;
    struct reply reply;

    given_event_type(h, t, "order.paid");
    reply = want(h, 201, t->partner, "POST",
                 at(h, "/v1/apps/%s/subscriptions", given_app(h, t, "acme")),
                 "{\"url\": \"https://example.com/h\", \"event_types\": [\"order.paid\"],"
                 " \"profile\": \"basecone\", \"timeout_ms\": 2000}");
    assert_members(reply, "", SUBSCRIPTION_MEMBERS ",secret,public_key");
    assert_created(h, t->partner, &reply, SUBSCRIPTION_MEMBERS);
    path = at(h, "/v1/subscriptions/%s", reply_text(&reply, "id"));

    reply = want(h, 200, t->partner, "PATCH", path,
                 "{\"url\": \"https://example.com/i\", \"timeout_ms\": null,"
                 " \"credentials\": {\"username\": \"u\", \"password\": \"p4ss\"}}");
    assert_members(reply, "", SUBSCRIPTION_MEMBERS);
    assert_null(strstr(reply.body, "p4ss"));
    assert_string_equal(reply_text(&reply, "url"), "https://example.com/i");
    assert_string_equal(reply_text(&reply, "username"), "u");
    assert_true(reply_is_null(&reply, "timeout_ms"));
    reply = want(h, 200, t->partner, "PATCH", path, "{\"credentials\": null}");
    assert_true(reply_is_null(&reply, "username"));
    (void)want(h, 204, t->partner, "DELETE", path, NULL);
    (void)want(h, 404, t->partner, "DELETE", path, NULL);
    (void)want(h, 409, t->partner, "PATCH", path, "{\"description\": \"x\"}");
}

static void test_a_subscription_pauses_resumes_and_has_nothing_to_revive(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *path = at(h, "/v1/subscriptions/%s", given_story(h, t, "/a").id);
    struct reply reply;

    (void)want(h, 200, t->partner, "POST", at(h, "%s/resume", path), NULL); /* what it is already */
    reply = want(h, 200, t->partner, "POST", at(h, "%s/pause", path), NULL);
    assert_members(reply, "", SUBSCRIPTION_MEMBERS);
    assert_string_equal(reply_text(&reply, "state"), "paused");
    reply = want(h, 200, t->partner, "POST", at(h, "%s/resume", path), NULL);
    assert_string_equal(reply_text(&reply, "state"), "active");
    (void)want(h, 409, t->partner, "POST", at(h, "%s/revive", path), NULL);
    (void)want(h, 409, t->partner, "POST", at(h, "%s/revive", path), "{\"messages\": true}");
}

static void test_an_event_shows_its_messages_and_skips(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct subscription s = given_story(h, t, "/a");
    struct reply reply, app;

    given_event_type(h, t, "order.lost");
    app = want(h, 200, t->admin, "GET", at(h, "/v1/subscriptions/%s", s.id), NULL);
    (void)given_subscription(h, t, reply_text(&app, "app_id"), "/b", "order.lost");
    reply = want(h, 200, t->receiver, "GET",
                 at(h, "/v1/events/%s", publish(h, t, "order.paid", "c1", "{\"n\": 1.0}")), NULL);
    assert_members(reply, "", EVENT_MEMBERS ",payload,messages,skips");
    assert_non_null(strstr(reply.body, "{\"n\": 1.0}"));
    assert_true(is_rfc3339_utc(reply_text(&reply, "accepted_at")));
    assert_int_equal(reply_count(&reply, "messages"), 1);
    assert_members(reply, "messages.0", "id,subscription_id,status");
    assert_string_equal(reply_text(&reply, "messages.0.subscription_id"), s.id);
    assert_int_equal(reply_count(&reply, "skips"), 1);
    assert_members(reply, "skips.0", "subscription_id,app_id,reason");
    assert_string_equal(reply_text(&reply, "skips.0.reason"), "type_not_selected");
    reply = want(h, 200, t->admin, "GET", "/v1/events", NULL);
    assert_members(reply, "data.0", EVENT_MEMBERS);
}

static void test_BC_05_a_partner_finds_no_event_of_a_type_that_it_did_not_select(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *event_id;
    struct reply reply;

    (void)given_story(h, t, "/a");
    given_event_type(h, t, "order.lost");
    event_id = publish(h, t, "order.lost", "c1", "{}");
    (void)want(h, 200, t->support, "GET", at(h, "/v1/events/%s", event_id), NULL);
    (void)want(h, 404, t->partner, "GET", at(h, "/v1/events/%s", event_id), NULL);
    reply = want(h, 200, t->partner, "GET", "/v1/events", NULL);
    assert_int_equal(reply_count(&reply, "data"), 0);
}

static void test_a_message_shows_its_attempts_and_is_sent_again(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *path;
    struct reply reply;

    (void)given_story(h, t, "/a");
    (void)publish(h, t, "order.paid", "c1", "{}");
    sinker_wait(h, "/a", 1, 10000);
    reply = want(h, 200, t->receiver, "GET", "/v1/messages", NULL);
    assert_members(reply, "data.0", MESSAGE_MEMBERS);
    path = at(h, "/v1/messages/%s", reply_text(&reply, "data.0.id"));
    api_wait_for(h, t->receiver, path, "status", "succeeded", 10000);
    reply = want(h, 200, t->receiver, "GET", path, NULL);
    assert_members(reply, "", EXPLAINED_MEMBERS);
    assert_int_equal(reply_int(&reply, "attempts"), 1);
    reply = want(h, 200, t->receiver, "GET", at(h, "%s/attempts", path), NULL);
    assert_members(reply, "data.0", ATTEMPT_MEMBERS);
    reply = want(h, 200, t->receiver, "GET", at(h, "%s/attempts/1", path), NULL);
    assert_members(reply, "", ATTEMPT_MEMBERS);
    assert_int_equal(reply_int(&reply, "status_code"), 200);
    (void)want(h, 404, t->receiver, "GET", at(h, "%s/attempts/2", path), NULL);
    (void)want(h, 404, t->receiver, "GET", at(h, "%s/attempts/x", path), NULL);
    reply = want(h, 202, t->support, "POST", at(h, "%s/resend", path), NULL);
    assert_members(reply, "", MESSAGE_MEMBERS);
    sinker_wait(h, "/a", 2, 10000);
}

static void test_every_change_is_in_the_audit_log(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply reply;

    reply = want(h, 201, t->admin, "POST", "/v1/companies",
                 "{\"external_id\": \"c-1\", \"name\": \"One\"}");
    assert_string_equal(
        db_text(h, "SELECT request_id FROM hookline.audit_log WHERE action = 'company.created'"),
        reply_header(h->http, &reply, "x-request-id"));
    assert_int_equal(db_int(h,
                            "SELECT count(*) FROM hookline.audit_log a JOIN hookline.api_key k"
                            " ON k.tenant_id = a.tenant_id AND 'key:' || k.id::text = a.actor"
                            " WHERE a.action = 'company.created' AND a.object_id = '%s'"
                            " AND k.role = 'admin'",
                            reply_text(&reply, "id")),
                     1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_operators_keep_tenants),
        harness_test(test_a_suspended_tenants_keys_are_not_valid),
        harness_test(test_the_installation_is_no_tenant),
        harness_test(test_admins_keep_keys),
        harness_test(test_an_app_is_registered_with_fields_and_a_subscription),
        harness_test(test_an_app_is_changed_and_archived),
        harness_test(test_custom_fields_come_and_go),
        harness_test(test_admins_keep_companies),
        harness_test(test_companies_are_connected_paused_and_disconnected),
        harness_test(test_admins_keep_the_catalogue_of_event_types),
        harness_test(test_partners_keep_their_subscriptions),
        harness_test(test_a_subscription_pauses_resumes_and_has_nothing_to_revive),
        harness_test(test_an_event_shows_its_messages_and_skips),
        harness_test(test_BC_05_a_partner_finds_no_event_of_a_type_that_it_did_not_select),
        harness_test(test_a_message_shows_its_attempts_and_is_sent_again),
        harness_test(test_every_change_is_in_the_audit_log),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
