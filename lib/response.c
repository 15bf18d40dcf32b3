/* SPDX-License-Identifier: Apache-2.0 */
#include "response.h"

#include <stdlib.h>
#include <strings.h>

void response_done(struct response *response)
{
    if (response->body != response->small_body)
        free(response->body);
    response->body = NULL;
}

void response_reset(struct response *response, size_t keep_body_bytes)
{
    response_done(response);
    response->keep_body_bytes =
        keep_body_bytes == 0 ? sizeof(response->small_body) : keep_body_bytes;
    response->body = response->small_body;
    if (response->keep_body_bytes > sizeof(response->small_body))
        response->body = malloc(response->keep_body_bytes);
    if (response->body == NULL)
        abort();
    response->has_whole_head = false;
    response->is_head_too_large = false;
    response->is_truncated = false;
    response->n_head_read = response->n_body_read = 0;
    response->n_head = response->n_body = response->n_retry_after = 0;
}

/* Copies what fits; false when that is not all. */
static bool keep(char *to, size_t capacity, size_t *n_kept, struct hk_str s)
{
    size_t n_free = capacity - *n_kept;
    size_t n = s.n < n_free ? s.n : n_free;

    if (n > 0)
        memcpy(to + *n_kept, s.p, n);
    *n_kept += n;
    return n == s.n;
}

static bool starts_with(struct hk_str s, struct hk_str prefix)
{
    return s.n >= prefix.n && strncasecmp(s.p, prefix.p, prefix.n) == 0;
}

static void keep_retry_after(struct response *response, struct hk_str line)
{
    struct hk_str name = HK_STR("retry-after:");
    struct hk_str value = {line.p + name.n, line.n - name.n};

    if (!starts_with(line, name))
        return;
    response->n_retry_after = 0;
    if (!keep(response->retry_after, sizeof(response->retry_after), &response->n_retry_after,
              value))
        response->n_retry_after = 0; /* garbage */
}

bool response_add_line(struct response *response, struct hk_str line, long status)
{
    response->n_head_read += line.n;
    if (response->n_head_read > RESPONSE_MAX_HEAD_BYTES) {
        response->is_head_too_large = true;
        return false;
    }
    if (response->has_whole_head)
        return true; /* trailers of a chunked body */
    if (hk_str_eq(line, HK_STR("\r\n")) || hk_str_eq(line, HK_STR("\n"))) {
        response->has_whole_head = status >= 200;
        return true;
    }
    if (starts_with(line, HK_STR("HTTP/"))) {
        response->n_head = response->n_retry_after = 0; /* of a 1xx before */
        response->is_truncated = false;
        return true; /* the status has a column of its own */
    }
    if (!keep(response->head, sizeof(response->head), &response->n_head, line))
        response->is_truncated = true;
    keep_retry_after(response, line);
    return true;
}

bool response_add_body(struct response *response, struct hk_str piece)
{
    size_t max_bytes = response->keep_body_bytes > RESPONSE_MAX_BODY_BYTES
                           ? response->keep_body_bytes
                           : RESPONSE_MAX_BODY_BYTES;

    if (!keep(response->body, response->keep_body_bytes, &response->n_body, piece))
        response->is_truncated = true;
    response->n_body_read += piece.n;
    return response->n_body_read <= max_bytes;
}
