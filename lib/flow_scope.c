/* SPDX-License-Identifier: Apache-2.0 */
#include "hk/flow_scope.h"

#include <ctype.h>

#include "hk/json_scan.h"

/* A header field's name is a token, so its JSON has no escapes. */
static void add_lower(struct hk_str name, struct hk_buf *buf)
{
    for (size_t i = 0; i < name.n; i++) {
        char c = (char)tolower((unsigned char)name.p[i]);

        hk_buf_add(buf, &c, 1);
    }
}

/* Of [["Name", "value"], ...]. */
static void add_headers(struct hk_str list, struct hk_buf *buf)
{
    struct hk_json_cursor fields = {.bytes = list};
    struct hk_json_span field, name, value;
    struct hk_str none;
    const char *comma = "";

    hk_buf_add_text(buf, "{");
    while (hk_json_next(&fields, &none, &field)) {
        struct hk_json_cursor pair = {.bytes = field.bytes};

        if (field.kind != HK_JSON_ARRAY || !hk_json_next(&pair, &none, &name) ||
            !hk_json_next(&pair, &none, &value) || name.kind != HK_JSON_STRING)
            continue;
        hk_buf_add_text(buf, comma);
        add_lower(name.bytes, buf);
        hk_buf_add_text(buf, ":");
        hk_buf_add_str(buf, value.bytes);
        comma = ",";
    }
    hk_buf_add_text(buf, "}");
}

void hk_flow_request_write(struct hk_str request, struct hk_buf *buf)
{
    struct hk_json_cursor members = {.bytes = request};
    struct hk_json_span all, member;
    struct hk_str name;
    const char *comma = "";
    size_t at;

    if (request.p == NULL || !hk_json_scan(request, &all, &at) || all.kind != HK_JSON_OBJECT) {
        hk_buf_add_text(buf, "null");
        return;
    }
    members.bytes = all.bytes;
    hk_buf_add_text(buf, "{");
    while (hk_json_next(&members, &name, &member)) {
        hk_buf_add_text(buf, comma);
        hk_buf_add_str(buf, name);
        hk_buf_add_text(buf, ":");
        if (member.kind == HK_JSON_ARRAY && hk_json_string_eq(name, "headers"))
            add_headers(member.bytes, buf);
        else
            hk_buf_add_str(buf, member.bytes);
        comma = ",";
    }
    hk_buf_add_text(buf, "}");
}
