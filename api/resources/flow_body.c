/* SPDX-License-Identifier: Apache-2.0 */
#include "api/resources/flow_body.h"

#include <assert.h>
#include <stdio.h>

#include "api/http/call.h"
#include "api/resources/sealed_body.h"
#include "hk/flow_steps.h"
#include "hk/inbound_credential.h"
#include "hk/json_scan.h"
#include "hk/stored_secrets.h"

enum {
    MAX_BODY_BYTES = 1 << 20,    /* the body's members have caps of their own */
    MAX_DERIVED_BYTES = 1 << 20, /* 21 secrets, sealed, and a fault for each step */
};

/* What is being made of a body. */
struct flow_body {
    struct call *call;
    struct hk_str tenant_id, flow_id;
    struct hk_buf body;    /* its members as they are stored */
    struct hk_buf secrets; /* of "=derived": members */
    struct hk_buf faults;  /* elements */
    bool has_credential, needs_secret;
};

static void seal(struct flow_body *flow, const char *name, struct hk_str secret)
{
    struct hk_vault_place place =
        hk_place_of_flow_secret(flow->tenant_id, flow->flow_id, hk_str(name));
    struct hk_buf sealed HK_CLEANUP(hk_buf_done);

    assert(secret.n <= HK_VAULT_MAX_BYTES); /* its parser has a lower cap */
    hk_buf_init(&sealed, HK_VAULT_SEALED_SIZE(HK_VAULT_MAX_BYTES));
    hk_vault_seal(call_vault(flow->call), &place, secret, &sealed);
    if (flow->secrets.n > 0)
        hk_buf_add_text(&flow->secrets, ",");
    hk_buf_add_json_member(&flow->secrets, name, hk_buf_str(&sealed));
}

static enum hk_code add_credential(struct flow_body *flow, struct hk_str json,
                                   struct hk_error *reterr)
{
    struct hk_inbound_credential credential;
    enum hk_code code = hk_inbound_credential_parse(json, "/credential", &credential, reterr);
    const char *fault = NULL;

    if (code != HK_OK)
        return code;
    if (credential.secret.p != NULL)
        fault = hk_inbound_secret_fault(&credential, credential.secret);
    if (fault != NULL) {
        code = hk_fail(reterr, HK_INVALID_BODY, "/credential/secret", "%s", fault);
    } else {
        flow->has_credential = true;
        flow->needs_secret = hk_inbound_needs_secret(&credential);
        if (credential.secret.p != NULL)
            seal(flow, "credential", credential.secret);
        hk_inbound_credential_write(&credential, &flow->body);
    }
    hk_inbound_credential_done(&credential);
    return code;
}

/* What is wrong with each step for a tenant that may call https and public hosts only. */
static void add_url_faults(struct flow_body *flow, struct hk_str json)
{
    struct hk_json_cursor cursor = {.bytes = json};
    struct hk_json_span step;
    struct hk_str name;
    struct hk_error error;

    for (unsigned i = 0; hk_json_next(&cursor, &name, &step); i++) {
        struct hk_buf alone HK_CLEANUP(hk_buf_done);
        struct hk_flow_steps steps;
        char pointer[sizeof(error.pointer) + 24];

        hk_buf_init(&alone, step.bytes.n + 3);
        hk_buf_add_text(&alone, "[");
        hk_buf_add_str(&alone, step.bytes);
        hk_buf_add_text(&alone, "]");
        if (hk_flow_steps_parse(hk_buf_str(&alone), "/steps", false, &steps, &error) == HK_OK) {
            hk_flow_steps_done(&steps);
            continue;
        }
        (void)snprintf(pointer, sizeof(pointer), "/steps/%u%.*s", i, (int)sizeof(error.pointer),
                       error.pointer + strlen("/steps/0"));
        hk_buf_add_text(&flow->faults, flow->faults.n > 0 ? ",{" : "{");
        hk_buf_add_json_member(&flow->faults, "pointer", hk_str(pointer));
        hk_buf_add_text(&flow->faults, ",");
        hk_buf_add_json_member(&flow->faults, "detail", hk_str(error.detail));
        hk_buf_add_text(&flow->faults, "}");
    }
}

static enum hk_code add_steps(struct flow_body *flow, struct hk_str json, struct hk_error *reterr)
{
    struct hk_flow_steps steps;
    enum hk_code code = hk_flow_steps_parse(json, "/steps", true, &steps, reterr);

    if (code != HK_OK)
        return code;
    for (unsigned i = 0; i < steps.n; i++) {
        char name[80];

        if (steps.step[i].secret.p == NULL)
            continue;
        (void)snprintf(name, sizeof(name), "step.%.*s", (int)steps.step[i].name.n,
                       steps.step[i].name.p);
        seal(flow, name, steps.step[i].secret);
    }
    hk_flow_steps_write(&steps, &flow->body);
    hk_flow_steps_done(&steps);
    add_url_faults(flow, json);
    return HK_OK;
}

static enum hk_code add_members(struct flow_body *flow, struct hk_error *reterr)
{
    struct hk_json_cursor cursor = {.bytes = flow->call->body};
    struct hk_json_span value;
    struct hk_str name;
    size_t at;

    if (!hk_json_scan(flow->call->body, &value, &at))
        return HK_OK; /* there is none */
    cursor.bytes = value.bytes;
    hk_buf_add_text(&flow->body, "{");
    for (bool is_first = true; hk_json_next(&cursor, &name, &value); is_first = false) {
        enum hk_code code = HK_OK;

        if (!is_first)
            hk_buf_add_text(&flow->body, ",");
        hk_buf_add_str(&flow->body, name);
        hk_buf_add_text(&flow->body, ":");
        if (hk_json_string_eq(name, "credential"))
            code = add_credential(flow, value.bytes, reterr);
        else if (hk_json_string_eq(name, "steps") && value.kind != HK_JSON_NULL)
            code = add_steps(flow, value.bytes, reterr);
        else
            hk_buf_add_str(&flow->body, value.bytes);
        if (code != HK_OK)
            return code;
    }
    hk_buf_add_text(&flow->body, "}");
    return HK_OK;
}

static enum hk_code set_params(struct flow_body *flow, struct hk_error *reterr)
{
    struct hk_buf derived HK_CLEANUP(hk_buf_done);
    char *copy;

    hk_buf_init(&derived, MAX_DERIVED_BYTES);
    hk_buf_add_text(&derived, "{\"secrets\":{");
    hk_buf_add_str(&derived, hk_buf_str(&flow->secrets));
    hk_buf_add_text(&derived, "},\"url_faults\":[");
    hk_buf_add_str(&derived, hk_buf_str(&flow->faults));
    hk_buf_printf(&derived, "]%s}",
                  !flow->has_credential ? ""
                  : flow->needs_secret  ? ",\"needs_secret\":true"
                                        : ",\"needs_secret\":false");
    if (derived.is_full || flow->body.is_full || flow->secrets.is_full || flow->faults.is_full)
        return hk_fail(reterr, HK_INVALID_BODY, "", "The flow is too large.");
    copy = call_alloc(flow->call, flow->body.n + 1);
    call_set_param(flow->call, "=derived", hk_buf_str(&derived));
    memcpy(copy, hk_buf_str(&flow->body).p, flow->body.n);
    copy[flow->body.n] = '\0';
    flow->call->body = (struct hk_str){copy, flow->body.n};
    return HK_OK;
}

enum hk_code flow_body_prepare(struct call *call, struct hk_str flow_id, struct hk_error *reterr)
{
    struct flow_body flow = {.call = call, .tenant_id = hk_str(call->tenant_id)};
    char id[HK_ID_TEXT_SIZE];
    enum hk_code code;

    if (!sealed_id(flow_id, id))
        return HK_OK;
    flow.flow_id = hk_str(id);
    hk_buf_init(&flow.body, MAX_BODY_BYTES);
    hk_buf_init(&flow.secrets, MAX_DERIVED_BYTES / 2);
    hk_buf_init(&flow.faults, MAX_DERIVED_BYTES / 4);
    code = add_members(&flow, reterr);
    if (code == HK_OK)
        code = set_params(&flow, reterr);
    hk_buf_done(&flow.body);
    hk_buf_done(&flow.secrets);
    hk_buf_done(&flow.faults);
    return code;
}
