/* SPDX-License-Identifier: Apache-2.0 */
/* lib/flow_step_http.h - what flow_steps.c and flow_step_http.c share. Private to lib. */
#ifndef LIB_FLOW_STEP_HTTP_H
#define LIB_FLOW_STEP_HTTP_H

#include "hk/flow_steps.h"
#include "json_fields.h"

enum { FLOW_STEP_POINTER_SIZE = 256 };

/* A step and its members that become something else. */
struct flow_step_written {
    struct hk_flow_step step;
    struct hk_str kind, on_failure, on_timeout, headers, body, payload, credentials_kind;
};

/* What all checks need. */
struct flow_step_reading {
    struct json_texts *texts;
    bool allows_http;
    char pointer[FLOW_STEP_POINTER_SIZE]; /* of the step, or of what is in it */
    struct hk_error *reterr;
};

/* The pointer of a member, for a check of another module. */
void flow_step_point_at(const struct flow_step_reading *r, const char *name,
                        char ret[FLOW_STEP_POINTER_SIZE]);

/* Checks of a member, whose pointer is that of the step and its name. */
enum hk_code flow_step_fail(const struct flow_step_reading *r, const char *name,
                            const char *detail);
enum hk_code flow_step_check_template(const struct flow_step_reading *r, const char *name,
                                      struct hk_str json);
enum hk_code flow_step_check_text(const struct flow_step_reading *r, const char *name,
                                  struct hk_str text);

/* Completes what a check without pointers found. */
enum hk_code flow_step_point_out(const struct flow_step_reading *r, const char *name,
                                 enum hk_code code);

/* The row of the object's "kind"; n_kinds when there is none such. */
size_t flow_step_find_kind(struct hk_str object, size_t n_kinds, const char *(*name_of)(size_t));

/* All that an http step has, defaults and all. */
enum hk_code flow_step_check_http(struct flow_step_reading *r, struct flow_step_written *written);

#endif
