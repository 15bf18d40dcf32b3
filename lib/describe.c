/* SPDX-License-Identifier: Apache-2.0 */
#include "hk/describe.h"

#define MASK HK_STR("***")

bool hk_header_is_sensitive(struct hk_str name)
{
    static const char *const words[] = {"auth", "key", "token", "secret", "password", "credential"};
    char text[256];

    if (name.n >= sizeof(text))
        return true;
    memcpy(text, name.p, name.n);
    text[name.n] = '\0';
    for (size_t i = 0; i < HK_COUNTOF(words); i++) {
        if (strcasestr(text, words[i]) != NULL)
            return true;
    }
    return false;
}

/* Takes a header line apart. False for one that only keeps libcurl from sending its own. */
static bool read_line(const char *line, struct hk_str *ret_name, struct hk_str *ret_shown)
{
    const char *colon = strchr(line, ':');

    if (colon == NULL || colon[1] == '\0')
        return false;
    *ret_name = (struct hk_str){line, (size_t)(colon - line)};
    *ret_shown = hk_header_is_sensitive(*ret_name) ? MASK : hk_str(colon + 2);
    return true;
}

void hk_describe_header_lines(const struct hk_request *request, struct hk_buf *ret)
{
    struct hk_str name, shown;

    for (unsigned i = 0; i < request->n_headers; i++) {
        if (!read_line(request->headers[i], &name, &shown))
            continue;
        hk_buf_add_str(ret, name);
        hk_buf_add_text(ret, ": ");
        hk_buf_add_str(ret, shown);
        hk_buf_add_text(ret, "\n");
    }
}

void hk_describe_request(const struct hk_request *request, struct hk_buf *ret)
{
    struct hk_str name, shown;
    const char *comma = "";

    hk_buf_printf(ret, "{\"method\":\"%s\",", request->is_get ? "GET" : "POST");
    hk_buf_add_json_member(ret, "url", hk_str(request->url));
    hk_buf_add_text(ret, ",\"headers\":{");
    for (unsigned i = 0; i < request->n_headers; i++) {
        if (!read_line(request->headers[i], &name, &shown))
            continue;
        hk_buf_add_text(ret, comma);
        hk_buf_add_json_string(ret, name);
        hk_buf_add_text(ret, ":");
        hk_buf_add_json_string(ret, shown);
        comma = ",";
    }
    hk_buf_add_text(ret, "},");
    hk_buf_add_json_member(ret, "body", request->body);
    hk_buf_add_text(ret, "}");
}
