/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker/run.h - what an attempt of a flow has besides: the step that is next, what it works on,
 * and what came of it. Data only: see run_load.h, step.h.
 */
#ifndef WORKER_RUN_H
#define WORKER_RUN_H

#include "hk/flow_steps.h"
#include "hk/id.h"

enum {
    RUN_MAX_VALUE_BYTES = 256 << 10,   /* of what a step makes */
    RUN_MAX_OUTPUT_BYTES = 256 << 10,  /* of what one step is remembered by */
    RUN_MAX_OUTPUTS_BYTES = 1 << 20,   /* of all steps */
    RUN_MAX_DOCUMENT_BYTES = 64 << 20, /* of a request's body as JSON */
    RUN_MAX_KEY_BYTES = 256,           /* of a wait step */
};

/* As run_load has it; .p is NULL where there is none. Borrowed from `data`. */
struct run_row {
    struct hk_str request, body, payload; /* of the event that began it */
    struct hk_str value, outputs;
    struct hk_str wait_key; /* it has begun to wait */
    bool is_over;           /* ... and the time is up */
    struct hk_str flow_name, step, secret;
    struct hk_str validation, schema; /* of the event type of an emit step */
    struct hk_str signal_payload, signal_body, signal_request;
    struct hk_id signal_id;
    bool has_signal;
    int64_t version;
    bool has_steps; /* there are steps of its version; perhaps none of them is left */
    unsigned step_no, n_steps;
};

struct run {
    struct run_row row;
    struct hk_buf step_json;
    struct hk_flow_steps steps;  /* the one that is next, alone; borrows step_json */
    struct hk_flow_step *step;   /* NULL: there is none, or it cannot be read */
    struct hk_buf document;      /* the request's body as JSON, when it was not */
    struct hk_buf request, flow; /* the scopes of templates */
    struct hk_str value;         /* JSON: what the step works on */
    const char *fault;           /* why it cannot be carried out, in static words; NULL: it can */

    struct hk_buf made;         /* JSON: the new value, or the payload of an event */
    struct hk_buf url, headers; /* of an http step */
    struct hk_buf key;          /* of a wait step; the company of an emit step */
    struct hk_buf secret;       /* opened; wiped */
    struct hk_str call_body;    /* .p NULL: none */
    struct hk_id token_owner;   /* tokens of different steps are different ones */

    const char *outcome;  /* static; NULL: that of the HTTP call */
    bool changes_value;   /* to `made` */
    struct hk_buf output; /* JSON */
    struct hk_buf text;   /* for step_record */
    size_t n_data;
    char data[]; /* what `row` points to */
};

/* Room for `n_data` bytes; all buffers are empty. */
struct run *run_new(size_t n_data);
void run_free(struct run *run); /* wipes what is secret */

/* Copies into the run. NULL stays NULL. */
struct hk_str run_keep(struct run *run, struct hk_str s);

#endif
