/* SPDX-License-Identifier: Apache-2.0 */
/* api/publish/payload_try.h - producers try a payload against an event type's schema. */
#ifndef API_PAYLOAD_TRY_H
#define API_PAYLOAD_TRY_H

#include "api/http/route.h"

extern const struct route payload_try_routes[];

#endif
