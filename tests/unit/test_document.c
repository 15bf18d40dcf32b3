/* SPDX-License-Identifier: Apache-2.0 */
/* What bodies of each type become, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "hk/document.h"

#define XML  "application/xml"
#define FORM "application/x-www-form-urlencoded"
#define PART "multipart/form-data; boundary=b"

struct sample {
    const char *type, *query, *body, *wanted; /* NULL: refused */
};

/* The body in memory of its own size. */
static bool convert(const char *type, const char *query, struct hk_str body, struct hk_buf *buf)
{
    const char *fault = NULL;
    char *copy = malloc(body.n + 1);
    bool is_taken;

    assert_non_null(copy);
    if (body.n > 0)
        memcpy(copy, body.p, body.n);
    hk_buf_init(buf, 32 << 20);
    is_taken = hk_document_from_body(hk_str(type), hk_str(query), (struct hk_str){copy, body.n},
                                     buf, &fault);
    free(copy);
    assert_int_equal(is_taken, fault == NULL);
    return is_taken;
}

static void check(const struct sample *samples, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct hk_buf buf HK_CLEANUP(hk_buf_done);
        bool is_taken = convert(samples[i].type, samples[i].query, hk_str(samples[i].body), &buf);

        if (is_taken != (samples[i].wanted != NULL))
            fail_msg("%s is %s", samples[i].body, is_taken ? "taken" : "refused");
        if (is_taken)
            assert_string_equal(buf.p, samples[i].wanted);
    }
}

#define CHECK(samples) check(samples, HK_COUNTOF(samples))

/* clang-format off */
static const struct sample jsons[] = {
    {"application/json", "", " {\"a\": 0.10, \"a\": 1e2}\n", "{\"a\": 0.10, \"a\": 1e2}"},
    {"application/vnd.api+json; charset=utf-8", "", "[1]", "[1]"},
    {"Application/JSON", "", "[1", NULL},
    {"application/json", "", "\"\\ud800\"", NULL},
    {"application/json", "", "\357\273\277{}", NULL},
    {"", "", "{\"no\": \"type\"}", "{\"no\": \"type\"}"},
    {"", "", "no JSON", "{\"content_type\":null,\"size\":7}"},
    {"application/octet-stream", "", "\1\2\377", "{\"content_type\":\"application/octet-stream\",\"size\":3}"},
    {"application/\377", "", "x", "{\"content_type\":null,\"size\":1}"},
    {"text/plain", "", "a \"b\"\n", "{\"content_type\":\"text/plain\",\"size\":6,\"text\":\"a \\\"b\\\"\\n\"}"},
    {"text/plain", "", "\377", "{\"content_type\":\"text/plain\",\"size\":1}"},
    {"application/json", "a=1", "", "{\"a\":\"1\"}"},
};

static const struct sample forms[] = {
    {FORM, "", "a=1&b=x+y&c=%C3%A9&a=2&d&=e", "{\"a\":[\"1\",\"2\"],\"b\":\"x y\",\"c\":\"\303\251\",\"d\":\"\",\"\":\"e\"}"},
    {FORM, "q=1", "a=1", "{\"a\":\"1\"}"},
    {FORM "; charset=UTF-8", "", "&&a=1&&", "{\"a\":\"1\"}"},
    {FORM, "", "a=%", NULL},
    {FORM, "", "a=%00", NULL},
    {FORM, "", "a=%ff", NULL},
    {FORM, "", "a=%2", NULL},
    {"", "a=1&b=2&a=3", "", "{\"a\":[\"1\",\"3\"],\"b\":\"2\"}"},
    {"", "", "", "{}"},
    {"", "a=%zz", "", NULL},
};

static const struct sample xmls[] = {
    {XML, "", "<a/>", "{\"a\":\"\"}"},
    {XML, "", "<a>x &amp; &lt;y&gt; &#233;&#x1F600;</a>", "{\"a\":\"x & <y> \303\251\360\237\230\200\"}"},
    {"text/xml; charset=utf-8", "", "<?xml version=\"1.0\"?>\n<a><b>1</b><c>2</c><b>3</b></a>\n",
     "{\"a\":{\"b\":[\"1\",\"3\"],\"c\":[\"2\"]}}"},
    {"application/soap+xml", "", "<s:E xmlns:s=\"u\" v=\"1\"><s:B>t</s:B></s:E>", "{\"s:E\":{\"@xmlns:s\":\"u\",\"@v\":\"1\",\"s:B\":[\"t\"]}}"},
    /* that of docs/flow-reference.md */
    {XML, "", "<order id=\"7\"><line sku=\"a\">two</line><line/><note>soon</note></order>",
     "{\"order\":{\"@id\":\"7\",\"line\":[{\"@sku\":\"a\",\"#text\":\"two\"},\"\"],\"note\":[\"soon\"]}}"},
    {XML, "", "<a b=\"&quot;\">t</a>", "{\"a\":{\"@b\":\"\\\"\",\"#text\":\"t\"}}"},
    {XML, "", "<a>x<b/>y<!-- c --><?p i?>z</a>", "{\"a\":{\"#text\":\"xyz\",\"b\":[\"\"]}}"},
    {XML, "", "<a>\n <b>\n </b>\n</a>", "{\"a\":{\"b\":[\"\\n \"]}}"},
    {XML, "", "<a><![CDATA[<b>]]></a>", "{\"a\":\"<b>\"}"},
    {XML, "", "<a><bb/><b/><ba/><b x=\"1\"/></a>", "{\"a\":{\"b\":[\"\",{\"@x\":\"1\"}],\"ba\":[\"\"],\"bb\":[\"\"]}}"},
    {XML, "", "<?xml version=\"1.0\" encoding=\"iso-8859-1\"?><a>\351</a>", "{\"a\":\"\303\251\"}"},
    {"text/xml; charset=\"ISO-8859-1\"", "", "<a>\351</a>", "{\"a\":\"\303\251\"}"},
    {"text/xml; charset=ebcdic", "", "<a/>", NULL},
    {XML, "", "<a>\351</a>", NULL},
    {XML, "", "<a><b></a></b>", NULL},
    {XML, "", "<a>", NULL},
    {XML, "", "<a/><b/>", NULL},
    {XML, "", "text", NULL},
    {XML, "", "<a b=\"1\" b=\"2\"/>", NULL},
    {XML, "", "<a>&#0;</a>", NULL},
    {XML, "", "<a>&#xD800;</a>", NULL},
    {XML, "", "<a>&e;</a>", NULL},
    /* a DOCTYPE, whatever is in it */
    {XML, "", "<!DOCTYPE a><a/>", NULL},
    {XML, "", "<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a/>", NULL},
    {XML, "", "<!DOCTYPE a [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><a>&e;</a>", NULL},
    {XML, "", "<?xml version=\"1.0\"?><!DOCTYPE l [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;\">"
              "<!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;\"><!ENTITY d \"&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;\">"
              "<!ENTITY e \"&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;\"><!ENTITY f \"&e;&e;&e;&e;&e;&e;&e;&e;&e;&e;\">"
              "<!ENTITY g \"&f;&f;&f;&f;&f;&f;&f;&f;&f;&f;\">]><l>&g;&g;&g;&g;&g;&g;&g;&g;&g;&g;</l>", NULL},
    {XML, "", "<!DOCTYPE a [<!ENTITY % p SYSTEM \"http://127.0.0.1/x\"> %p;]><a/>", NULL},
};

#define FIELD(name, value) "--b\r\nContent-Disposition: form-data; name=\"" name "\"\r\n\r\n" value "\r\n"

static const struct sample parts[] = {
    {PART, "", FIELD("a", "1") FIELD("b", "") FIELD("a", "2\r\n3") "--b--\r\n", "{\"a\":[\"1\",\"2\\r\\n3\"],\"b\":\"\"}"},
    {PART, "", "--b--", "{}"},
    {PART, "", "preamble\r\n" FIELD("a", "1") "--b--\r\nepilogue --b", "{\"a\":\"1\"}"},
    {PART, "", "--b \t\r\ncontent-type: text/plain\r\ncontent-disposition: form-data ; NAME=a\r\n\r\n1\r\n--b--", "{\"a\":\"1\"}"},
    {PART, "", FIELD("a", "\r\n--bb\r\n--b x\r\n --b") "--b--", "{\"a\":\"\\r\\n--bb\\r\\n--b x\\r\\n --b\"}"},
    {PART, "", "--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a;\\\"b\\\".c:\\d\"\r\nContent-Type: image/png\r\n\r\n\377\0" "x\r\n--b--",
     NULL /* the literal ends at its NUL: the end is missing */},
    {PART, "", "--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a;\\\"b\\\".c:\\d\"\r\nContent-Type: image/png\r\n\r\n\377xyz\r\n--b--",
     "{\"f\":{\"filename\":\"a;\\\"b\\\".c:\\\\d\",\"content_type\":\"image/png\",\"size\":4,\"offset\":99}}"},
    {PART, "", FIELD("a", "\377") "--b--", "{\"a\":{\"filename\":null,\"content_type\":null,\"size\":1,\"offset\":49}}"},
    {PART, "", "--b\r\nContent-Disposition: form-data; name=f; filename=\"\377\"\r\n\r\n\r\n--b--",
     "{\"f\":{\"filename\":\"?\",\"content_type\":null,\"size\":0,\"offset\":61}}"},
    {"multipart/form-data; charset=x; boundary=\"a b\"", "", "--a b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--a b--", "{\"a\":\"1\"}"},
    /* refused */
    {PART, "", FIELD("a", "1"), NULL},
    {PART, "", FIELD("a", "1") "--b-", NULL},
    {PART, "", "", "{}"},
    {PART, "", "--c--", NULL},
    {PART, "", "--b\r\n\r\n1\r\n--b--", NULL},
    {PART, "", "--b\r\nContent-Disposition: form-data\r\n\r\n1\r\n--b--", NULL},
    {PART, "", "--b\r\nContent-Disposition: attachment; name=\"a\"\r\n\r\n1\r\n--b--", NULL},
    {PART, "", "--b\r\nContent-Disposition: form-data; name=\"a\"\r\nContent-Disposition: form-data; name=\"b\"\r\n\r\n1\r\n--b--", NULL},
    {PART, "", "--b\r\nContent-Disposition: form-data; name=\"a\"; name=\"b\"\r\n\r\n1\r\n--b--", NULL},
    {PART, "", "--b\r\nContent-Disposition: form-data; name=\"a\"\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n1\r\n--b--", NULL},
    {PART, "", "--b\r\nContent-Disposition: form-data; name=\"a\"\r\nContent-Transfer-Encoding: base64\r\n\r\nMQ==\r\n--b--", NULL},
    {PART, "", "--b\r\nContent-Disposition: form-data; name=\"\377\"\r\n\r\n1\r\n--b--", NULL},
    {PART, "", "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n1\r\n--b--", NULL},
    {"multipart/form-data", "", "--b--", NULL},
    {"multipart/form-data; boundary=", "", "--b--", NULL},
    {"multipart/form-data; boundary=b; boundary=b", "", "--b--", NULL},
    {"multipart/form-data; boundary=b\001", "", "--b--", NULL},
    {"multipart/form-data; boundary=12345678901234567890123456789012345678901234567890123456789012345678901", "", "x", NULL},
    {"multipart/mixed; boundary=b", "", "--b--", "{\"content_type\":\"multipart/mixed; boundary=b\",\"size\":5}"},
};
/* clang-format on */

static void json_and_texts_are_as_they_are(void **state)
{
    (void)state;
    CHECK(jsons);
}

static void forms_and_queries_become_objects(void **state)
{
    (void)state;
    CHECK(forms);
}

static void xml_becomes_objects_and_a_doctype_is_refused(void **state)
{
    (void)state;
    CHECK(xmls);
}

static void parts_become_members_and_files_where_they_are(void **state)
{
    (void)state;
    CHECK(parts);
}

/* ---- what is large --------------------------------------------------------------------------- */

/* before, n times piece, behind. */
static bool repeat(const char *type, const char *before, const char *piece, size_t n,
                   const char *behind, struct hk_buf *ret)
{
    struct hk_buf body HK_CLEANUP(hk_buf_done);

    hk_buf_init(&body, 64 << 20);
    hk_buf_add_text(&body, before);
    for (size_t i = 0; i < n; i++)
        hk_buf_add_text(&body, piece);
    hk_buf_add_text(&body, behind);
    assert_false(body.is_full);
    return convert(type, "", hk_buf_str(&body), ret);
}

static bool is_taken(const char *type, const char *before, const char *piece, size_t n,
                     const char *behind)
{
    struct hk_buf buf HK_CLEANUP(hk_buf_done);

    return repeat(type, before, piece, n, behind, &buf);
}

static void each_limit_is_reached_and_not_passed(void **state)
{
    (void)state;
    assert_true(is_taken(FORM, "", "a=1&", HK_DOCUMENT_MAX_PAIRS, ""));
    assert_false(is_taken(FORM, "", "a=1&", HK_DOCUMENT_MAX_PAIRS + 1, ""));
    assert_true(is_taken(PART, "", FIELD("a", "1"), HK_DOCUMENT_MAX_PARTS, "--b--"));
    assert_false(is_taken(PART, "", FIELD("a", "1"), HK_DOCUMENT_MAX_PARTS + 1, "--b--"));
    assert_false(is_taken(PART, "", FIELD("a", "1"), 10000, "--b--"));
    assert_true(is_taken(PART, "--b\r\nContent-Disposition: form-data; name=a\r\n\r\n", "x",
                         HK_DOCUMENT_MAX_FIELD, "\r\n--b--"));
    assert_false(is_taken(PART, "--b\r\nContent-Disposition: form-data; name=a\r\n\r\n", "x",
                          HK_DOCUMENT_MAX_FIELD + 1, "\r\n--b--"));
    assert_true(is_taken(PART, "--b\r\nContent-Disposition: form-data; name=a; filename=f\r\n\r\n",
                         "x", HK_DOCUMENT_MAX_FIELD + 1, "\r\n--b--"));
    assert_true(is_taken(PART, "--b\r\nContent-Disposition: form-data; name=a\r\nX: ", "x", 8000,
                         "\r\n\r\n\r\n--b--"));
    assert_false(is_taken(PART, "--b\r\nContent-Disposition: form-data; name=a\r\nX: ", "x", 9000,
                          "\r\n\r\n\r\n--b--"));
    assert_true(is_taken(XML, "<a>", "<b/>", HK_DOCUMENT_MAX_NODES - 2, "</a>"));
    assert_false(is_taken(XML, "<a>", "<b/>", HK_DOCUMENT_MAX_NODES, "</a>"));
}

static void xml_is_as_deep_as_its_json_may_be(void **state)
{
    struct hk_buf deep HK_CLEANUP(hk_buf_done), closing HK_CLEANUP(hk_buf_done);

    (void)state;
    hk_buf_init(&deep, 1 << 20);
    hk_buf_init(&closing, 1 << 20);
    for (int i = 0; i < HK_DOCUMENT_MAX_DEPTH; i++) {
        hk_buf_add_text(&deep, "<a b=\"1\">");
        hk_buf_add_text(&closing, "</a>");
    }
    assert_true(is_taken(XML, deep.p, "", 0, closing.p));
    hk_buf_add_text(&deep, "<c/>");
    assert_false(is_taken(XML, deep.p, "", 0, closing.p));
}

/* Texts in pieces, delimiters that are none, one name of all, another name for each: in time. */
static void nothing_takes_quadratic_time(void **state)
{
    struct hk_buf names HK_CLEANUP(hk_buf_done), buf HK_CLEANUP(hk_buf_done);

    (void)state;
    assert_true(is_taken(XML, "<a>", "\n", 1 << 20, "</a>"));
    assert_true(is_taken(XML, "<a>", "x&amp;\n", 1 << 17, "</a>"));
    assert_true(is_taken(XML, "<a>", "x<b/>", HK_DOCUMENT_MAX_NODES / 2 - 2, "</a>"));
    assert_true(is_taken(PART, "--b\r\nContent-Disposition: form-data; name=a; filename=f\r\n\r\n",
                         "\r\n--bx", 1 << 17, "\r\n--b--"));
    assert_false(is_taken(PART, "", "\r\n--b", 1 << 17, ""));
    assert_false(is_taken(PART, "--b\r\n", "\r\n--b\r\n", 1 << 17, ""));

    hk_buf_init(&names, 8 << 20);
    hk_buf_add_text(&names, "<a>");
    for (unsigned i = 0; i < HK_DOCUMENT_MAX_NODES - 2; i++)
        hk_buf_printf(&names, "<b%u/>", i * 7919 % 1000003);
    hk_buf_add_text(&names, "</a>");
    assert_true(convert(XML, "", hk_buf_str(&names), &buf));
    hk_buf_done(&buf);
    hk_buf_clear(&names);
    for (unsigned i = 0; i < HK_DOCUMENT_MAX_PAIRS; i++)
        hk_buf_printf(&names, "name%u=%u&", i, i);
    assert_true(convert(FORM, "", hk_buf_str(&names), &buf));
}

static void what_does_not_fit_is_refused(void **state)
{
    const char *fault = NULL;
    struct hk_buf buf HK_CLEANUP(hk_buf_done);

    (void)state;
    hk_buf_init(&buf, 16);
    assert_false(
        hk_document_from_body(HK_STR(XML), HK_STR(""), HK_STR("<a>0123456789</a>"), &buf, &fault));
    assert_string_equal(fault, "what the body becomes is too large");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_and_texts_are_as_they_are),
        cmocka_unit_test(forms_and_queries_become_objects),
        cmocka_unit_test(xml_becomes_objects_and_a_doctype_is_refused),
        cmocka_unit_test(parts_become_members_and_files_where_they_are),
        cmocka_unit_test(each_limit_is_reached_and_not_passed),
        cmocka_unit_test(xml_is_as_deep_as_its_json_may_be),
        cmocka_unit_test(nothing_takes_quadratic_time),
        cmocka_unit_test(what_does_not_fit_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
