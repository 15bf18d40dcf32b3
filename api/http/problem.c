/* SPDX-License-Identifier: Apache-2.0 */
#include "api/http/problem.h"

static void add_member(struct hk_buf *buf, const char *name, const char *value)
{
    hk_buf_add_json_string(buf, hk_str(name));
    hk_buf_add_text(buf, ":");
    hk_buf_add_json_string(buf, hk_str(value));
}

void problem_write(struct hk_buf *buf, const struct hk_error *error, struct hk_str errors_json,
                   const char *instance)
{
    const struct hk_code_info *info = hk_code_info(error->code);
    const char *detail = error->detail[0] == '\0' ? info->title : error->detail;

    hk_buf_printf(buf, "{\"type\":\"/problems/%s\",", info->slug);
    add_member(buf, "title", info->title);
    hk_buf_printf(buf, ",\"status\":%d,", info->http_status);
    add_member(buf, "detail", detail);
    if (instance[0] != '\0') {
        hk_buf_add_text(buf, ",");
        add_member(buf, "instance", instance);
    }
    if (error->pointer[0] != '\0' || (info->http_status == 422 && errors_json.p == NULL)) {
        hk_buf_add_text(buf, ",\"errors\":[{");
        add_member(buf, "pointer", error->pointer);
        hk_buf_add_text(buf, ",");
        add_member(buf, "detail", detail);
        hk_buf_add_text(buf, "}]");
    } else if (errors_json.p != NULL) {
        hk_buf_add_text(buf, ",\"errors\":");
        hk_buf_add_str(buf, errors_json);
    }
    hk_buf_add_text(buf, "}");
}
