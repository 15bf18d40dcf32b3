/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/http/error_filter.h - h2o's own error pages (413 before a handler runs) become problems (RFC
 * 9457).
 */
#ifndef API_ERROR_FILTER_H
#define API_ERROR_FILTER_H

#include <h2o.h>

/* At start, for each path: also the host's fallback path, which is where h2o's own errors go. */
void error_filter_register(h2o_pathconf_t *path);

#endif
