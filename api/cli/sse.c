/* SPDX-License-Identifier: Apache-2.0 */
#include "api/cli/sse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_RETRY_MS = 60000 };

void sse_init(struct sse *sse, size_t max_bytes)
{
    *sse = (struct sse){0};
    hk_buf_init(&sse->line, max_bytes);
    hk_buf_init(&sse->type, max_bytes);
    hk_buf_init(&sse->data, max_bytes);
}

void sse_done(struct sse *sse)
{
    hk_buf_done(&sse->line);
    hk_buf_done(&sse->type);
    hk_buf_done(&sse->data);
}

static void begin_event(struct sse *sse)
{
    hk_buf_clear(&sse->type);
    hk_buf_clear(&sse->data);
    sse->has_data = false;
}

void sse_restart(struct sse *sse)
{
    begin_event(sse);
    hk_buf_clear(&sse->line);
    memcpy(sse->next_id, sse->last_id, sizeof(sse->next_id));
    sse->has_cr = false;
}

static void take_field(struct sse *sse, const char *name, const char *value)
{
    if (strcmp(name, "data") == 0) {
        if (sse->has_data)
            hk_buf_add_text(&sse->data, "\n");
        hk_buf_add_text(&sse->data, value);
        sse->has_data = true;
    } else if (strcmp(name, "event") == 0) {
        hk_buf_clear(&sse->type);
        hk_buf_add_text(&sse->type, value);
    } else if (strcmp(name, "id") == 0 && strlen(value) < sizeof(sse->next_id)) {
        (void)snprintf(sse->next_id, sizeof(sse->next_id), "%s", value);
    } else if (strcmp(name, "retry") == 0) {
        long ms = strtol(value, NULL, 10);

        sse->retry_ms = ms < 0 || ms > MAX_RETRY_MS ? MAX_RETRY_MS : (int)ms;
    }
}

/* An event ends at an empty line; one without data only moves the id. */
static bool end_event(struct sse *sse, sse_event_fn *on_event, void *arg)
{
    bool goes_on = true;

    memcpy(sse->last_id, sse->next_id, sizeof(sse->last_id));
    if (sse->has_data)
        goes_on = on_event(arg, hk_buf_str(&sse->type).p, hk_buf_str(&sse->data).p);
    begin_event(sse);
    return goes_on;
}

static bool end_line(struct sse *sse, sse_event_fn *on_event, void *arg)
{
    char *value;

    if (sse->line.n == 0)
        return end_event(sse, on_event, arg);
    value = strchr(sse->line.p, ':');
    if (value != sse->line.p) { /* else a comment */
        if (value == NULL)
            value = sse->line.p + sse->line.n;
        else
            *value++ = '\0';
        take_field(sse, sse->line.p, value + (*value == ' '));
    }
    hk_buf_clear(&sse->line);
    return !sse->data.is_full && !sse->type.is_full;
}

bool sse_feed(struct sse *sse, const char *p, size_t n, sse_event_fn *on_event, void *arg)
{
    for (const char *end = p + n; p < end; p++) {
        bool ends_cr = sse->has_cr && *p == '\n';

        sse->has_cr = *p == '\r';
        if (ends_cr)
            continue; /* the second half of CR LF */
        if (*p == '\n' || *p == '\r') {
            if (!end_line(sse, on_event, arg))
                return false;
        } else if (hk_buf_add(&sse->line, p, 1), sse->line.is_full) {
            return false;
        }
    }
    return true;
}
