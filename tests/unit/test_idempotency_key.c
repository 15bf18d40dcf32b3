/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api/http/idempotency_key.h"

static void test_a_quoted_and_a_bare_key_are_the_same(void **state)
{
    static const char *const pairs[][2] = {
        {"8e03978e-40d5-43e8-bc93-6894a57f9324", "\"8e03978e-40d5-43e8-bc93-6894a57f9324\""},
        {"a", "\"a\""},
        {"a\"b\\c", "\"a\\\"b\\\\c\""},
        {"~!", "\"~!\""},
    };
    char bare[IDEMPOTENCY_KEY_MAX_BYTES + 1], quoted[IDEMPOTENCY_KEY_MAX_BYTES + 1];

    (void)state;
    for (size_t i = 0; i < HK_COUNTOF(pairs); i++) {
        assert_true(idempotency_key_read(hk_str(pairs[i][0]), bare));
        assert_true(idempotency_key_read(hk_str(pairs[i][1]), quoted));
        assert_string_equal(bare, pairs[i][0]);
        assert_string_equal(quoted, bare);
    }
    assert_true(idempotency_key_read(HK_STR("\"a b\""), quoted));
    assert_string_equal(quoted, "a b");
}

static void test_what_is_no_key_is_refused(void **state)
{
    static const char *const texts[] = {
        "",         "\"\"", "\"",       "a b",  "\"a",  "\"a\"b\"", "\"a\\\"",
        "\"a\\b\"", "\xe4", "\"\xe4\"", "a\tb", "\x7f", "\"a\tb\"", "\"a\"; p=1",
    };
    char key[IDEMPOTENCY_KEY_MAX_BYTES + 1];

    (void)state;
    for (size_t i = 0; i < HK_COUNTOF(texts); i++) {
        if (idempotency_key_read(hk_str(texts[i]), key))
            fail_msg("%s", texts[i]);
    }
}

static void test_a_key_has_at_most_255_characters(void **state)
{
    char text[300], key[IDEMPOTENCY_KEY_MAX_BYTES + 1];

    (void)state;
    memset(text, 'x', sizeof(text));
    assert_true(idempotency_key_read((struct hk_str){text, 255}, key));
    assert_false(idempotency_key_read((struct hk_str){text, 256}, key));
    text[0] = text[256] = '"';
    assert_true(idempotency_key_read((struct hk_str){text, 257}, key));
    text[256] = 'x';
    text[257] = '"';
    assert_false(idempotency_key_read((struct hk_str){text, 258}, key));
}

struct request {
    const char *text;
    struct idempotency_scope scope;
    const char *query, *body;
};

static struct idempotency_key derive(const struct request *request)
{
    struct idempotency_key key;

    idempotency_key_derive(hk_str(request->text), &request->scope, hk_str(request->query),
                           hk_str(request->body), &key);
    return key;
}

static struct request usual(void)
{
    return (struct request){
        "k1",
        {HK_STR("key:1"), HK_STR("acme"), HK_STR("POST"), HK_STR("/v1/apps"), HK_STR("hk_1")},
        "a=b",
        "{}"};
}

static void test_another_request_has_another_fingerprint_in_the_same_place(void **state)
{
    struct request request = usual();
    struct idempotency_key first = derive(&request), second;

    (void)state;
    second = derive(&request);
    assert_memory_equal(&first, &second, sizeof(first));
    request.body = "{ }";
    second = derive(&request);
    assert_memory_equal(first.id, second.id, sizeof(first.id));
    assert_memory_equal(first.seal_key, second.seal_key, sizeof(first.seal_key));
    assert_memory_not_equal(first.fingerprint, second.fingerprint, sizeof(first.fingerprint));
    request = usual();
    request.query = "a=c";
    second = derive(&request);
    assert_memory_equal(first.id, second.id, sizeof(first.id));
    assert_memory_not_equal(first.fingerprint, second.fingerprint, sizeof(first.fingerprint));
}

static void test_another_caller_path_or_credential_has_nothing_in_common(void **state)
{
    struct request requests[8], request = usual();
    struct idempotency_key first = derive(&request), second;

    (void)state;
    for (size_t i = 0; i < HK_COUNTOF(requests); i++)
        requests[i] = usual();
    requests[0].text = "k2";
    requests[1].scope.actor = HK_STR("key:2");
    requests[2].scope.method = HK_STR("PUT");
    requests[3].scope.path = HK_STR("/v1/app");
    requests[4].scope.proof = HK_STR("hk_2");
    requests[5].text = "k1hk_1"; /* no two parts run together */
    requests[5].scope.proof = HK_STR("");
    requests[6].scope.partner = HK_STR("rival");
    requests[7].scope.partner = HK_STR("");
    for (size_t i = 0; i < HK_COUNTOF(requests); i++) {
        second = derive(&requests[i]);
        assert_memory_not_equal(first.id, second.id, sizeof(first.id));
        assert_memory_not_equal(first.fingerprint, second.fingerprint, sizeof(first.fingerprint));
        assert_memory_not_equal(first.seal_key, second.seal_key, sizeof(first.seal_key));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_quoted_and_a_bare_key_are_the_same),
        cmocka_unit_test(test_what_is_no_key_is_refused),
        cmocka_unit_test(test_a_key_has_at_most_255_characters),
        cmocka_unit_test(test_another_request_has_another_fingerprint_in_the_same_place),
        cmocka_unit_test(test_another_caller_path_or_credential_has_nothing_in_common),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
