/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hk/err.h - error codes (catalogue: errors.def) and the sentence that goes with one.
 */
#ifndef HK_ERR_H
#define HK_ERR_H

#include "hk/base.h"

enum hk_code {
    HK_OK = 0,
#define HK_ERROR(code, http_status, slug, title, is_retryable) code,
#include "hk/errors.def"
#undef HK_ERROR
    HK_CODE_COUNT
};

/* What one code means to a client; never NULL for a code of the enum except HK_OK. */
struct hk_code_info {
    int http_status;
    const char *slug;
    const char *title;
    bool is_retryable;
};

const struct hk_code_info *hk_code_info(enum hk_code code);

/* The code with that slug; HK_INTERNAL when there is none (a statement returned a wrong slug). */
enum hk_code hk_code_from_slug(struct hk_str slug);

/* Filled on failure only. `pointer` is a JSON Pointer into the request body, or "". */
struct hk_error {
    enum hk_code code;
    char pointer[256];
    char detail[256];
};

/* Fills `reterr` (may be NULL), truncating, and returns `code`. `detail` is a printf format. */
enum hk_code hk_fail(struct hk_error *reterr, enum hk_code code, const char *pointer,
                     const char *detail, ...) HK_PRINTF(4, 5);

#endif
