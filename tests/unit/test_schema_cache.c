/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of event types, and for how long. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "api/schema/schema_cache.h"
#include "hk/buf.h"

static const struct hk_id tenant = {{1}}, other_tenant = {{2}};
static const struct hk_str order = {"order.paid", 10};

static void put(struct schema_cache *cache, int64_t now_ms, enum validation validation,
                const char *schema, struct payload_rule *ret)
{
    schema_cache_put(cache, &tenant, order, now_ms, validation, hk_str(schema), ret);
}

static void test_an_entry_is_found_while_it_is_young(void **state)
{
    struct schema_cache *cache = schema_cache_new();
    struct payload_rule rule;

    (void)state;
    assert_false(schema_cache_find(cache, &tenant, order, 0, &rule));
    put(cache, 1000, VALIDATION_ENFORCE, "{}", &rule);
    assert_true(schema_cache_find(cache, &tenant, order, 1000, &rule));
    assert_int_equal(rule.validation, VALIDATION_ENFORCE);
    assert_non_null(rule.schema);
    assert_true(schema_cache_find(cache, &tenant, order, 999 + SCHEMA_CACHE_REFRESH_MS, &rule));
    assert_false(schema_cache_find(cache, &other_tenant, order, 1000, &rule));
    assert_false(schema_cache_find(cache, &tenant, HK_STR("order.pai"), 1000, &rule));
    schema_cache_free(cache);
}

static void test_one_asks_again_while_the_others_go_on(void **state)
{
    struct schema_cache *cache = schema_cache_new();
    int64_t then_ms = 1000 + SCHEMA_CACHE_REFRESH_MS;
    struct payload_rule rule;

    (void)state;
    put(cache, 1000, VALIDATION_WARN, "{}", &rule);
    assert_false(schema_cache_find(cache, &tenant, order, then_ms, &rule));
    assert_true(schema_cache_find(cache, &tenant, order, then_ms, &rule));
    assert_false(schema_cache_find(cache, &tenant, order, 1000 + SCHEMA_CACHE_TTL_MS, &rule));
    assert_false(schema_cache_find(cache, &tenant, order, 1000 + SCHEMA_CACHE_TTL_MS, &rule));
    put(cache, then_ms, VALIDATION_OFF, NULL, &rule);
    assert_true(schema_cache_find(cache, &tenant, order, then_ms, &rule));
    assert_int_equal(rule.validation, VALIDATION_OFF);
    assert_null(rule.schema);
    schema_cache_free(cache);
}

static void test_the_same_schema_is_not_compiled_again(void **state)
{
    struct schema_cache *cache = schema_cache_new();
    struct payload_rule first, again, another;

    (void)state;
    put(cache, 0, VALIDATION_WARN, "{\"type\":\"null\"}", &first);
    put(cache, 1, VALIDATION_ENFORCE, "{\"type\":\"null\"}", &again);
    assert_ptr_equal(again.schema, first.schema);
    assert_int_equal(again.validation, VALIDATION_ENFORCE);
    put(cache, 2, VALIDATION_ENFORCE, "{\"type\":\"array\"}", &another);
    assert_true(hk_str_eq(schema_text(another.schema), HK_STR("{\"type\":\"array\"}")));
    schema_cache_free(cache);
}

static void test_a_schema_that_is_none_leaves_its_fault(void **state)
{
    struct schema_cache *cache = schema_cache_new();
    struct payload_rule rule;

    (void)state;
    put(cache, 0, VALIDATION_ENFORCE, "{\"type\":1}", &rule);
    assert_null(rule.schema);
    assert_string_equal(rule.fault->pointer, "/type");
    put(cache, 0, VALIDATION_OFF, "{\"type\":1}", &rule);
    assert_null(rule.fault);
    put(cache, 0, VALIDATION_ENFORCE, NULL, &rule);
    assert_true(rule.schema == NULL && rule.fault == NULL);
    schema_cache_free(cache);
}

/* A schema of about a megabyte compiled, for each of many types: old ones are given up. */
static void test_compiled_schemas_have_a_limit_together(void **state)
{
    struct schema_cache *cache = schema_cache_new();
    struct hk_buf text HK_CLEANUP(hk_buf_done);
    unsigned n_found = 0;
    struct payload_rule rule;
    char name[16];
    size_t size = 0;

    (void)state;
    hk_buf_init(&text, SCHEMA_MAX_BYTES);
    hk_buf_add_text(&text, "{\"anyOf\":[{}");
    for (int i = 0; i < 2000; i++)
        hk_buf_add_text(&text, ",{}");
    hk_buf_add_text(&text, "]}");
    for (int i = 0; i < 64; i++) {
        (void)snprintf(name, sizeof(name), "type%d", i);
        schema_cache_put(cache, &tenant, hk_str(name), 0, VALIDATION_WARN, hk_buf_str(&text),
                         &rule);
        assert_non_null(rule.schema);
        size = schema_size(rule.schema);
    }
    assert_true(size * 64 > SCHEMA_CACHE_MAX_BYTES);
    for (int i = 0; i < 64; i++) {
        (void)snprintf(name, sizeof(name), "type%d", i);
        n_found += schema_cache_find(cache, &tenant, hk_str(name), 0, &rule);
    }
    assert_true(n_found > 0 && n_found * size <= SCHEMA_CACHE_MAX_BYTES);
    schema_cache_free(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_entry_is_found_while_it_is_young),
        cmocka_unit_test(test_one_asks_again_while_the_others_go_on),
        cmocka_unit_test(test_the_same_schema_is_not_compiled_again),
        cmocka_unit_test(test_a_schema_that_is_none_leaves_its_fault),
        cmocka_unit_test(test_compiled_schemas_have_a_limit_together),
    };

    return cmocka_run_group_tests_name("schema_cache", tests, NULL, NULL);
}
