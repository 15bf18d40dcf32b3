/* SPDX-License-Identifier: Apache-2.0 */
#include "api/http/docs.h"

#include "api/docs/files.h"
#include "api/http/call.h"
#include "api/http/reply.h"
#include "hk/file.h"

/* Sessions have their cookies on this origin: nothing runs on the page but what is served here. */
static const char content_security_policy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

static const struct {
    const char *name, *file, *media_type;
    bool is_gzip;
} pages[] = {
    {"", "index.html", "text/html; charset=utf-8", false},
    {"start.js", "start.js", "text/javascript; charset=utf-8", false},
    {"swagger-ui-bundle.js", "swagger-ui-bundle.js.gz", "text/javascript; charset=utf-8", true},
    {"swagger-ui.css", "swagger-ui.css.gz", "text/css; charset=utf-8", true},
};

static struct hk_str find_file(const char *name)
{
    const struct hk_file *file = docs_files;

    while (file->name != NULL && strcmp(file->name, name) != 0)
        file++;
    return file->bytes;
}

/* Every browser takes gzip, and RFC 9110 (12.5.3) lets it be sent to who does not say. */
static bool reply_file(struct call *call)
{
    struct hk_str name = call_path_param(call, "file");

    for (size_t i = 0; i < HK_COUNTOF(pages); i++) {
        if (!hk_str_eq(hk_str(pages[i].name), name))
            continue;
        reply_add_header(call, "content-security-policy", hk_str(content_security_policy));
        if (pages[i].is_gzip)
            reply_add_header(call, "content-encoding", HK_STR("gzip"));
        call_reply_as(call, 200, pages[i].media_type, find_file(pages[i].file));
        return true;
    }
    call_fail_code(call, HK_NOT_FOUND, HK_STR_NULL);
    return true;
}

const struct route docs_routes[] = {
    {.method = "GET",
     .path = "/docs",
     .scope = SCOPE_PUBLIC,
     .ok_status = 200,
     .gives = "text/html",
     .handle = reply_file},
    {.method = "GET",
     .path = "/docs/:file",
     .scope = SCOPE_PUBLIC,
     .ok_status = 200,
     .gives = "text/javascript",
     .handle = reply_file},
    {0},
};
