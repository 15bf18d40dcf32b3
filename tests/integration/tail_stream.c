/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/integration/tail_stream.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hk/clock.h"

enum { PIECE_BYTES = 1 << 16, SLICE_MS = 50, OPEN_TIMEOUT_MS = 20000 };

/* The body of what has come, as far as its chunks are whole. */
static void take_chunks(struct stream *stream)
{
    char *at = strstr(stream->raw, "\r\n\r\n"), *end;

    stream->n = 0;
    stream->text[0] = '\0';
    if (at == NULL)
        return;
    at += 4;
    for (;;) {
        size_t left = stream->raw_n - (size_t)(at - stream->raw), size;

        size = strtoul(at, &end, 16);
        if (end == at || strncmp(end, "\r\n", 2) != 0 || size == 0 ||
            left < (size_t)(end + 2 - at) + size + 2)
            break;
        memcpy(stream->text + stream->n, end + 2, size);
        stream->n += size;
        at = end + 2 + size + 2;
    }
    stream->text[stream->n] = '\0';
}

static void read_some(struct stream *stream)
{
    char some[PIECE_BYTES];
    size_t n = http_raw_read(stream->fd, some, sizeof(some), SLICE_MS, &stream->is_closed);

    if (n == 0)
        return;
    stream->raw = realloc(stream->raw, stream->raw_n + n + 1);
    stream->text = realloc(stream->text, stream->raw_n + n + 1);
    assert_non_null(stream->raw);
    assert_non_null(stream->text);
    memcpy(stream->raw + stream->raw_n, some, n);
    stream->raw_n += n;
    stream->raw[stream->raw_n] = '\0';
    take_chunks(stream);
}

struct stream stream_open(struct harness *h, const char *key, const char *path, const char *last_id)
{
    const char *header =
        last_id == NULL ? "" : http_text(h->http, "Last-Event-ID: %s\r\n", last_id);
    struct stream stream = {.raw = calloc(1, 1), .text = calloc(1, 1)};

    stream.fd = raw_start_at(h, h->api_url, key, "GET", path, header, NULL);
    stream_wait(&stream, ": hookline\n", 1, OPEN_TIMEOUT_MS);
    return stream;
}

size_t stream_count(const struct stream *stream, const char *part)
{
    const char *at = stream->text, *end = stream->text + stream->n;
    size_t part_n = strlen(part), n = 0;

    /* strstr() would look for the end of the text each time. */
    while ((at = memchr(at, part[0], (size_t)(end - at))) != NULL) {
        bool is_part = (size_t)(end - at) >= part_n && memcmp(at, part, part_n) == 0;

        n += is_part;
        at += is_part ? part_n : 1;
    }
    return n;
}

void stream_wait(struct stream *stream, const char *part, size_t count, int timeout_ms)
{
    int64_t deadline_ms = hk_mono_ms() + timeout_ms;

    while (stream_count(stream, part) < count && !stream->is_closed && hk_mono_ms() < deadline_ms)
        read_some(stream);
    if (stream_count(stream, part) < count)
        fail_test("\"%s\" has come %zu times, not %zu: ...%s", part, stream_count(stream, part),
                  count, stream->raw + (stream->raw_n > 2000 ? stream->raw_n - 2000 : 0));
}

const char *stream_last_id(struct harness *h, const struct stream *stream)
{
    const char *last = NULL;

    for (const char *at = stream->text; (at = strstr(at, "id: ")) != NULL; at += 4)
        last = at;
    return last == NULL ? NULL : http_text(h->http, "%.*s", (int)strcspn(last + 4, "\n"), last + 4);
}

const char *stream_id(struct harness *h, const struct stream *stream, const char *kind, size_t i)
{
    const char *mark = http_text(h->http, "event: %s\nid: ", kind), *at = stream->text;

    for (size_t n = 0; (at = strstr(at, mark)) != NULL; n++) {
        at += strlen(mark);
        if (n == i)
            return http_text(h->http, "%.*s", (int)strcspn(at, "\n"), at);
    }
    return NULL;
}

void stream_close(struct stream *stream)
{
    (void)close(stream->fd);
    free(stream->raw);
    free(stream->text);
    *stream = (struct stream){.fd = -1};
}
