/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gate_check(): what passes has one head that nobody can read differently, and bytes behind it or
 * the case of its names change nothing.
 */
#include "api/http/gate.h"
#include "tests/fuzz/fuzz.h"

#include <strings.h>

/* The verdict on a copy of `head` with `behind` after it, in memory of its own size. */
static enum hk_code check_with(struct hk_str head, struct hk_str behind)
{
    char *raw = malloc(head.n + behind.n + 1);
    enum hk_code code;

    FUZZ_MUST(raw != NULL);
    memcpy(raw, head.p, head.n);
    if (behind.n > 0)
        memcpy(raw + head.n, behind.p, behind.n);
    code = gate_check((struct hk_str){raw, head.n + behind.n}, NULL, NULL);
    free(raw);
    return code;
}

/* What h2o does to names before the gate sees them. */
static enum hk_code check_with_small_names(struct hk_str head)
{
    char *raw = malloc(head.n);
    bool is_in_name = false;
    enum hk_code code;

    FUZZ_MUST(raw != NULL);
    for (size_t i = 0; i < head.n; i++) {
        bool is_upper = head.p[i] >= 'A' && head.p[i] <= 'Z';

        raw[i] = (char)(head.p[i] | (is_in_name && is_upper ? 0x20 : 0));
        if (head.p[i] == '\n')
            is_in_name = i > 1; /* not in the request line behind a first, empty line */
        else if (head.p[i] == ':')
            is_in_name = false;
    }
    code = gate_check((struct hk_str){raw, head.n}, NULL, NULL);
    free(raw);
    return code;
}

static unsigned count_lines_of(struct hk_str head, const char *name)
{
    size_t length = strlen(name);
    unsigned n = 0;

    for (size_t i = 1; i + length < head.n; i++) {
        if (head.p[i - 1] == '\n' && head.p[i + length] == ':' &&
            strncasecmp(head.p + i, name, length) == 0)
            n++;
    }
    return n;
}

/* By the request line, which may stand behind an empty line. */
static bool is_http_1_1(struct hk_str head)
{
    const char *end = memchr(head.p + 2, '\n', head.n - 2);

    FUZZ_MUST(end != NULL && end - head.p > 10);
    return memcmp(end - 10, " HTTP/1.1\r", 10) == 0;
}

static void must_be_clean(struct hk_str head)
{
    unsigned n_lengths = count_lines_of(head, "content-length");
    unsigned n_encodings = count_lines_of(head, "transfer-encoding");

    for (size_t i = 0; i < head.n; i++) {
        unsigned char c = (unsigned char)head.p[i];

        if (c == '\n')
            FUZZ_MUST(i > 0 && head.p[i - 1] == '\r');
        if (c == '\r')
            FUZZ_MUST(i + 1 < head.n && head.p[i + 1] == '\n');
        FUZZ_MUST(c >= ' ' || c == '\r' || c == '\n' || c == '\t');
        if (i > 1 && head.p[i - 1] == '\n')
            FUZZ_MUST(c != ' ' && c != '\t');
    }
    FUZZ_MUST(n_lengths + n_encodings <= 1);
    FUZZ_MUST(count_lines_of(head, "host") <= 1);
    if (is_http_1_1(head))
        FUZZ_MUST(count_lines_of(head, "host") == 1);
    else
        FUZZ_MUST(n_encodings == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hk_str raw = {(const char *)data, size};
    struct hk_error error = {.code = HK_OK};
    enum hk_code code = gate_check(raw, NULL, &error);
    size_t n_before = size > 2 && memcmp(data, "\r\n", 2) == 0 ? 2 : 0;
    const char *end;
    struct hk_str head;

    FUZZ_MUST(code == HK_OK || code == HK_BAD_REQUEST || code == HK_HEADERS_TOO_LARGE);
    FUZZ_MUST(error.code == code);
    FUZZ_MUST((error.detail[0] == '\0') == (code == HK_OK));
    if (code != HK_OK)
        return 0;

    end = memmem(raw.p + n_before, raw.n - n_before, "\r\n\r\n", 4);
    FUZZ_MUST(end != NULL);
    head = (struct hk_str){raw.p, (size_t)(end + 4 - raw.p)};
    FUZZ_MUST(head.n <= GATE_MAX_HEAD_BYTES);
    must_be_clean(head);
    FUZZ_MUST(check_with(head, HK_STR_NULL) == HK_OK);
    FUZZ_MUST(check_with(head, HK_STR("\nHost: b\n\n")) == HK_OK);
    FUZZ_MUST(check_with((struct hk_str){head.p, head.n - 1}, HK_STR_NULL) == HK_BAD_REQUEST);
    FUZZ_MUST(check_with((struct hk_str){head.p, head.n - 2},
                         HK_STR("Host: b\r\nHost: b\r\n\r\n")) != HK_OK);
    FUZZ_MUST(check_with_small_names(head) == HK_OK);
    return 0;
}
