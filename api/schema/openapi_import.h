/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/schema/openapi_import.h - the `webhooks` of an OpenAPI 3.1 document as event types. Pure.
 */
#ifndef API_OPENAPI_IMPORT_H
#define API_OPENAPI_IMPORT_H

#include "hk/buf.h"
#include "hk/err.h"

enum {
    OPENAPI_MAX_TYPES = 1000,
    OPENAPI_MAX_TYPES_BYTES = 4 << 20, /* all of them */
    OPENAPI_MAX_JSON_BYTES = 32768,    /* a schema with what it refers to; a sample */
    OPENAPI_MAX_DESCRIPTION = 2000,    /* characters */
};

/*
 * Appends a JSON list with one object for each member of `webhooks`: "name", and what there is of
 * "description", "schema" and "sample" (the request body's, of JSON). What a schema refers to in
 * components/schemas is put below its $defs, so that it stands alone; other references are refused.
 *
 * HK_OK, or HK_INVALID_BODY with the pointer of the webhook at fault; `ret` is undefined then.
 */
HK_NODISCARD enum hk_code openapi_import(struct hk_str document, struct hk_buf *ret,
                                         struct hk_error *reterr);

#endif
