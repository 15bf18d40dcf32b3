/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hk/flow_steps.h - the steps of a flow: data, checked when they are written and read again by the
 * worker. Pure.
 *
 * An array of at most HK_FLOW_MAX_STEPS objects, each with a "name" ([a-z0-9][a-z0-9_-]{0,63}, no
 * two the same) and a "kind":
 *
 *     filter  "condition": hk/filter.h
 *     map     "template": hk/template.h
 *     http    "method" (POST), "url", "headers"?: {name: text}, "body"?: a template, or "request"
 *             for the bytes that came; "content_type"? (application/json), "credentials"?,
 *             "timeout_ms"? (10000), "schedule"? (hk/schedule.h), "on_failure"?: fail, continue
 *     emit    "event_type", "company": text, "payload"?: a template
 *     wait    "key": text, "timeout_seconds", "on_timeout"?: fail, continue
 *
 * Texts are templates of text. Without a template the value goes on as it is. A body that is a
 * string, with a content type other than JSON, is a template of text.
 *
 * Credentials: {"kind": "basic", "username", "secret"}, {"kind": "bearer", "secret"},
 * {"kind": "header", "header", "secret"}, {"kind": "oauth2", "token_url", "client_id", "scope"?,
 * "secret"}. The secret is written and never shown: hk_flow_steps_write() leaves it out.
 */
#ifndef HK_FLOW_STEPS_H
#define HK_FLOW_STEPS_H

#include "hk/buf.h"
#include "hk/err.h"

enum {
    HK_FLOW_MAX_STEPS = 20,
    HK_FLOW_MAX_STEPS_BYTES = 65536,
    HK_FLOW_MAX_HEADERS = 16, /* of an http step */
    HK_FLOW_MAX_SECRET_BYTES = 4096,
    HK_FLOW_MAX_TIMEOUT_MS = 30000,
    HK_FLOW_MAX_WAIT_S = 30 * 86400,
};

enum hk_step_kind { HK_STEP_FILTER, HK_STEP_MAP, HK_STEP_HTTP, HK_STEP_EMIT, HK_STEP_WAIT };

enum hk_step_credentials {
    HK_STEP_ANONYMOUS,
    HK_STEP_BASIC,
    HK_STEP_BEARER,
    HK_STEP_HEADER,
    HK_STEP_OAUTH2,
};

enum hk_step_body {
    HK_STEP_BODY_VALUE,   /* what the step works on */
    HK_STEP_BODY_REQUEST, /* the bytes that came, with their content type unless one is said */
    HK_STEP_BODY_JSON,    /* hk_template_render() of `template` */
    HK_STEP_BODY_TEXT,    /* hk_template_render_text() of `template`, as content_type asks for */
    HK_STEP_BODY_NONE,    /* a GET, HEAD or DELETE without a template */
};

struct hk_step_header {
    struct hk_str name, value; /* the value is a template of text */
};

/* Members that a kind does not have are zero. Strings are decoded; .p is NULL for what is absent.
 */
struct hk_flow_step {
    enum hk_step_kind kind;
    struct hk_str name;
    bool goes_on; /* after a failure (http), or without a signal (wait) */
    struct hk_str condition;
    struct hk_str template; /* JSON, as it was written; a decoded text with HK_STEP_BODY_TEXT */

    struct hk_str method, url; /* http; url is a template of text whose host has no placeholder */
    struct hk_str content_type;
    enum hk_step_body body;
    unsigned n_headers;
    struct hk_step_header headers[HK_FLOW_MAX_HEADERS];
    int64_t timeout_ms;
    struct hk_str schedule; /* .p NULL: the flow's own */
    enum hk_step_credentials credentials;
    struct hk_str username, header, token_url, client_id, scope;
    struct hk_str secret;           /* that stood in the JSON, for who seals it as 'step.<name>' */
    struct hk_str credentials_json; /* private */

    struct hk_str event_type, company; /* emit; company is a template of text */
    struct hk_str key;                 /* wait: a template of text */
    int64_t timeout_s;
};

struct hk_flow_steps {
    unsigned n;
    struct hk_flow_step step[HK_FLOW_MAX_STEPS];
    struct hk_str json; /* private: borrowed, what was parsed */
    char *text;         /* private: decoded strings, secrets among them */
};

/*
 * HK_OK, or HK_INVALID_BODY with a pointer that begins with `pointer` ("/steps"). `json` is
 * borrowed until hk_flow_steps_done(), which wipes and frees; on failure there is nothing to free.
 * `allows_http`: see hk_url_check().
 */
HK_NODISCARD enum hk_code hk_flow_steps_parse(struct hk_str json, const char *pointer,
                                              bool allows_http, struct hk_flow_steps *ret,
                                              struct hk_error *reterr);
void hk_flow_steps_done(struct hk_flow_steps *steps);

/* Appends the array as it was written, without the secrets. */
void hk_flow_steps_write(const struct hk_flow_steps *steps, struct hk_buf *buf);

/* The step of that name; its number, or HK_FLOW_MAX_STEPS when there is none. */
unsigned hk_flow_steps_find(const struct hk_flow_steps *steps, struct hk_str name);

#endif
