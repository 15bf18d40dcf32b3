/* SPDX-License-Identifier: Apache-2.0 */
#include "hk/outcome.h"

#include <assert.h>
#include <strings.h>

const char *hk_outcome_name(enum hk_outcome_kind kind)
{
    static const char *const names[HK_OUTCOME_COUNT] = {
        [HK_OUTCOME_ANSWERED] = "http_status",
        [HK_OUTCOME_TIMEOUT] = "timeout",
        [HK_OUTCOME_DNS] = "dns",
        [HK_OUTCOME_CONNECT] = "connect",
        [HK_OUTCOME_TLS] = "tls",
        [HK_OUTCOME_RESET] = "reset",
        [HK_OUTCOME_BLOCKED_ADDRESS] = "blocked_address",
        [HK_OUTCOME_PROTOCOL] = "protocol",
        [HK_OUTCOME_REQUEST_INVALID] = "request_invalid",
        [HK_OUTCOME_PROXY] = "proxy",
        [HK_OUTCOME_CREDENTIALS] = "credentials",
    };

    assert(kind < HK_OUTCOME_COUNT);
    return names[kind];
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static struct hk_str trim(struct hk_str s)
{
    while (s.n > 0 && is_blank(s.p[0])) {
        s.p++;
        s.n--;
    }
    while (s.n > 0 && is_blank(s.p[s.n - 1]))
        s.n--;
    return s;
}

struct hk_str hk_outcome_header(const struct hk_outcome *outcome, const char *name)
{
    struct hk_str rest = outcome->response_headers;
    size_t n_name = strlen(name);

    while (rest.n > 0) {
        const char *end = memchr(rest.p, '\n', rest.n);
        size_t n_line = end == NULL ? rest.n : (size_t)(end - rest.p);

        if (n_line > n_name && rest.p[n_name] == ':' && strncasecmp(rest.p, name, n_name) == 0)
            return trim((struct hk_str){rest.p + n_name + 1, n_line - n_name - 1});
        n_line += end != NULL;
        rest.p += n_line;
        rest.n -= n_line;
    }
    return HK_STR_NULL;
}
