/* SPDX-License-Identifier: Apache-2.0 */
/* data.c - see data.h. */
#include "tests/scenarios/data.h"

#include <stdio.h>
#include <stdlib.h>

#define FOLDER HOOKLINE_SOURCE_DIR "/tests/scenarios/"

void given_catalogue(struct harness *h, const struct tenant *t, const char *scenario)
{
    const char *text = data_text(h, http_text(h->http, "%s/catalogue.json", scenario), NULL);
    struct reply reply =
        api_send(h, t->admin, "POST", "/v1/event_types/import", hk_str(text), NULL);

    assert_status(reply, 200);
}

const char *sample_of(struct harness *h, const struct tenant *t, const char *event_type)
{
    struct reply reply = api_call(
        h, t->admin, "GET", http_text(h->http, "/v1/hooks/samples?event=%s", event_type), NULL);

    assert_status(reply, 200);
    return http_text(h->http, "%.*s", (int)strlen(reply.body) - 2, reply.body + 1); /* of [...] */
}

static const char *value_of(const char *name, size_t n, const char *const values[])
{
    for (size_t i = 0; values != NULL && values[i] != NULL; i += 2) {
        if (strlen(values[i]) == n && memcmp(values[i], name, n) == 0)
            return values[i + 1];
    }
    fail_test("there is no value for {{%.*s}}", (int)n, name);
}

const char *data_text(struct harness *h, const char *file, const char *const values[])
{
    char *text = proc_read_file(http_text(h->http, FOLDER "%s", file)), *rest = text, *begin, *end;
    const char *filled = "";
    size_t n = strlen(text);

    if (n == 0)
        fail_test("%s is empty, or not there", file);
    if (text[n - 1] == '\n')
        text[n - 1] = '\0';
    while ((begin = strstr(rest, "{{")) != NULL && (end = strstr(begin, "}}")) != NULL) {
        filled = http_text(h->http, "%s%.*s%s", filled, (int)(begin - rest), rest,
                           value_of(begin + 2, (size_t)(end - begin) - 2, values));
        rest = end + 2;
    }
    filled = http_text(h->http, "%s%s", filled, rest);
    free(text);
    return filled;
}

const char *publish_data(struct harness *h, const struct tenant *t, const char *event_type,
                         const char *company, const char *occurred_at, const char *file)
{
    struct reply reply = api_call(h, t->producer, "POST", "/v1/events",
                                  "{\"event_type\": \"%s\", \"company\": \"%s\", "
                                  "\"occurred_at\": \"%s\", \"payload\": %s}",
                                  event_type, company, occurred_at, data_text(h, file, NULL));

    assert_status(reply, 202);
    return reply_text(&reply, "id");
}

void assert_body(struct harness *h, const char *path, unsigned i, const char *file,
                 const char *const values[])
{
    struct reply request = sinker_request(h, path, i);

    assert_string_equal(reply_text(&request, "body"), data_text(h, file, values));
}
