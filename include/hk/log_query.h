/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hk/log_query.h - the query language of the delivery log, docs/query-language.md. Pure.
 *
 *     status:failed code:5xx company:"Bakker BV" since:24h
 *
 *     query    = *( term )                         terms are separated by blanks, and all must hold
 *     term     = ["-"] field ":" value *( "," value ) / id
 *     field    = name / ( "attribute" / "attr" ) "." name
 *     value    = bare / quoted                     any of the values will do
 *     bare     = 1*( any character but blank, ',' and '"' )
 *     quoted   = '"' *( character / "\" ( '"' / "\" ) ) '"'
 *     id       = a UUID, of a message or an event
 *
 * A query becomes one canonical JSON object, the filter: what jobs store and message_search() in
 * SQL reads. The same filter is the same text; times are absolute in it.
 */
#ifndef HK_LOG_QUERY_H
#define HK_LOG_QUERY_H

#include "hk/buf.h"
#include "hk/err.h"

enum {
    HK_LOG_QUERY_MAX_BYTES = 2048,
    HK_LOG_QUERY_MAX_VALUES = 64,       /* of all terms */
    HK_LOG_QUERY_MAX_VALUE_BYTES = 256, /* of one, but for path */
    HK_LOG_QUERY_MAX_PATH_DAYS = 31,    /* of payloads that a path may be asked of */
    HK_LOG_FILTER_MAX_BYTES = 16384,    /* of the JSON of any query, and a member more */
};

/*
 * Appends the filter of `text` to `ret_filter` (initialised with HK_LOG_FILTER_MAX_BYTES, or more).
 * `now_us` is the wall clock, which "since:24h" counts from. HK_OK, or HK_INVALID_PARAMETER with
 * pointer "/q" and a sentence that names the column; then nothing that was appended counts.
 */
HK_NODISCARD enum hk_code hk_log_query_parse(struct hk_str text, int64_t now_us,
                                             struct hk_buf *ret_filter, struct hk_error *reterr);

/* Whether a filter asks for messages by their id, or by that of their event, the producer's too. */
bool hk_log_filter_names_an_id(struct hk_str filter);

#endif
