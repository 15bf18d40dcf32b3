/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inbound_cost - what a request to a flow costs beside its way into the database: the check of its
 * credential, a template over it, its body as JSON. One line of JSON each: tests/bench/run.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "hk/document.h"
#include "hk/encode.h"
#include "hk/inbound_credential.h"
#include "hk/template.h"

enum { TIMES = 200000, BODY_BYTES = 1024 };

static double now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void print(const char *figure, double took_ns, unsigned accepted_ns)
{
    (void)printf("{\"figure\":\"%s, ns\",\"value\":%.0f,\"accepted\":\"<= %u\"}\n", figure,
                 took_ns / TIMES, accepted_ns);
}

static bool verify(const char *figure, const char *json, const struct hk_inbound_header *headers,
                   size_t n_headers, struct hk_str body, unsigned accepted_ns)
{
    struct hk_inbound_secrets secrets = {{HK_STR("secret")}, 1};
    struct hk_inbound_request request = {
        .method = HK_STR("POST"), .headers = headers, .n_headers = n_headers, .body = body};
    struct hk_inbound_credential credential;
    struct hk_inbound_id id;
    bool is_right = true;
    double start_ns;

    if (hk_inbound_credential_parse(hk_str(json), "", &credential, NULL) != HK_OK)
        return false;
    start_ns = now_ns();
    for (unsigned i = 0; i < TIMES && is_right; i++)
        is_right = hk_inbound_verify(&credential, &secrets, &request, 1, &id) == HK_INBOUND_OK;
    print(figure, now_ns() - start_ns, accepted_ns);
    hk_inbound_credential_done(&credential);
    return is_right;
}

/* An object of about that size. */
static struct hk_str write_body(struct hk_buf *buf)
{
    hk_buf_add_text(buf, "{\"id\":\"evt_1\",\"title\":\"A post\",\"lines\":[0");
    while (buf->n < BODY_BYTES - 60)
        hk_buf_add_text(buf, ",{\"sku\":\"A-1\",\"price\":12.50,\"text\":\"a line\"}");
    hk_buf_add_text(buf, "],\"url\":\"https://a.example/1\"}");
    return hk_buf_str(buf);
}

static bool verify_all(struct hk_str body)
{
    char github[80] = "sha256=", stripe[96] = "t=1,v1=";
    uint8_t mac[HK_MAC_MAX_BYTES];
    struct hk_str parts[] = {HK_STR("1."), body};
    struct hk_inbound_header headers[] = {
        {HK_STR("Host"), HK_STR("a.example")},
        {HK_STR("Content-Type"), HK_STR("application/json")},
        {HK_STR("User-Agent"), HK_STR("GitHub-Hookshot/1")},
        {HK_STR("X-GitHub-Delivery"), HK_STR("72d3162e-cc78-11e3-81ab-4c9367dc0958")},
        {HK_STR("X-Hub-Signature-256"), {github, 7 + 64}},
        {HK_STR("Stripe-Signature"), {stripe, 7 + 64}},
    };

    hk_hex_encode(mac, hk_mac(HK_SHA256, HK_STR("secret"), &body, 1, mac), github + 7);
    hk_hex_encode(mac, hk_mac(HK_SHA256, HK_STR("secret"), parts, 2, mac), stripe + 7);
    return verify("check a GitHub signature of 1 KB", "{\"kind\":\"github\"}", headers,
                  HK_COUNTOF(headers), body, 5000) &&
           verify("check a Stripe signature of 1 KB and find its id", "{\"kind\":\"stripe\"}",
                  headers, HK_COUNTOF(headers), body, 8000);
}

static bool render(struct hk_str body)
{
    struct hk_template_scope scope = {.value = body};
    struct hk_buf buf;
    const char *fault;
    bool is_ok = true;
    double start_ns = now_ns();

    hk_buf_init(&buf, 1 << 16);
    for (unsigned i = 0; i < TIMES && is_ok; i++) {
        hk_buf_clear(&buf);
        is_ok = hk_template_render(
            HK_STR("{\"text\":\"{{ $.title | max 200 }} {{ $.url }}\",\"price\":\"{{ "
                   "$.lines[3].price }}\",\"all\":\"{{ $ }}\"}"),
            &scope, &buf, &fault);
    }
    print("render a template of four placeholders over 1 KB", now_ns() - start_ns, 20000);
    hk_buf_done(&buf);
    return is_ok;
}

static bool convert(struct hk_str body)
{
    struct hk_buf xml, buf;
    const char *fault;
    bool is_ok = true;
    double start_ns;

    (void)body;
    hk_buf_init(&xml, 1 << 16);
    hk_buf_init(&buf, 1 << 16);
    hk_buf_add_text(&xml, "<order id=\"1\">");
    while (xml.n < BODY_BYTES - 10)
        hk_buf_add_text(&xml, "<line sku=\"A-1\"><price>12.50</price></line>");
    hk_buf_add_text(&xml, "</order>");
    start_ns = now_ns();
    for (unsigned i = 0; i < TIMES && is_ok; i++) {
        hk_buf_clear(&buf);
        is_ok =
            hk_document_from_body(HK_STR("text/xml"), HK_STR(""), hk_buf_str(&xml), &buf, &fault);
    }
    print("make JSON of 1 KB of XML", now_ns() - start_ns, 100000);
    hk_buf_done(&xml);
    hk_buf_done(&buf);
    return is_ok;
}

int main(void)
{
    struct hk_buf buf;
    struct hk_str body;
    bool is_ok;

    hk_buf_init(&buf, (size_t)2 * BODY_BYTES);
    body = write_body(&buf);
    is_ok = verify_all(body) && render(body) && convert(body);
    hk_buf_done(&buf);
    return is_ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
