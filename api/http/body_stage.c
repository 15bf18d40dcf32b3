/* SPDX-License-Identifier: Apache-2.0 */
#include "api/http/body_stage.h"

#include <h2o.h>
#include <stdio.h>

#include "api/http/server.h"
#include "hk/json_scan.h"
#include "hk/media_type.h"

static struct hk_str content_type(const h2o_req_t *req)
{
    ssize_t at = h2o_find_header(&req->headers, H2O_TOKEN_CONTENT_TYPE, -1);

    if (at < 0)
        return HK_STR_NULL;
    return (struct hk_str){req->headers.entries[at].value.base, req->headers.entries[at].value.len};
}

/* A change may say that it is a merge patch (RFC 7396): that is what every PATCH is. */
static enum hk_code check_media_type(const struct call *call, struct hk_error *reterr)
{
    const struct route *route = call->match.route;
    const char *takes = route->takes == NULL ? "application/json" : route->takes;
    struct hk_str given = content_type(call->req);

    if (hk_media_type_is(given, takes))
        return HK_OK;
    if (strcmp(route->method, "PATCH") != 0)
        return hk_fail(reterr, HK_UNSUPPORTED_MEDIA_TYPE, "", "The body must be %s.", takes);
    return hk_media_type_is(given, "application/merge-patch+json")
               ? HK_OK
               : hk_fail(reterr, HK_UNSUPPORTED_MEDIA_TYPE, "",
                         "The body must be application/merge-patch+json or %s.", takes);
}

/* Copies the body where a table or a form wants it: it is bound as text, which is NUL-terminated.
 */
static enum hk_code take_body(struct call *call, struct hk_error *reterr)
{
    const struct route *route = call->match.route;
    struct hk_str given = {call->req->entity.base, call->req->entity.len};
    char *copy;

    if (route->takes_anything) {
        call->body = given;
        return HK_OK;
    }
    if (given.n == 0 && route->takes == NULL && (route->body_is_optional || route->body == NULL)) {
        call->body = HK_STR("{}");
        return HK_OK;
    }
    if (route->body == NULL && route->handle == NULL)
        return hk_fail(reterr, HK_INVALID_BODY, "", "This route takes no body.");
    if (check_media_type(call, reterr) != HK_OK)
        return reterr->code;
    call->body = given;
    if (route->body == NULL)
        return HK_OK;

    copy = call_alloc(call, given.n + 1);
    memcpy(copy, given.p, given.n);
    copy[given.n] = '\0';
    call->body.p = copy;
    return body_check(call->body, route->body, reterr);
}

enum stage_result body_stage(struct call *call)
{
    const struct route *route = call->match.route;
    struct hk_error error = {0};

    if (take_body(call, &error) == HK_OK && route->prepare != NULL)
        (void)route->prepare(call, &error);
    if (error.code == HK_OK)
        return STAGE_NEXT;
    call_fail(call, &error);
    return STAGE_REPLIED;
}

/* The member of `object` that the path's first part names; false when there is none. */
static bool find_member(const struct hk_json_span *object, const char *path,
                        struct hk_json_span *ret)
{
    struct hk_json_cursor cursor = {.bytes = object->bytes};
    struct hk_str member;
    char name[64];

    if (object->kind != HK_JSON_OBJECT)
        return false;
    (void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(path, "/"), path);
    while (hk_json_next(&cursor, &member, ret)) {
        if (hk_json_string_eq(member, name))
            return true;
    }
    return false;
}

struct hk_str call_body_string(struct call *call, const char *path)
{
    struct hk_json_span object, value;
    size_t at, n;
    char *text;

    if (!hk_json_scan(call->body, &value, &at))
        return HK_STR_NULL;
    for (const char *part = path; part != NULL; part = strchr(part, '/')) {
        part += *part == '/';
        object = value;
        if (!find_member(&object, part, &value))
            return HK_STR_NULL;
    }
    if (value.kind != HK_JSON_STRING)
        return HK_STR_NULL;
    text = call_alloc(call, value.bytes.n + 1);
    n = hk_json_string_decode(value.bytes, text);
    if (n == SIZE_MAX)
        return HK_STR_NULL;
    text[n] = '\0';
    return (struct hk_str){text, n};
}

struct hk_str call_body_json(struct call *call, const char *name)
{
    struct hk_json_span body, value;
    size_t at;

    return hk_json_scan(call->body, &body, &at) && find_member(&body, name, &value) ? value.bytes
                                                                                    : HK_STR_NULL;
}

struct hk_str call_body_strings(struct call *call, const char *name)
{
    struct hk_json_span body, list, element;
    struct hk_json_cursor cursor;
    struct hk_str unnamed;
    size_t at, n = 0;
    char *text;

    if (!hk_json_scan(call->body, &body, &at) || !find_member(&body, name, &list) ||
        list.kind != HK_JSON_ARRAY)
        return HK_STR_NULL;
    text = call_alloc(call, list.bytes.n + 1);
    cursor = (struct hk_json_cursor){.bytes = list.bytes};
    while (hk_json_next(&cursor, &unnamed, &element)) {
        size_t length = hk_json_string_decode(element.bytes, text + n + (n > 0));

        if (n > 0)
            text[n++] = ' ';
        n += length == SIZE_MAX ? 0 : length;
    }
    text[n] = '\0';
    return (struct hk_str){text, n};
}
