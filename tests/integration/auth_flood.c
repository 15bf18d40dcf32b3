/* SPDX-License-Identifier: Apache-2.0 */
/* Many bad proofs from one address: 429 before any look-up, and nobody else has to suffer. */
#include <stdlib.h>
#include <string.h>

#include "tests/support/check.h"
#include "tests/support/oauth.h"
#include "tests/support/user.h"

enum { PER_MINUTE = 20 };

#define ON "HOOKLINE_API_AUTH_FAILURES_PER_MINUTE=20"

/* A key of the tenant's that is well-formed and not known: another one's secret with it. */
static const char *wrong_key(struct harness *h, const struct tenant *t)
{
    const char *key = given_key(h, t, "support", NULL);
    struct reply list = api_call(h, t->admin, "GET", "/v1/keys?limit=1", NULL);
    struct reply reply =
        api_call(h, t->admin, "DELETE",
                 http_text(h->http, "/v1/keys/%s", reply_text(&list, "data.0.id")), NULL);

    assert_status(reply, 204);
    return key;
}

/* A request from that address, as a proxy would say; NULL: from the socket's. */
static struct reply look_from(struct harness *h, const char *key, const char *address)
{
    const char *header =
        address == NULL ? NULL : http_text(h->http, "X-Forwarded-For: %s", address);

    return api_send(h, key, "GET", "/v1/apps", HK_STR_NULL, (const char *const[]){header, NULL});
}

static struct reply look(struct harness *h, const char *key)
{
    return look_from(h, key, NULL);
}

static void assert_refused(struct harness *h, struct reply reply)
{
    const char *seconds;

    assert_problem(h, reply, 429, "too_many_failures", NULL);
    seconds = reply_header(h->http, &reply, "retry-after");
    assert_non_null(seconds);
    assert_in_range(strtol(seconds, NULL, 10), 1, 63);
}

/* Bad keys until the address has had enough. */
static void flood_from(struct harness *h, const char *key, const char *address)
{
    struct reply reply;

    for (unsigned i = 0; i < PER_MINUTE; i++) {
        reply = look_from(h, key, address);
        assert_status(reply, 401);
    }
    assert_refused(h, look_from(h, key, address));
}

static unsigned count_in_log(struct harness *h, const char *text)
{
    const char *at = harness_logs(h);
    unsigned n = 0;

    while ((at = strstr(at, text)) != NULL) {
        at += strlen(text);
        n++;
    }
    return n;
}

static void test_a_flood_of_bad_keys_gets_429_and_good_ones_go_on(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *bad = wrong_key(h, t);
    struct reply reply = look(h, t->support); /* so it is known */

    assert_status(reply, 200);
    flood_from(h, bad, NULL);
    reply = look(h, t->support);
    assert_status(reply, 200);
    assert_refused(h, look(h, "hk_nonsense"));
    assert_refused(h, look(h, "a.b.c"));
    assert_int_equal(count_in_log(h, "\"auth.flood\""), 2); /* the address and the tenant */
    assert_int_equal(count_in_log(h, "\"address\":\"127.0.0.1\""), 1);
    assert_int_equal(count_in_log(h, bad), 0);
}

struct
try {
    struct harness *h;
    const char *key;
};

static bool is_let_through(void *arg)
{
    const struct try *try = arg;
    struct reply reply = look(try->h, try->key);

    if (reply.status != 200)
        assert_refused(try->h, reply);
    return reply.status == 200;
}

static void test_a_good_key_that_is_new_gets_through_after_retry_after(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct try try = {h, t->support};

    flood_from(h, "hk_nonsense", NULL);
    assert_false(is_let_through(&try));
    assert_true(wait_until(is_let_through, &try, 10000));
    assert_true(is_let_through(&try));
}

static bool is_refused(void *arg)
{
    const struct try *try = arg;
    struct reply reply = look(try->h, try->key);

    if (reply.status != 200 && reply.status != 401)
        assert_refused(try->h, reply);
    return reply.status == 429;
}

/* That a proof was good once lets it be asked about, no more. */
static void test_a_known_key_that_is_revoked_is_refused_as_any_other(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct try try = {h, given_key(h, t, "support", NULL)};
    struct reply reply = look(h, try.key), list;

    assert_status(reply, 200);
    list = api_call(h, t->admin, "GET", "/v1/keys?limit=1", NULL);
    flood_from(h, "hk_nonsense", NULL);
    reply = api_call(h, t->admin, "DELETE",
                     http_text(h->http, "/v1/keys/%s", reply_text(&list, "data.0.id")), NULL);
    assert_status(reply, 204);
    assert_true(wait_until(is_refused, &try, 15000));
}

static void test_every_kind_of_proof_is_refused_in_a_flood(void **state)
{
    static const char *const wrong[] = {
        "Authorization: Bearer hk_nonsense",
        "Authorization: Bearer a.b.c",
        "Cookie: __Host-hookline_session=nonsense",
        ("Cookie: __Host-hookline_session="
         "hks_0000000000000000000000_0000000000000000000000000000000000000000000"),
    };
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *tenant_header = http_text(h->http, "Hookline-Tenant-Id: %s", t->id);

    flood_from(h, "hk_nonsense", NULL);
    for (size_t i = 0; i < HK_COUNTOF(wrong); i++) {
        assert_refused(h, api_send(h, NULL, "GET", "/v1/apps", HK_STR_NULL,
                                   (const char *const[]){wrong[i], NULL}));
        assert_refused(h, api_send(h, NULL, "POST", "/v1/events", HK_STR("{}"),
                                   (const char *const[]){wrong[i], tenant_header, NULL}));
    }
    assert_refused(h, api_call(h, NULL, "POST", "/v1/password",
                               "{\"tenant_id\": \"%s\", \"token\": \"x\", \"password\": \"%s\"}",
                               t->id, USER_PASSWORD));
}

static void test_no_proof_at_all_is_no_failure(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply reply;

    for (unsigned i = 0; i < 2 * PER_MINUTE; i++) {
        reply = look(h, NULL);
        assert_status(reply, 401);
    }
    reply = look(h, t->support);
    assert_status(reply, 200);
}

static void test_a_trusted_proxy_tells_addresses_apart(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct reply reply;

    flood_from(h, "hk_nonsense", "203.0.113.9, 192.0.2.1");
    assert_refused(h, look_from(h, t->support, "192.0.2.1"));
    reply = look_from(h, t->support, "192.0.2.2");
    assert_status(reply, 200);
    flood_from(h, "hk_nonsense", "2001:db8:0:1::1");
    assert_refused(h, look_from(h, "hk_nonsense", "2001:db8:0:1:ffff::2"));
    reply = look_from(h, "hk_nonsense", "2001:db8:0:2::1");
    assert_status(reply, 401);
}

static void test_what_an_untrusted_client_forwards_is_ignored(void **state)
{
    struct harness *h = *state;
    struct reply reply;

    for (unsigned i = 0; i < PER_MINUTE; i++) {
        reply = look_from(h, "hk_nonsense", http_text(h->http, "192.0.2.%u", i));
        assert_status(reply, 401);
    }
    assert_refused(h, look_from(h, "hk_nonsense", "192.0.2.200"));
}

static void test_wrong_secrets_of_clients_count_and_a_known_client_gets_its_token(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct client client = given_client(h, t, "\"name\": \"c\", \"role\": \"support\"");
    struct client other = given_client(h, t, "\"name\": \"d\", \"role\": \"support\"");
    const char *token = given_token(h, &client), *form = "grant_type=client_credentials";
    struct reply reply;

    for (unsigned i = 0; i < PER_MINUTE; i++) {
        reply = ask_token(h, basic(h, client.client_id, "wrong"), form);
        assert_status(reply, 401);
    }
    assert_refused(h, ask_token(h, basic(h, client.client_id, "wrong"), form));
    assert_refused(h, ask_token(h, basic(h, other.client_id, other.secret), form));
    reply = ask_token(h, basic(h, client.client_id, client.secret), form);
    assert_status(reply, 200);
    reply = look(h, token);
    assert_status(reply, 200);
}

static void test_wrong_passwords_of_many_users_count_together(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct user user = given_user(h, t, "support", "someone@example.com"), nobody = user;
    struct session session = given_session(h, &user, USER_PASSWORD);
    struct reply reply;
    unsigned n = 0;

    do { /* where a password takes long, one or two more are forgiven meanwhile */
        nobody.email = http_text(h->http, "u%u@example.com", n++);
        reply = sign_in(h, &nobody, "a wrong password");
    } while (reply.status == 401 && n < 3 * PER_MINUTE);
    assert_true(n > PER_MINUTE);
    assert_refused(h, reply);
    assert_refused(h, sign_in(h, &user, USER_PASSWORD)); /* nobody remembers passwords */
    reply = session_call(h, &session, "GET", "/v1/apps", NULL);
    assert_status(reply, 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_a_flood_of_bad_keys_gets_429_and_good_ones_go_on, .has_no_worker = true,
                     .env = (const char *const[]){ON, NULL}),
        harness_test(test_a_good_key_that_is_new_gets_through_after_retry_after,
                     .has_no_worker = true, .env = (const char *const[]){ON, NULL}),
        harness_test(test_a_known_key_that_is_revoked_is_refused_as_any_other,
                     .has_no_worker = true, .env = (const char *const[]){ON, NULL}),
        harness_test(test_every_kind_of_proof_is_refused_in_a_flood, .has_no_worker = true,
                     .env = (const char *const[]){ON, NULL}),
        harness_test(test_no_proof_at_all_is_no_failure, .has_no_worker = true,
                     .env = (const char *const[]){ON, NULL}),
        harness_test(
            test_a_trusted_proxy_tells_addresses_apart, .has_no_worker = true,
            .env = (const char *const[]){ON, "HOOKLINE_API_TRUSTED_PROXIES=127.0.0.0/8", NULL}),
        harness_test(
            test_what_an_untrusted_client_forwards_is_ignored, .has_no_worker = true,
            .env = (const char *const[]){ON, "HOOKLINE_API_TRUSTED_PROXIES=10.0.0.0/8", NULL}),
        harness_test(test_wrong_secrets_of_clients_count_and_a_known_client_gets_its_token,
                     .has_no_worker = true, .env = (const char *const[]){ON, NULL}),
        harness_test(test_wrong_passwords_of_many_users_count_together, .has_no_worker = true,
                     .env = (const char *const[]){ON, NULL}),
    };

    return cmocka_run_group_tests_name("auth_flood", tests, NULL, NULL);
}
