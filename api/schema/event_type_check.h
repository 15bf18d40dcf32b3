/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/schema/event_type_check.h - before an event type is written: with validation on it has a
 * schema, and one that can be heeded; with enforce its sample is as the schema says.
 *
 * For `work` of routes. What a request leaves as it is counts as it is stored. Two changes of one
 * type at the same time may each be right and together not: then publishing refuses, or warns of,
 * every payload of the type and says why.
 */
#ifndef API_EVENT_TYPE_CHECK_H
#define API_EVENT_TYPE_CHECK_H

#include "api/http/route.h"

stage_fn event_type_check_created;  /* the body is a new type */
stage_fn event_type_check_changed;  /* the body is a merge patch of the type :name */
stage_fn event_type_check_imported; /* the body has "event_types" */
stage_fn event_type_check_webhooks; /* prepare() has set "=event_types" to such a list */

#endif
