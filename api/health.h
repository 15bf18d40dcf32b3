/* SPDX-License-Identifier: Apache-2.0 */
/* api/health.h - /healthz (the process lives), /readyz (it can serve), /openapi.json. */
#ifndef API_HEALTH_H
#define API_HEALTH_H

#include "api/route.h"

extern const struct route health_routes[];

#endif
