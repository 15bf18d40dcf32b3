/* SPDX-License-Identifier: Apache-2.0 */
/* api/http/bind.h - fills the statement's parameters from the request, as route.h's `bind` names
 * them.
 */
#ifndef API_BIND_H
#define API_BIND_H

#include "api/http/route.h"
#include "hk/buf.h"
#include "hk/db.h"
#include "hk/err.h"

struct call;

/* HK_OK; HK_NOT_FOUND (an id that is none); HK_INVALID_PARAMETER or HK_BAD_CURSOR with a sentence.
 */
HK_NODISCARD enum hk_code bind_params(struct call *call, struct hk_error *reterr);

/*
 * Makes `call->query` of the route's statement, with its parameters; `done` goes on. False: the
 * request is answered, because one of them is wrong.
 */
HK_NODISCARD bool bind_statement(struct call *call, hk_db_done_fn *done);

/* For a stage: bind_statement(), asked of the tenant's cell. STAGE_WAIT, or STAGE_REPLIED. */
enum stage_result bind_and_ask(struct call *call, hk_db_done_fn *done);

/* The part of bind_params() that routes without a statement need: an unknown parameter is refused.
 */
HK_NODISCARD enum hk_code bind_check_query(const struct call *call, struct hk_error *reterr);

/* A path parameter, decoded, by its name without the colon. HK_OK or HK_NOT_FOUND. */
HK_NODISCARD enum hk_code bind_path(struct call *call, const char *name, struct hk_str *ret,
                                    struct hk_error *reterr);

/*
 * The filter of a query of the delivery log, as hk_log_query_parse(). One that asks for what stands
 * in payloads takes the scope events:read, and is asked of what the caller sees: of masks, when it
 * sees those.
 */
HK_NODISCARD enum hk_code bind_log_filter(const struct call *call, struct hk_str query,
                                          struct hk_buf *ret_filter, struct hk_error *reterr);

#endif
