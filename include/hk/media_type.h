/* SPDX-License-Identifier: Apache-2.0 */
/* hk/media_type.h - what Content-Type and Accept say (RFC 9110, 8.3 and 12.5.1). Pure. */
#ifndef HK_MEDIA_TYPE_H
#define HK_MEDIA_TYPE_H

#include "hk/base.h"

/* Whether `header`, a Content-Type, is of that type, whatever its parameters. */
HK_NODISCARD bool hk_media_type_is(struct hk_str header, const char *type);

/*
 * Whether `header`, an Accept, takes that type (parameters of both aside). The most specific range
 * decides: "text/html;q=0" beside a range for all takes all but HTML. An empty header takes
 * everything.
 */
HK_NODISCARD bool hk_media_type_is_accepted(struct hk_str header, const char *type);

#endif
