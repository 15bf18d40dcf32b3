/* SPDX-License-Identifier: Apache-2.0 */
/*
 * basecone.c - the scenario Basecone: partners register apps, tenant admins connect companies, and
 * events reach whom they are for (BC-01 to BC-07, BC-13). See README.md.
 */
#include "tests/scenarios/basecone/basecone_story.h"
#include "tests/scenarios/data.h"

#define REGISTRATION                                                                               \
    "{\"name\": \"ERP\", \"description\": \"Keeps the books.\", "                                  \
    "\"custom_fields\": [{\"key\": \"adminCode\", \"label\": \"Code\", \"type\": \"text\"}, "      \
    "{\"key\": \"since\", \"type\": \"date\"}], "                                                  \
    "\"subscription\": {\"url\": \"%s\", \"event_types\": [\"document.uploaded\"], "               \
    "\"profile\": \"basecone\", \"credentials\": {\"username\": \"erp\", \"password\": \"pw\"}}}"

/* ---- BC-01, BC-02: registering ---- */

static void test_BC_01_a_partner_registers_its_app_by_itself(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_basecone(h);
    struct reply app, found;

    app = api_call(h, t->partner, "POST", "/v1/apps", "{\"name\": \"ERP\"}");
    assert_status(app, 201);
    assert_string_equal(reply_text(&app, "partner"), "acme");
    assert_string_equal(reply_text(&app, "state"), "active");

    found = api_call(h, t->partner, "GET", reply_header(h->http, &app, "location"), NULL);
    assert_status(found, 200);
    assert_string_equal(found.body, app.body);
}

static void test_BC_01_a_partner_changes_its_app_and_nobody_elses(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_basecone(h);
    const char *path = http_text(h->http, "/v1/apps/%s", given_app(h, t, "acme"));
    struct reply reply;

    reply = api_call(h, t->partner, "PATCH", path, "{\"name\": \"ERP 2\"}");
    assert_status(reply, 200);
    assert_string_equal(reply_text(&reply, "name"), "ERP 2");

    reply = api_call(h, given_key(h, t, "partner", "other"), "PATCH", path, "{\"name\": \"x\"}");
    assert_status(reply, 404);
}

static void test_BC_02_a_registration_carries_all_that_is_needed(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_basecone(h);
    struct reply app;

    app = api_call(h, t->partner, "POST", "/v1/apps", REGISTRATION, sinker_url(h, "/erp"));
    assert_status(app, 201);
    assert_string_equal(reply_text(&app, "custom_fields.0.key"), "adminCode");
    assert_string_equal(reply_text(&app, "custom_fields.1.type"), "date");
    assert_string_equal(reply_text(&app, "subscription.url"), sinker_url(h, "/erp"));
    assert_string_equal(reply_text(&app, "subscription.event_types.0"), "document.uploaded");
    assert_string_equal(reply_text(&app, "subscription.username"), "erp");
    assert_string_equal(reply_text(&app, "subscription.state"), "active");
    assert_int_equal(strncmp(reply_text(&app, "subscription.secret"), "whsec_", 6), 0);
}

static void test_BC_02_credentials_and_custom_fields_are_optional(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_basecone(h);
    struct registration erp = given_registration(h, t, "/erp", "");
    struct reply reply;

    reply = api_call(h, t->partner, "GET", http_text(h->http, "/v1/apps/%s", erp.app_id), NULL);
    assert_int_equal(reply_count(&reply, "custom_fields"), 0);
    reply = api_call(h, t->partner, "GET",
                     http_text(h->http, "/v1/subscriptions/%s", erp.subscription.id), NULL);
    assert_true(reply_is_null(&reply, "username"));
    assert_false(reply_has(&reply, "secret"));
}

static void test_BC_02_a_registration_with_a_fault_leaves_nothing_behind(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_basecone(h);
    struct reply reply;

    reply = api_call(h, t->partner, "POST", "/v1/apps",
                     "{\"name\": \"ERP\", \"subscription\": {\"url\": \"%s\", "
                     "\"event_types\": [\"document.uploaded\", \"no.such\"]}}",
                     sinker_url(h, "/erp"));
    assert_status(reply, 422);
    assert_string_equal(reply_text(&reply, "errors.0.pointer"), "/subscription/event_types/1");
    assert_non_null(strstr(reply_text(&reply, "errors.0.detail"), "no.such"));

    reply = api_call(h, t->partner, "GET", "/v1/apps", NULL);
    assert_int_equal(reply_count(&reply, "data"), 0);
}

/* ---- BC-03, BC-04: connecting ---- */

static void test_BC_03_an_admin_connects_several_companies_at_once(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_basecone(h);
    struct registration erp = given_registration(h, t, "/erp", "");
    struct reply reply;

    reply = api_call(h, t->admin, "POST", http_text(h->http, "/v1/apps/%s/connections", erp.app_id),
                     "{\"companies\": [{\"company\": \"b\"}, {\"company\": \"a\"}]}");
    assert_status(reply, 201);
    assert_int_equal(reply_count(&reply, "data"), 2);
    assert_string_equal(reply_text(&reply, "data.0.company.external_id"), "b");
    assert_string_equal(reply_text(&reply, "data.1.state"), "active");

    (void)publish(h, t, "document.uploaded", "a", "{}");
    (void)publish(h, t, "document.uploaded", "b", "{}");
    sinker_wait(h, "/erp", 2, SOON_MS);
}

static void test_BC_03_one_unknown_company_connects_none(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_basecone(h);
    const char *app_id = given_registration(h, t, "/erp", "").app_id;
    struct reply reply;

    reply = api_call(h, t->admin, "POST", http_text(h->http, "/v1/apps/%s/connections", app_id),
                     "{\"companies\": [{\"company\": \"a\"}, {\"company\": \"nobody\"}]}");
    assert_status(reply, 422);
    assert_string_equal(reply_text(&reply, "errors.0.pointer"), "/companies/1/company");

    reply =
        api_call(h, t->admin, "GET", http_text(h->http, "/v1/connections?app_id=%s", app_id), NULL);
    assert_int_equal(reply_count(&reply, "data"), 0);
}

static void test_BC_03_a_partner_cannot_connect_a_company(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_basecone(h);
    struct registration erp = given_registration(h, t, "/erp", "");
    struct reply reply;

    reply =
        api_call(h, t->partner, "POST", http_text(h->http, "/v1/apps/%s/connections", erp.app_id),
                 "{\"companies\": [{\"company\": \"a\"}]}");
    assert_status(reply, 403);

    reply = event_get(h, t, publish_document(h, t));
    assert_int_equal(reply_count(&reply, "messages"), 0);
}

static void test_BC_04_an_event_right_after_connecting_is_delivered(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_basecone(h);
    struct registration erp = given_registration(h, t, "/erp", "");
    const char *event_ids[2];
    struct reply request;

    (void)given_connection(h, t, erp.app_id, "a");
    event_ids[0] = publish(h, t, "document.uploaded", "a", "{}");
    (void)given_connection(h, t, erp.app_id, "b");
    event_ids[1] = publish(h, t, "document.uploaded", "b", "{}");

    for (unsigned i = 0; i < 2; i++) {
        message_wait(h, t, message_of(h, t, event_ids[i], erp.subscription.id), "succeeded");
        request = sinker_request(h, "/erp", i);
        assert_string_equal(reply_text(&request, "signature"), "valid");
    }
}

/* ---- BC-05: who gets what ---- */

/* An event that is delivered shows that whatever was published before it would have been, too. */
static void then_only_this_is_sent(struct harness *h, const struct tenant *t, const char *path,
                                   const struct subscription *subscription)
{
    const char *event_id = publish(h, t, "document.uploaded", "a", "{\"is\": \"the last\"}");
    struct reply request;

    message_wait(h, t, message_of(h, t, event_id, subscription->id), "succeeded");
    assert_int_equal(sinker_count(h, path), 1);
    request = sinker_request(h, path, 0);
    assert_sent(request, event_id);
}

/* No message, no skip, and no partner sees the event. */
static void check_concerns_nobody(struct harness *h, const struct tenant *t, const char *event_id)
{
    struct reply event = event_get(h, t, event_id);

    assert_int_equal(reply_count(&event, "messages"), 0);
    assert_int_equal(reply_count(&event, "skips"), 0);
    event = api_call(h, t->partner, "GET", http_text(h->http, "/v1/events/%s", event_id), NULL);
    assert_status(event, 404);
}

static void test_BC_05_a_company_that_is_not_connected_is_never_sent(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_basecone(h);
    struct registration erp = given_connected_app(h, t, "/erp");

    check_concerns_nobody(h, t, publish(h, t, "document.uploaded", "b", "{}"));
    then_only_this_is_sent(h, t, "/erp", &erp.subscription);
}

static void test_BC_05_a_type_that_is_not_subscribed_is_never_sent(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_basecone(h);
    struct registration erp = given_connected_app(h, t, "/erp");
    struct reply reply;

    reply = api_call(h, t->partner, "PATCH",
                     http_text(h->http, "/v1/subscriptions/%s", erp.subscription.id),
                     "{\"event_types\": [\"document.uploaded\"]}");
    assert_status(reply, 200);
    reply = event_get(h, t, publish(h, t, "transaction.finished", "a", "{}"));
    assert_int_equal(reply_count(&reply, "messages"), 0);
    assert_string_equal(reply_text(&reply, "skips.0.reason"), "type_not_selected");
    then_only_this_is_sent(h, t, "/erp", &erp.subscription);
}

static void test_BC_05_several_apps_of_a_company_get_their_own_message(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_basecone(h);
    struct registration erp = given_connected_app(h, t, "/erp");
    struct registration crm = given_connected_app(h, t, "/crm");
    const char *event_id = publish_document(h, t);
    struct reply to_erp, to_crm;

    sinker_wait(h, "/erp", 1, SOON_MS);
    sinker_wait(h, "/crm", 1, SOON_MS);
    to_erp = sinker_request(h, "/erp", 0);
    to_crm = sinker_request(h, "/crm", 0);
    assert_string_equal(reply_text(&to_erp, "signature"), "valid");
    assert_string_equal(reply_text(&to_crm, "signature"), "valid");
    assert_string_equal(reply_text(&to_erp, "headers.webhook-id"),
                        message_of(h, t, event_id, erp.subscription.id));
    assert_string_equal(reply_text(&to_crm, "headers.webhook-id"),
                        message_of(h, t, event_id, crm.subscription.id));
}

/* ---- BC-06: disconnecting ---- */

static void disconnect(struct harness *h, const struct tenant *t, const char *connection_id,
                       const char *query)
{
    struct reply reply;

    reply = api_call(h, t->admin, "DELETE",
                     http_text(h->http, "/v1/connections/%s%s", connection_id, query), NULL);
    assert_status(reply, 204);
}

static void test_BC_06_disconnecting_stops_new_events(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_basecone(h);
    struct registration erp = given_registration(h, t, "/erp", "");

    disconnect(h, t, given_connection(h, t, erp.app_id, "a"), "");
    check_concerns_nobody(h, t, publish_document(h, t));
    (void)given_connection(h, t, erp.app_id, "a");
    then_only_this_is_sent(h, t, "/erp", &erp.subscription);
}

static void test_BC_06_what_is_queued_is_still_delivered(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_basecone(h);
    struct registration erp = given_registration(h, t, "/erp", "");
    const char *connection_id = given_connection(h, t, erp.app_id, "a");
    const char *message_id = message_of(h, t, publish_document(h, t), erp.subscription.id);

    disconnect(h, t, connection_id, "");
    (void)harness_start_worker(h);
    message_wait(h, t, message_id, "succeeded");
    assert_int_equal(sinker_count(h, "/erp"), 1);
}

static void test_BC_06_an_admin_may_have_what_is_queued_cancelled(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_basecone(h);
    struct registration erp = given_registration(h, t, "/erp", "");
    const char *connection_id = given_connection(h, t, erp.app_id, "b");
    const char *event_id = publish(h, t, "document.uploaded", "b", "{}");
    const char *message_id = message_of(h, t, event_id, erp.subscription.id);
    struct reply message;

    (void)given_connection(h, t, erp.app_id, "a");
    disconnect(h, t, connection_id, "?queued=cancel");
    message = message_get(h, t, message_id);
    assert_string_equal(reply_text(&message, "status"), "cancelled");
    assert_string_equal(reply_text(&message, "status_reason"), "connection_disconnected");

    (void)harness_start_worker(h);
    then_only_this_is_sent(h, t, "/erp", &erp.subscription);
}

/* ---- BC-07, BC-13: what is sent ---- */

static void test_BC_07_the_body_is_the_event_type_and_its_data(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_basecone(h);
    const char *event_id;
    struct reply request;

    (void)given_connected_app(h, t, "/erp");
    event_id = publish_data(h, t, "transaction.finished", "a", "2026-01-02T03:04:05.6Z",
                            "basecone/events/transaction.finished.json");
    sinker_wait(h, "/erp", 1, SOON_MS);
    request = sinker_request(h, "/erp", 0);
    assert_string_equal(reply_text(&request, "method"), "POST");
    assert_string_equal(reply_text(&request, "headers.content-type"), "application/json");
    assert_body(h, "/erp", 0, "basecone/expected/transaction.finished.json",
                VALUES("event_id", event_id, "company", "a"));
}

static void test_BC_13_the_receiver_collects_the_object_through_the_api(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_basecone(h);
    const char *event_id;
    struct reply request, event;
    char id[37] = "";

    (void)given_connected_app(h, t, "/erp");
    event_id =
        publish(h, t, "document.uploaded", "a",
                "{\"documentId\": \"d-7\", \"link\": \"https://api.example/documents/d-7\"}");
    sinker_wait(h, "/erp", 1, SOON_MS);
    request = sinker_request(h, "/erp", 0);
    assert_sent(request, "{\"documentId\": \"d-7\", "
                         "\"link\": \"https://api.example/documents/d-7\"}");

    (void)strncpy(id, strstr(reply_text(&request, "body"), "\"id\":\"") + 6, 36);
    assert_string_equal(id, event_id);
    event = api_call(h, t->receiver, "GET", http_text(h->http, "/v1/events/%s", id), NULL);
    assert_status(event, 200);
    assert_string_equal(reply_text(&event, "payload.documentId"), "d-7");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_BC_01_a_partner_registers_its_app_by_itself),
        harness_test(test_BC_01_a_partner_changes_its_app_and_nobody_elses),
        harness_test(test_BC_02_a_registration_carries_all_that_is_needed),
        harness_test(test_BC_02_credentials_and_custom_fields_are_optional),
        harness_test(test_BC_02_a_registration_with_a_fault_leaves_nothing_behind),
        harness_test(test_BC_03_an_admin_connects_several_companies_at_once),
        harness_test(test_BC_03_one_unknown_company_connects_none),
        harness_test(test_BC_03_a_partner_cannot_connect_a_company),
        harness_test(test_BC_04_an_event_right_after_connecting_is_delivered),
        harness_test(test_BC_05_a_company_that_is_not_connected_is_never_sent),
        harness_test(test_BC_05_a_type_that_is_not_subscribed_is_never_sent),
        harness_test(test_BC_05_several_apps_of_a_company_get_their_own_message),
        harness_test(test_BC_06_disconnecting_stops_new_events),
        harness_test(test_BC_06_what_is_queued_is_still_delivered, .has_no_worker = true),
        harness_test(test_BC_06_an_admin_may_have_what_is_queued_cancelled, .has_no_worker = true),
        harness_test(test_BC_07_the_body_is_the_event_type_and_its_data),
        harness_test(test_BC_13_the_receiver_collects_the_object_through_the_api),
    };

    return cmocka_run_group_tests_name("basecone", tests, NULL, NULL);
}
