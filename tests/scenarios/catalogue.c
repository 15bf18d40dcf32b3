/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/scenarios/catalogue.h"

#include <stdlib.h>

void given_catalogue(struct harness *h, const struct tenant *t, const char *name)
{
    char *text =
        proc_read_file(http_text(h->http, HOOKLINE_SOURCE_DIR "/docs/catalogues/%s.json", name));
    struct reply reply =
        api_send(h, t->admin, "POST", "/v1/event_types/import", hk_str(text), NULL);

    free(text);
    assert_status(reply, 200);
}

const char *sample_of(struct harness *h, const struct tenant *t, const char *event_type)
{
    struct reply reply = api_call(
        h, t->admin, "GET", http_text(h->http, "/v1/hooks/samples?event=%s", event_type), NULL);

    assert_status(reply, 200);
    return http_text(h->http, "%.*s", (int)strlen(reply.body) - 2, reply.body + 1); /* of [...] */
}
