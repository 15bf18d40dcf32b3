/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/http/call.h - one HTTP request, from the first byte to the last.
 *
 * A call walks through stages (call.c lists them). A stage that must wait says so, and whatever it
 * waits for calls call_run() again; no other function of the API is asynchronous but ingest.c and
 * batcher.c.
 *
 * Memory: the call lives as long as the request's pool, which everything that hangs off it is in.
 * When h2o clears the pool, call_dispose() abandons the query in flight.
 */
#ifndef API_CALL_H
#define API_CALL_H

#include "api/auth/auth.h"
#include "api/http/route.h"
#include "hk/loop.h"

typedef struct st_h2o_req_t h2o_req_t;
struct api_cell;
struct api_thread;
struct idempotency;
struct ingest_request;
struct hk_offload_job;
struct signing_keys_reading;
struct hk_vault;

/* Whose limits a request counts against: see limit.h. */
enum { LIMIT_OF_CALLER, LIMIT_OF_TENANT, LIMIT_COUNT };

enum { CALL_MAX_SET_PARAMS = 8, CALL_MAX_SHOWN = 2 };

struct call {
    h2o_req_t *req;
    struct api_thread *thread;
    struct api_cell *cell;    /* of the tenant that it acts for */
    struct route_match match; /* set by stage_route */
    unsigned stage;

    bool has_proof;      /* came with something that can be wrong: see auth_guard.h */
    bool is_unguessable; /* the proof: the address is none the worse when it is wrong */
    uint8_t key_sha256[HK_SHA256_SIZE]; /* of the proof */
    char key_sha256_hex[2 * HK_SHA256_SIZE + 1];
    struct caller caller;            /* set by authenticate_stage */
    struct hk_str session_token;     /* of the cookie that proved it, or new; .p NULL: none */
    char tenant_id[HK_ID_TEXT_SIZE]; /* acted for: the caller's, or what prepare() set */
    bool acts_for_another;           /* tenant than the caller's: call_set_tenant() */
    bool has_followed;               /* its tenant to another cell: see tenant_cell.h */
    char request_id[HK_ID_TEXT_SIZE];
    struct hk_db_context context;
    struct hk_str body;
    uint8_t list_scope[HK_SHA256_SIZE]; /* of a list, set by bind_params(): see page.h */

    struct {
        const char *name;
        struct hk_str value;
    } set_params[CALL_MAX_SET_PARAMS];
    unsigned n_set_params;

    struct { /* see call_show_secret() */
        struct hk_str stored, secret;
    } shown[CALL_MAX_SHOWN];
    unsigned n_shown;

    struct hk_offload_job *job; /* under way for this call, or NULL; `owner` is the call */
    void *state; /* what a handler or a proof keeps while it waits; in the request's pool */
    struct signing_keys_reading *reading; /* see signing_keys.c */
    void (*abandon)(struct call *call);   /* set while it waits for what is not `query` */
    /* Set by on_ok: what follows a good reply once its transaction is committed; may not wait. */
    void (*after_commit)(struct call *call);
    struct idempotency *idempotency; /* with an Idempotency-Key; else NULL */
    struct ingest_request *ingest;   /* whose tenant moves: what is left of it; else NULL */
    struct {                         /* private to limit.c */
        struct limit_bucket *bucket; /* whose lease the call waits for, in its list */
        struct call *next;
        unsigned n_taken; /* of the limits, in their order */
        bool is_blind;    /* the database did not say what is left */
        int64_t left[LIMIT_COUNT];
    } limit;
    struct hk_timer reply_timer; /* see reply_start_timer() */
    unsigned retry_after_s;      /* of a problem that may be repeated; 0: the usual */
    const char *challenge;       /* of a 401; NULL: as RFC 6750 has it */

    struct hk_db_query query;
    bool is_at_replica;                                          /* the query: see replica.h */
    int64_t asked_ms;                                            /* when it was submitted there */
    struct hk_str reply_code, reply_body, reply_key, reply_head; /* set before stage_reply */
};

/* For a stage: sends the catalogue's problem of that code; returns STAGE_REPLIED. */
enum stage_result call_stage_fail(struct call *call, enum hk_code code);

/* Makes the call of a request and runs it. */
void call_start(struct api_thread *thread, h2o_req_t *req);

/* Runs the call's stages until one waits or has replied. */
void call_run(struct call *call);

/*
 * Sends application/problem+json. call_fail() is for what the caller can mend: `error` says what
 * and where. call_fail_code() sends the catalogue's text; `errors_json` (or HK_STR_NULL) is the
 * problem's "errors". Nothing that PostgreSQL or the system said reaches a client.
 * HK_TENANT_MOVING: the call goes on in another cell, perhaps (tenant_cell_follow()).
 */
void call_fail(struct call *call, const struct hk_error *error);
void call_fail_code(struct call *call, enum hk_code code, struct hk_str errors_json);

/*
 * Sends `body`, of the media type that the route gives, with `status`; no body with 204. Copies
 * `body`. More headers (Set-Cookie, ...) are added before: reply_add_header().
 */
void call_reply(struct call *call, int status, struct hk_str body);

/* The same with a media type that is not the route's. */
void call_reply_as(struct call *call, int status, const char *media_type, struct hk_str body);

/* For prepare(): sets a "=name" parameter of the route, in place of the one before. Copies `value`
 * into the request's pool. */
void call_set_param(struct call *call, const char *name, struct hk_str value);

/*
 * For prepare(): where the statement's reply has `stored`, which is sealed, the client gets
 * `secret`, which PostgreSQL never sees. Copies both. At most CALL_MAX_SHOWN times.
 */
void call_show_secret(struct call *call, struct hk_str stored, struct hk_str secret);

const struct hk_vault *call_vault(const struct call *call);

/* A new UUIDv7, greater than those that the thread had before. */
void call_new_id(struct call *call, char ret[HK_ID_TEXT_SIZE]);

/* The tenant that the statements of the call act for, with the caller as actor. */
void call_act_for(struct call *call, const struct hk_id *tenant_id);

/* For prepare(): the tenant to act for (operators only); `tenant_id` is the text of a UUID. */
void call_set_tenant(struct call *call, struct hk_str tenant_id);

/* A path parameter by its name without the colon; .p is NULL when the route has none such. */
struct hk_str call_path_param(const struct call *call, const char *name);

/*
 * A string of the validated body, "name" or "object/name", copied to the pool; .p is NULL when it
 * is absent or no string.
 */
struct hk_str call_body_string(struct call *call, const char *path);

/* The JSON text of the member `name` of the validated body; .p is NULL when it is absent. Borrowed.
 */
struct hk_str call_body_json(struct call *call, const char *name);

/* The strings of the list `name` of the validated body, separated by blanks; .p is NULL when it is
 * absent or null. */
struct hk_str call_body_strings(struct call *call, const char *name);

/* A header of the request, by its name in lower case; .p is NULL when it is not there. Borrowed. */
struct hk_str call_header(const struct call *call, const char *name);

/* The decimal text of a number, in the request's pool. */
struct hk_str call_number(struct call *call, int64_t number);

/* Memory of the request; a zero-terminated copy. */
void *call_alloc(struct call *call, size_t n);

#endif
