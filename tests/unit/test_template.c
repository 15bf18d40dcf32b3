/* SPDX-License-Identifier: Apache-2.0 */
/* What templates become, and what is wrong with those that are none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "hk/json_scan.h"
#include "hk/template.h"

#define VALUE                                                                                      \
    "{\"title\": \"Gr\\u00fc\\u00dfe \\\"aus\\\" K\303\266ln\", \"n\": 0.10, \"big\": "            \
    "123456789012345678901234567890, \"no\": null, \"yes\": true, \"empty\": \"\", "               \
    "\"odd name\": 1, \"a\\\"b\": 2, \"lines\": [{\"p\": 1}, {\"p\": 2}], \"o\": {\"x\": "         \
    "[1, 2]}, \"nul\": \"\\u0000\", \"twice\": 1, \"twice\": 2, \"crlf\": \"a\\r\\nb\", "          \
    "\"up\": \"..\", \"path\": \"a/b?c&d=\303\251\"}"

static const struct hk_template_scope scope = {
    .value = {VALUE, sizeof(VALUE) - 1},
    .request = {"{\"method\":\"POST\",\"headers\":{\"x-id\":\"7\"}}", 42},
    .steps = {"{\"call\":{\"status\":200}}", 23},
    .flow = {"{\"name\":\"f\"}", 12},
};

struct sample {
    const char *template, *wanted; /* NULL: it fails when it is rendered */
};

static void json_templates_become_json(void **state)
{
    static const struct sample samples[] = {
        {"{}", "{}"},
        {"[1, \"a\", {\"b\" : null}]", "[1, \"a\", {\"b\" : null}]"},
        /* alone: the value, byte for byte */
        {"\"{{ $.n }}\"", "0.10"},
        {"\"{{$.big}}\"", "123456789012345678901234567890"},
        {"{\"a\": \"{{ $.o }}\"}", "{\"a\": {\"x\": [1, 2]}}"},
        {"\"{{ $.title }}\"", "\"Gr\\u00fc\\u00dfe \\\"aus\\\" K\303\266ln\""},
        {"\"{{ $.yes }}\"", "true"},
        {"\"{{ $.nul }}\"", "\"\\u0000\""},
        {"\"{{ $.missing }}\"", "null"},
        {"\"{{ $.no }}\"", "null"},
        {"[\"{{ $steps.call.status }}\",\"{{ $flow.name }}\",\"{{ $request.headers.x-id }}\"]",
         "[200,\"f\",\"7\"]"},
        {"\"{{ $steps.other.status }}\"", "null"},
        /* beside others: text */
        {"\"n={{ $.n }}\"", "\"n=0.10\""},
        {"\" {{ $.yes }}\"", "\" true\""},
        {"\"{{ $.no }}{{ $.missing }}\"", "\"\""},
        {"\"{{ $.title }}!\"", "\"Gr\303\274\303\237e \\\"aus\\\" K\303\266ln!\""},
        {"\"-{{ $.o.x }}-\"", "\"-[1, 2]-\""},
        {"\"{{ $.crlf }}.\"", "\"a\\r\\nb.\""},
        {"\"\\u007b\\u007b $.n }}\"", "0.10"},
        {"\"\\\"{{ $[\\\"odd name\\\"] }}\\\"\"", "\"\\\"1\\\"\""},
        /* paths */
        {"\"{{ $[\\\"a\\\\\\\"b\\\"] }}\"", "2"},
        {"\"{{ $.lines[1].p }}\"", "2"},
        {"\"{{ $.lines[2].p }}\"", "null"},
        {"\"{{ $.lines.p }}\"", "1"},
        {"\"{{ $.n[0] }}\"", "0.10"},
        {"\"{{ $.n[1] }}\"", "null"},
        {"\"{{ $.n.x }}\"", "null"},
        {"\"{{ $.twice }}\"", "1"},
        /* filters */
        {"\"{{ $.title | max 5 }}\"", "\"Gr\303\274\303\237e\""},
        {"\"{{ $.title | max 0 }}\"", "\"\""},
        {"\"{{ $.title | max 999999 }}\"", "\"Gr\303\274\303\237e \\\"aus\\\" K\303\266ln\""},
        {"\"{{ $.n | max 3 }}\"", "\"0.1\""},
        {"\"{{ $.missing | max 3 }}\"", "null"},
        {"\"{{ $.missing | default \\\"x\\\" }}\"", "\"x\""},
        {"\"{{ $.no|default 5 }}\"", "5"},
        {"\"{{ $.no | default false }}\"", "false"},
        {"\"{{ $.empty | default 5 }}\"", "\"\""},
        {"\"{{ $.no | default \\\"abc\\\" | max 2 }}\"", "\"ab\""},
        {"\"{{ $.no | default \\\"}}\\\" }}\"", "\"}}\""},
        {"\"{{ \\\"{{\\\" }} $.n }}\"", "\"{{ $.n }}\""},
        /* names of members, and lone braces, are what they are */
        {"{\"{{ $.n }}\": \"}} { }\"}", "{\"{{ $.n }}\": \"}} { }\"}"},
        {"{\"a\" \n: \"{{ $.n }}\" }", "{\"a\" \n: 0.10 }"},
        /* failures */
        {"\"x{{ $.nul }}\"", NULL},
    };

    (void)state;
    for (size_t i = 0; i < HK_COUNTOF(samples); i++) {
        struct hk_str template = hk_str(samples[i].template);
        struct hk_buf buf HK_CLEANUP(hk_buf_done);
        const char *fault = NULL;
        struct hk_error error;
        bool is_rendered;

        hk_buf_init(&buf, 4096);
        if (hk_template_check(template, "", &error) != HK_OK)
            fail_msg("%s: %s", samples[i].template, error.detail);
        is_rendered = hk_template_render(template, &scope, &buf, &fault);
        if (is_rendered != (samples[i].wanted != NULL))
            fail_msg("%s: %s", samples[i].template, fault);
        if (is_rendered)
            assert_string_equal(buf.p, samples[i].wanted);
    }
}

static void what_is_no_template_is_refused(void **state)
{
    static const char *const samples[] = {
        "\"{{\"",
        "\"{{ }}\"",
        "\"{{ $ }\"",
        "\"{{ $.a }} {{\"",
        "\"{{ $x }}\"",
        "\"{{ $. }}\"",
        "\"{{ $.1 }}\"",
        "\"{{ $.a.. }}\"",
        "\"{{ $[ }}\"",
        "\"{{ $[-1] }}\"",
        "\"{{ $[*] }}\"",
        "\"{{ $[1234567] }}\"",
        "\"{{ $[\\\"a] }}\"",
        "\"{{ $[\\\"\\\\u0000\\\"] }}\"",
        "\"{{ $.a b }}\"",
        "\"{{ $.a | }}\"",
        "\"{{ $.a | min 3 }}\"",
        "\"{{ $.a | max }}\"",
        "\"{{ $.a | max -1 }}\"",
        "\"{{ $.a | max3 }}\"",
        "\"{{ $.a | default }}\"",
        "\"{{ $.a | default [] }}\"",
        "\"{{ $.a | default $.b }}\"",
        "\"{{ $.a | max 1 | max 1 | max 1 | max 1 | max 1 }}\"",
        "\"{{ $.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a }}\"",
        "\"{{{ $.a }}}\"",
        "\"{{ $.a + 1 }}\"",
        "\"{{ system }}\"",
        "\"\\u0000{{ $.a }}\"",
        "{\"a\": }",
        "",
    };

    (void)state;
    for (size_t i = 0; i < HK_COUNTOF(samples); i++) {
        struct hk_error error = {.code = HK_OK};

        if (hk_template_check(hk_str(samples[i]), "/template", &error) != HK_INVALID_BODY)
            fail_msg("%s is taken", samples[i]);
        assert_string_equal(error.pointer, "/template");
        assert_true(strlen(error.detail) > 10);
    }
}

static void texts_are_written_for_their_use(void **state)
{
    static const struct {
        enum hk_template_use use;
        const char *template, *wanted;
    } samples[] = {
        {HK_TEMPLATE_PLAIN, "{{ $.title }}", "Gr\303\274\303\237e \"aus\" K\303\266ln"},
        {HK_TEMPLATE_PLAIN, "[{{ $.missing }}|{{ $.o }}]", "[|{\"x\": [1, 2]}]"},
        {HK_TEMPLATE_PLAIN, "{{ $.nul }}", NULL},
        {HK_TEMPLATE_URL, "https://a.example/{{ $.path }}?q={{ $.title | max 4 }}",
         "https://a.example/a%2Fb%3Fc%26d%3D%C3%A9?q=Gr%C3%BC%C3%9F"},
        {HK_TEMPLATE_URL, "https://a.example/{{ $.n }}/{{ $.yes }}", "https://a.example/0.10/true"},
        {HK_TEMPLATE_URL, "https://a.example/{{ $.missing }}", NULL},
        {HK_TEMPLATE_URL, "https://a.example/{{ $.empty }}/x", NULL},
        {HK_TEMPLATE_URL, "https://a.example/{{ $.o }}", NULL},
        {HK_TEMPLATE_URL, "https://a.example/{{ $.missing | default \"x\" }}",
         "https://a.example/x"},
        {HK_TEMPLATE_URL, "https://a.example/x/{{ $.up }}/y", NULL},
        {HK_TEMPLATE_URL, "https://a.example/x/{{ $.up | max 1 }}{{ $.up | max 1 }}", NULL},
        {HK_TEMPLATE_URL, "https://a.example/x/{{ $.up | max 1 }}?a", NULL},
        {HK_TEMPLATE_URL, "https://a.example/x?{{ $.up }}/{{ $.up }}", "https://a.example/x?../.."},
        {HK_TEMPLATE_URL, "https://a.example/x{{ $.up }}", "https://a.example/x.."},
        {HK_TEMPLATE_HEADER, "id {{ $.n }}", "id 0.10"},
        {HK_TEMPLATE_HEADER, "{{ $.crlf }}", NULL},
        {HK_TEMPLATE_HEADER, "{{ $.missing }}", NULL},
        {HK_TEMPLATE_FORM, "status={{ $.path }}&x={{ $.missing }}",
         "status=a%2Fb%3Fc%26d%3D%C3%A9&x="},
        {HK_TEMPLATE_KEY, "order {{ $.lines[0].p }}", "order 1"},
        {HK_TEMPLATE_KEY, "{{ $.missing }}", NULL},
        {HK_TEMPLATE_KEY, "plain", "plain"},
    };

    (void)state;
    for (size_t i = 0; i < HK_COUNTOF(samples); i++) {
        struct hk_str template = hk_str(samples[i].template);
        struct hk_buf buf HK_CLEANUP(hk_buf_done);
        const char *fault = "";
        bool is_rendered;

        hk_buf_init(&buf, 4096);
        assert_int_equal(hk_template_check_text(template, "", NULL), HK_OK);
        is_rendered = hk_template_render_text(template, samples[i].use, &scope, &buf, &fault);
        if (is_rendered != (samples[i].wanted != NULL))
            fail_msg("%s: %s", samples[i].template, fault);
        if (is_rendered)
            assert_string_equal(buf.p, samples[i].wanted);
    }
}

static void output_is_bounded(void **state)
{
    struct hk_buf buf HK_CLEANUP(hk_buf_done), deep HK_CLEANUP(hk_buf_done);
    struct hk_template_scope deep_scope = {.value = HK_STR_NULL};
    const char *fault = NULL;

    (void)state;
    hk_buf_init(&buf, 64);
    hk_buf_init(&deep, 4096);
    assert_false(hk_template_render(HK_STR("[\"{{ $ }}\"]"), &scope, &buf, &fault));
    assert_string_equal(fault, "it becomes too large");
    hk_buf_clear(&buf);
    assert_false(hk_template_render(HK_STR("\"x{{ $ }}\""), &scope, &buf, &fault));
    assert_string_equal(fault, "it becomes too large");
    hk_buf_clear(&buf);
    assert_false(
        hk_template_render_text(HK_STR("{{ $.title }}{{ $.title }}{{ $.title }}{{ $.title }}"),
                                HK_TEMPLATE_PLAIN, &scope, &buf, &fault));
    hk_buf_done(&buf);

    hk_buf_init(&buf, 4096);
    for (int i = 0; i < HK_JSON_MAX_DEPTH; i++)
        hk_buf_add_text(&deep, "[");
    for (int i = 0; i < HK_JSON_MAX_DEPTH; i++)
        hk_buf_add_text(&deep, "]");
    deep_scope.value = hk_buf_str(&deep);
    assert_true(hk_template_render(HK_STR("\"{{ $ }}\""), &deep_scope, &buf, &fault));
    assert_false(hk_template_render(HK_STR("[\"{{ $ }}\"]"), &deep_scope, &buf, &fault));
    assert_string_equal(fault, "it becomes too deep");
}

/* 256 paths over a value of a mebibyte would walk over 256 MiB. */
static void paths_do_not_walk_for_ever(void **state)
{
    struct hk_buf value HK_CLEANUP(hk_buf_done), template HK_CLEANUP(hk_buf_done),
        buf HK_CLEANUP(hk_buf_done);
    struct hk_template_scope large = {.value = HK_STR_NULL};
    const char *fault = NULL;
    size_t n_read = 0;

    (void)state;
    hk_buf_init(&value, 2 << 20);
    hk_buf_init(&template, HK_TEMPLATE_MAX_BYTES);
    hk_buf_init(&buf, 4096);
    hk_buf_add_text(&value, "[0");
    while (value.n < 1 << 20)
        hk_buf_add_text(&value, ",\"0123456789012345678901234567890123456789012345678901234567\"");
    hk_buf_add_text(&value, "]");
    large.value = hk_buf_str(&value);
    hk_buf_add_text(&template, "[0");
    for (int i = 0; i < HK_TEMPLATE_MAX_PLACEHOLDERS; i++)
        hk_buf_add_text(&template, ",\"{{ $[999999] }}\"");
    hk_buf_add_text(&template, "]");
    assert_int_equal(hk_template_check(hk_buf_str(&template), "", NULL), HK_OK);
    assert_false(hk_template_render(hk_buf_str(&template), &large, &buf, &fault));
    assert_string_equal(fault, "its paths walk over too much of the value");

    large.n_read = &n_read; /* several templates of one step walk no further */
    while (hk_template_render(HK_STR("\"{{ $[999999] }}\""), &large, &buf, &fault))
        assert_true(n_read <= HK_TEMPLATE_MAX_READ_BYTES);
    assert_true(n_read > HK_TEMPLATE_MAX_READ_BYTES);
    template.n--;
    hk_buf_add_text(&template, ",\"{{ $ }}\"]");
    assert_int_equal(hk_template_check(hk_buf_str(&template), "", NULL), HK_INVALID_BODY);
}

static void a_scope_of_nothing_is_null(void **state)
{
    struct hk_template_scope nothing = {.value = HK_STR_NULL};
    struct hk_buf buf HK_CLEANUP(hk_buf_done);
    const char *fault = NULL;

    (void)state;
    hk_buf_init(&buf, 64);
    assert_true(hk_template_render(HK_STR("[\"{{ $ }}\", \"{{ $request.a }}\", \"a{{ $steps }}\"]"),
                                   &nothing, &buf, &fault));
    assert_string_equal(buf.p, "[null, null, \"a\"]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_templates_become_json),
        cmocka_unit_test(what_is_no_template_is_refused),
        cmocka_unit_test(texts_are_written_for_their_use),
        cmocka_unit_test(output_is_bounded),
        cmocka_unit_test(paths_do_not_walk_for_ever),
        cmocka_unit_test(a_scope_of_nothing_is_null),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
