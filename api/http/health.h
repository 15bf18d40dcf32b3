/* SPDX-License-Identifier: Apache-2.0 */
/* api/http/health.h - /healthz (the process lives), /readyz (it can serve), /openapi.json. */
#ifndef API_HEALTH_H
#define API_HEALTH_H

#include "api/http/route.h"

extern const struct route health_routes[];

#endif
