/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Test messages: samples to a URL, now, and the whole exchange in the answer (AL-07, BQ-07). No
 * subscription is needed; one that is there can be tested as it is. api/receivers/test_message.c
 * sends them.
 */
#include "api/http/call.h"
#include "api/receivers/test_message.h"
#include "api/receivers/test_message.sql.h"
#include "api/resources/checks.h"
#include "api/resources/delivery_checks.h"
#include "api/resources/resources.h"
#include "hk/sign.h"
#include "hk/url.h"

#define URL_FIELD(required)                                                                        \
    {                                                                                              \
        .name = "url", .type = BODY_STRING, .flags = (required) | BODY_NONEMPTY,                   \
        .max = HK_URL_MAX_BYTES, .check = check_url                                                \
    }

/* A URL with what is to be sent to it, or a subscription, which has it all: SQL asks for one. */
static const struct body_field test_message_body[] = {
    {.name = "subscription_id", .type = BODY_STRING, .max = 36, .check = check_id},
    URL_FIELD(0),
    {.name = "event_types",
     .type = BODY_STRING_LIST,
     .flags = BODY_NONEMPTY,
     .max = TEST_MAX_MESSAGES},
    {.name = "profile", .type = BODY_STRING, .flags = BODY_NONEMPTY, .max = 64},
    {.name = "secret",
     .type = BODY_STRING,
     .max = HK_SECRET_TEXT_SIZE,
     .check = check_signing_secret},
    {.name = "headers",
     .type = BODY_STRING_MAP,
     .max = MAX_HEADERS,
     .check = check_header_value,
     .check_name = check_header_name},
    {.name = "credentials", .type = BODY_OBJECT, .fields = credentials_body},
    {0},
};

static const struct body_field basiq_test_message_body[] = {
    URL_FIELD(BODY_REQUIRED),
    {.name = "subscribedEvents",
     .type = BODY_STRING_LIST,
     .flags = BODY_NONEMPTY,
     .max = TEST_MAX_MESSAGES},
    {.name = "events", .type = BODY_STRING_LIST, .flags = BODY_NONEMPTY, .max = TEST_MAX_MESSAGES},
    {0},
};

static const struct body_field subscription_test_body[] = {
    {.name = "event_types",
     .type = BODY_STRING_LIST,
     .flags = BODY_NONEMPTY,
     .max = TEST_MAX_MESSAGES},
    {.name = "revive", .type = BODY_BOOLEAN},
    {.name = "messages", .type = BODY_BOOLEAN},
    {.name = "missed", .type = BODY_BOOLEAN},
    {.name = "since", .type = BODY_STRING, .max = 64, .check = check_timestamp},
    {0},
};

/* To revive is to change: who may only send tests may not. */
static enum hk_code prepare_subscription_test(struct call *call, struct hk_error *reterr)
{
    if (hk_str_eq(call_body_json(call, "revive"), HK_STR("true")) &&
        !auth_may(&call->caller, SCOPE_SUBSCRIPTIONS_WRITE))
        return hk_fail(reterr, HK_FORBIDDEN, "", "To revive takes the scope subscriptions:write.");
    return HK_OK;
}

/* Behind it SQL asks whether the tenant allows http. */
static void set_token_url_fault(struct call *call)
{
    struct hk_str url = call_body_string(call, "credentials/token_url");
    struct hk_error error = {.code = HK_OK};

    if (url.p != NULL && hk_url_check(url, false, &error) != HK_OK)
        call_set_param(call, "=token_url_fault", hk_str(error.detail));
}

static enum hk_code prepare(struct call *call, struct hk_error *reterr)
{
    (void)reterr;
    call_set_param(call, "=profile", HK_STR("standard"));
    subscription_set_url_fault(call, "url");
    set_token_url_fault(call);
    return HK_OK;
}

static enum hk_code prepare_basiq(struct call *call, struct hk_error *reterr)
{
    (void)reterr;
    call_set_param(call, "=profile", HK_STR("basiq"));
    subscription_set_url_fault(call, "url");
    return HK_OK;
}

const struct route test_messages_routes[] = {
    {
        .method = "POST",
        .path = "/v1/test-messages",
        .scope = SCOPE_TESTS_SEND,
        .ok_status = 200,
        .body = test_message_body,
        .stmt = &stmt_test_message_plan,
        .bind = {"tenant", "partner", "body", "=profile", "=url_fault", "=token_url_fault"},
        .prepare = prepare,
        .work = test_message_stage,
    },
    {
        .method = "POST",
        .path = "/notifications/messages/test",
        .scope = SCOPE_TESTS_SEND,
        .ok_status = 200,
        .body = basiq_test_message_body,
        .stmt = &stmt_test_message_plan,
        .bind = {"tenant", "partner", "body", "=profile", "=url_fault", "=token_url_fault"},
        .prepare = prepare_basiq,
        .work = test_message_stage,
    },
    {
        .method = "POST",
        .path = "/v1/subscriptions/:subscription_id/test",
        .scope = SCOPE_TESTS_SEND,
        .ok_status = 200,
        .body = subscription_test_body,
        .body_is_optional = true,
        .stmt = &stmt_subscription_test_plan,
        .bind = {"tenant", "partner", ":subscription_id", "body"},
        .prepare = prepare_subscription_test,
        .work = test_message_stage,
    },
    {0},
};
