/* SPDX-License-Identifier: Apache-2.0 */
/* api/http/docs.h - /docs: the reference of the API in a browser, from the files of api/docs/. */
#ifndef API_DOCS_H
#define API_DOCS_H

#include "api/http/route.h"

extern const struct route docs_routes[];

#endif
