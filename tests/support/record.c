/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/record.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum { MAX_BODY_BYTES = 1 << 20 }; /* a larger one is an export or a test of limits */

static FILE *file; /* NULL: nothing is recorded */

/* Written anew by each run of the program; the children of a test have none. */
static void open_record(void)
{
    const char *directory = getenv("HOOKLINE_TEST_REPLIES");
    char path[4096];

    if (directory == NULL)
        return;
    (void)snprintf(path, sizeof(path), "%s/%s.jsonl", directory, program_invocation_short_name);
    file = fopen(path, "we");
    assert(file != NULL);
    (void)setvbuf(file, NULL, _IOLBF, 1 << 16);
}

/* [[name, value], ...] of "Name: value\r\n..."; NULL when a value is not UTF-8. */
static json_t *parse_headers(const char *headers)
{
    json_t *list = json_array();

    while (*headers != '\0') {
        size_t n = strcspn(headers, "\r\n"), name_n = strcspn(headers, ":");

        if (name_n < n) {
            const char *value = headers + name_n + 1;
            size_t blanks = strspn(value, " \t");

            (void)json_array_append_new(list,
                                        json_pack("[s#, s#]", headers, (int)name_n, value + blanks,
                                                  (int)(n - name_n - 1 - blanks)));
        }
        headers += n;
        headers += strspn(headers, "\r\n");
    }
    return list;
}

static bool has_request_id(const json_t *headers)
{
    size_t i;
    json_t *header;

    json_array_foreach(headers, i, header)
    {
        if (strcasecmp(json_string_value(json_array_get(header, 0)), "x-request-id") == 0)
            return true;
    }
    return false;
}

void record_reply(const char *method, const char *path, const struct reply *reply)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    json_t *headers, *record;

    (void)pthread_once(&once, open_record);
    if (file == NULL || reply->status == 0 || reply->body_n > MAX_BODY_BYTES)
        return;
    headers = parse_headers(reply->headers);
    if (!has_request_id(headers)) {
        json_decref(headers);
        return;
    }
    record = json_pack("{s:s, s:s, s:i, s:o, s:s#}", "method", method, "path", path, "status",
                       reply->status, "headers", headers, "body", reply->body, (int)reply->body_n);
    flockfile(file); /* a load has threads of its own */
    if (record != NULL && json_dumpf(record, file, JSON_COMPACT) == 0)
        (void)fputc('\n', file);
    funlockfile(file);
    json_decref(record);
}
