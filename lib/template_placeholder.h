/* SPDX-License-Identifier: Apache-2.0 */
/* lib/template_placeholder.h - one "{{ ... }}" of a template, read. Private to lib. */
#ifndef LIB_TEMPLATE_PLACEHOLDER_H
#define LIB_TEMPLATE_PLACEHOLDER_H

#include "hk/json_scan.h"
#include "hk/template.h"

enum { TEMPLATE_MAX_NAMES_BYTES = 1024 }; /* of the names in a path */

/* What a placeholder begins with: the members of struct hk_template_scope, or a literal. */
enum template_root {
    TEMPLATE_VALUE,
    TEMPLATE_REQUEST,
    TEMPLATE_STEPS,
    TEMPLATE_FLOW,
    TEMPLATE_LITERAL,
};

struct template_step {
    const char *name; /* NULL: it is an index */
    size_t index;
};

struct template_placeholder {
    enum template_root root;
    struct hk_json_span literal; /* of TEMPLATE_LITERAL */
    unsigned n_steps;
    struct template_step steps[HK_TEMPLATE_MAX_STEPS];
    struct hk_json_span otherwise; /* "default"; .bytes.p NULL: there is none */
    size_t max_chars;              /* "max"; SIZE_MAX: it is not said */
    size_t n_names;
    char names[TEMPLATE_MAX_NAMES_BYTES]; /* what the steps' names point to */
};

/*
 * Takes the next piece off `rest`: plain text, or a placeholder (`ret_plain`.p is NULL then). False
 * at the end, and when something is wrong: then `reterr` has static words, and `rest` begins where
 * it is. `ret` must not move afterwards.
 */
HK_NODISCARD bool template_next(struct hk_str *rest, struct hk_str *ret_plain,
                                struct template_placeholder *ret, const char **reterr);

#endif
