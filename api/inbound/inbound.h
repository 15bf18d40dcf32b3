/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/inbound/inbound.h - receiving at the URLs of flows, /in/<key>[/wait/<correlation key>]: the
 * request is checked as its flow says, stored by the batcher with those of others, and answered
 * when it is committed. Nobody's key is asked for: the URL and the flow's credential stand for it.
 */
#ifndef API_INBOUND_H
#define API_INBOUND_H

#include "api/http/route.h"

struct batch_kind;

extern const struct route inbound_routes[];

/* Looking flows up, and storing what came: both are kinds of the thread's batcher. */
extern const struct batch_kind inbound_find_kind, inbound_receive_kind;

#endif
