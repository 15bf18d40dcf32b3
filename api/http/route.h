/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/http/route.h - a route of the public API, declared as data.
 *
 * routes.c lists every resource's table; route_check_all() refuses to start the server on a table
 * that contradicts itself (a :name that nothing binds, no scope, a $n left unbound, ...).
 */
#ifndef API_ROUTE_H
#define API_ROUTE_H

#include "api/http/body.h"
#include "hk/db.h"

struct call;

/* What a stage of a call says to call_run(). */
enum stage_result {
    STAGE_NEXT,    /* go on with the next stage now */
    STAGE_WAIT,    /* a completion callback will raise call->stage and call call_run() */
    STAGE_REPLIED, /* the response is on its way: nothing more to do */
};

typedef enum stage_result stage_fn(struct call *call);

#define ROUTE_MAX_PATH_PARAMS 3

/* What a caller must be granted. A forgotten scope is 0, and the server refuses to start on it. */
enum scope {
    SCOPE_PUBLIC = 1,
#define SCOPE(code, name, roles) code,
#include "api/auth/scopes.def"
#undef SCOPE
    SCOPE_COUNT
};

/* A query parameter besides ?limit and ?cursor. An unknown one is refused. A zero row ends a table.
 */
enum query_type {
    QUERY_TEXT = 1,
    QUERY_ID,
    QUERY_CHOICE,
    QUERY_TIME,
    QUERY_STATUS,
    QUERY_LOG, /* hk/log_query.h: what is bound is the filter, as JSON */
};
struct query_field {
    const char *name;
    enum query_type type;
    const char *choices; /* of QUERY_CHOICE: "keep|cancel" */
};

/*
 * A route. `bind` names the value of $1, $2, ... in order, all as text:
 *
 *     "tenant"   the tenant that the call acts for; always first
 *     "partner"  the caller's partner, NULL when it may see every app of the tenant
 *     ":name"    the :name part of the path, percent-decoded; a name ending in _id must be a UUID,
 *                else the answer is 404 without asking the database
 *     "body"     the whole validated body: a JSON object
 *     "?limit"   1 to 250, 50 when absent      "?cursor"  the key after which to go on, or NULL
 *     "?name"    a parameter of `query`, or NULL
 *     "if_match" the header If-Match, or NULL; every PATCH binds it: see etag_matches() in SQL.
 *                The statement answers 404 first, then 412 (precondition_failed), then the rest
 *     "=name"    set by prepare() with call_set_param(call, "=name", ...)
 *
 * The statement returns one row (code text, body text [, key text [, head text]]):
 *     code  '', a slug of hk/errors.def, or 'created': 201 where ok_status is 200 (an upsert)
 *     body  with '' or 'created': the reply, a JSON value (NULL with ok_status 204); a list's: its
 * array else: NULL, or the problem's errors, [{"pointer": "/url", "detail": "..."}] key   a list's:
 * the next cursor's key, NULL on the last page; a creation's: the new id, which `location` is put
 * before
 *     head  with has_head: a JSON object, whose members stand before the list
 */
struct route {
    const char *method;
    const char *path;
    enum scope scope;
    int ok_status;
    const char *cache_control;       /* of a good reply; NULL: no-store */
    bool is_list;                    /* the reply is {"data": body, "next_cursor": ...} */
    bool is_search;                  /* may take long: see is_slow in hk/db.h */
    bool reads_log;                  /* a GET that writes nothing: see replica.h */
    bool has_links;                  /* ... or {"type": "list", "data": body, "links": ...} */
    bool has_head;                   /* ... or {members of a fourth column, "data": ...} */
    bool takes_slash;                /* at the end of the path, too */
    const char *location;            /* "/v1/apps/" with 201 or of a PUT, or NULL */
    const struct body_field *body;   /* NULL: the route takes no body */
    bool body_is_optional;           /* no body reads as {} */
    bool counts_refusals;            /* which a rollback would undo: no Idempotency-Key */
    bool is_not_kept;                /* its reply is for once only: no Idempotency-Key */
    const char *takes;               /* the body's media type; NULL: application/json */
    bool takes_anything;             /* any body, any Accept, and OPTIONS: see inbound.h */
    const char *gives;               /* the reply's media type; NULL: application/json */
    const struct query_field *query; /* NULL: none */
    const struct hk_stmt *stmt;
    const struct hk_stmt *stmt_of_cell; /* in place of `stmt`, of each of several cells, or NULL:
                                           see every_cell.h */
    const char *bind[HK_STMT_MAX_PARAMS];
    enum hk_code (*prepare)(struct call *call, struct hk_error *reterr); /* optional, no I/O */
    stage_fn *work; /* optional, before `stmt`: may ask, wait and set parameters (sign_in.h), or
                       reply by itself (export.h) */
    void (*on_ok)(struct call *call); /* optional: headers for a reply that is no problem */
    bool (*handle)(
        struct call *call); /* instead of `stmt`, for publishing and health: see call.h */
};

/* All routes, in the order of the tables in routes.c; ends with a NULL. */
extern const struct route *const route_tables[];

/* The value of a path parameter, still percent-encoded. */
struct route_match {
    const struct route *route;
    unsigned n_params;
    struct {
        struct hk_str name; /* without the colon */
        struct hk_str value;
    } params[ROUTE_MAX_PATH_PARAMS];
};

/*
 * Finds the route of a request's path (without the query). HK_OK; HK_NOT_FOUND; or
 * HK_METHOD_NOT_ALLOWED with the methods that the path knows in `ret_allow` ("GET, HEAD, POST,
 * OPTIONS").
 */
enum hk_code route_find(struct hk_str method, struct hk_str path, struct route_match *ret,
                        char ret_allow[64]);

/* False, with a sentence on stderr for each, when a table contradicts itself. */
HK_NODISCARD bool route_check_all(void);

#endif
