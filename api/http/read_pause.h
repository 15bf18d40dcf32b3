/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/http/read_pause.h - h2o reads nothing of a connection while a request of it is answered, and
 * has its socket taken out of epoll and put back for that: two system calls a request. Here the
 * socket stays where it is, unread; only a client that sends or ends before it has its answer costs
 * them.
 */
#ifndef API_READ_PAUSE_H
#define API_READ_PAUSE_H

#include <h2o.h>

/* Called when h2o hands a request over. */
void read_pause_begin(h2o_req_t *req);

/* Called when h2o clears the request's pool, before it reads the next one or closes. */
void read_pause_end(h2o_req_t *req);

#endif
