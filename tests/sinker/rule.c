/* SPDX-License-Identifier: Apache-2.0 */
/* rule.c - see rule.h. */
#include "tests/sinker/rule.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "hk/sign.h"

static char *copy_text(const char *text)
{
    char *copy = strdup(text);

    assert(copy != NULL);
    return copy;
}

static void reply_done(struct reply_spec *reply)
{
    for (unsigned i = 0; i < reply->n_headers; i++) {
        free(reply->headers[i].name);
        free(reply->headers[i].value);
    }
    free(reply->body);
}

void rule_init(struct rule *rule)
{
    *rule = (struct rule){.then = {.status = 200, .times = 1}};
}

void rule_done(struct rule *rule)
{
    for (unsigned i = 0; i < rule->n_secrets; i++)
        free(rule->secrets[i]);
    for (unsigned i = 0; i < rule->n_replies; i++)
        reply_done(&rule->replies[i]);
    free(rule->replies);
    reply_done(&rule->then);
    rule_init(rule);
}

bool rule_add_secret(struct rule *rule, const char *secret)
{
    if (!hk_secret_is_valid(hk_str(secret)) && strncmp(secret, "whpk_", 5) != 0)
        return false;
    for (unsigned i = 0; i < rule->n_secrets; i++) {
        if (strcmp(rule->secrets[i], secret) == 0)
            return true;
    }
    if (rule->n_secrets == RULE_MAX_SECRETS)
        return false;
    rule->secrets[rule->n_secrets++] = copy_text(secret);
    return true;
}

static bool read_headers(json_t *json, struct reply_spec *ret)
{
    const char *name;
    json_t *value;

    if (json_object_size(json) > RULE_MAX_HEADERS)
        return false;
    json_object_foreach(json, name, value)
    {
        char *lower = copy_text(name);

        for (char *p = lower; *p != '\0'; p++)
            *p = (char)tolower((unsigned char)*p);
        ret->headers[ret->n_headers].name = lower;
        ret->headers[ret->n_headers].value =
            copy_text(json_is_string(value) ? json_string_value(value) : "");
        ret->n_headers++;
        if (!json_is_string(value))
            return false;
    }
    return true;
}

/* On failure `ret` may hold parts: the caller frees it with reply_done(). */
static const char *read_reply(json_t *json, struct reply_spec *ret)
{
    json_t *headers = NULL;
    const char *body = NULL;
    int hangs = 0, resets = 0;
    json_error_t error;

    *ret = (struct reply_spec){.status = 200, .times = 1};
    if (json_unpack_ex(json, &error, JSON_STRICT, "{s?i, s?i, s?i, s?o, s?s%, s?b, s?b}", "status",
                       &ret->status, "delay_ms", &ret->delay_ms, "times", &ret->times, "headers",
                       &headers, "body", &body, &ret->body_n, "hang", &hangs, "reset",
                       &resets) != 0)
        return "a reply has an unknown member or one of the wrong type";
    if (ret->status < 200 || ret->status > 599 || ret->times < 1 || ret->delay_ms < 0 ||
        ret->delay_ms > RULE_MAX_DELAY_MS)
        return "status is 200 to 599, times at least 1, delay_ms 0 to 600000";
    if (body != NULL) {
        ret->body = malloc(ret->body_n + 1);
        assert(ret->body != NULL);
        memcpy(ret->body, body, ret->body_n + 1);
    }
    if (headers != NULL && !read_headers(headers, ret))
        return "headers is an object of at most 16 strings";
    if (hangs)
        ret->kind = REPLY_HANG;
    else if (resets)
        ret->kind = REPLY_RESET;
    return NULL;
}

static const char *read_replies(json_t *json, struct rule *ret)
{
    const char *wrong = NULL;

    if (!json_is_array(json) || json_array_size(json) > RULE_MAX_REPLIES)
        return "replies is an array of at most 1000";
    ret->replies = calloc(json_array_size(json) + 1, sizeof(*ret->replies));
    assert(ret->replies != NULL);
    for (size_t i = 0; i < json_array_size(json) && wrong == NULL; i++) {
        wrong = read_reply(json_array_get(json, i), &ret->replies[i]);
        ret->n_replies++;
    }
    return wrong;
}

static const char *read_secrets(json_t *one, json_t *many, struct rule *ret)
{
    static const char wrong[] = "secrets are at most 10 texts whsec_<base64>";

    if (one != NULL && (!json_is_string(one) || !rule_add_secret(ret, json_string_value(one))))
        return wrong;
    if (many != NULL && !json_is_array(many))
        return wrong;
    for (size_t i = 0; i < json_array_size(many); i++) {
        json_t *secret = json_array_get(many, i);

        if (!json_is_string(secret) || !rule_add_secret(ret, json_string_value(secret)))
            return wrong;
    }
    return NULL;
}

bool rule_read(json_t *json, struct rule *ret, char ret_detail[128])
{
    json_t *secret = NULL, *secrets = NULL, *replies = NULL, *then = NULL;
    const char *wrong = NULL;
    json_error_t error;

    rule_init(ret);
    if (json_unpack_ex(json, &error, JSON_STRICT, "{s?o, s?o, s?o, s?o}", "secret", &secret,
                       "secrets", &secrets, "replies", &replies, "then", &then) != 0)
        wrong = "a rule has the members secret, secrets, replies and then";
    if (wrong == NULL)
        wrong = read_secrets(secret, secrets, ret);
    if (wrong == NULL && replies != NULL)
        wrong = read_replies(replies, ret);
    if (wrong == NULL && then != NULL)
        wrong = read_reply(then, &ret->then);
    if (wrong == NULL)
        return true;
    (void)snprintf(ret_detail, 128, "%s", wrong);
    rule_done(ret);
    return false;
}

const struct reply_spec *rule_next_reply(struct rule *rule)
{
    const struct reply_spec *reply;

    if (rule->next == rule->n_replies)
        return &rule->then;
    reply = &rule->replies[rule->next];
    if (++rule->used == reply->times) {
        rule->next++;
        rule->used = 0;
    }
    return reply;
}
