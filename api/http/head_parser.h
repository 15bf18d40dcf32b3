/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/http/head_parser.h - stands in for the function with which h2o parses a request's head.
 *
 * What h2o 2.2.5 cannot parse it answers in plain text, straight into the socket, past all filters;
 * and it reads up to 400 KiB of a head that does not end. Here such a head comes back as a request
 * that nobody can send, so that api/http/gate.c refuses it with a problem: see docs/adr/0013.
 */
#ifndef API_HEAD_PARSER_H
#define API_HEAD_PARSER_H

#include <h2o.h>

#include "hk/base.h"

/* To be called before h2o is. False when h2o would not call our function. */
HK_NODISCARD bool head_parser_init(void);

/* Whether it is the request that stands for a head that could not be parsed. */
bool head_parser_has_failed(const h2o_req_t *req);

#endif
