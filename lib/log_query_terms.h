/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log_query_terms.h - a query as log_query.c has read it and log_query_filter.c writes it. Private
 * to the two.
 */
#ifndef LIB_LOG_QUERY_TERMS_H
#define LIB_LOG_QUERY_TERMS_H

#include "hk/log_query.h"
#include "log_query_value.h"

enum kind {
    KIND_CHOICE,
    KIND_CODE, /* of an answer: 404, 5xx, none */
    KIND_ID,   /* a UUID */
    KIND_TEXT,
    KIND_TRACE,      /* 32 hexadecimal digits */
    KIND_EVENT_TYPE, /* a name, or a pattern: order.* */
    KIND_COUNT,      /* bounds: 3, >=3, 2..5 */
    KIND_DURATION,   /* the same in milliseconds: >2s */
    KIND_TIME,       /* an RFC 3339 time, a date, or so long ago: 24h */
    KIND_PATH,       /* of hk/filter.h */
    KIND_ATTRIBUTE,  /* attribute.name:value */
};

struct field {
    const char *name; /* in queries */
    const char *also; /* another name for it, or NULL */
    const char *key;  /* in the filter */
    enum kind kind;
    bool may_be_negated;
    const char *choices;
};

enum { LOG_QUERY_N_FIELDS = 19 };

/* In the order in which a filter has them; the first is what a UUID that stands alone means. */
extern const struct field log_query_fields[LOG_QUERY_N_FIELDS];

struct value {
    const struct field *field;
    bool is_negated;
    struct hk_str name; /* of an attribute */
    struct hk_str text;
};

struct query {
    struct hk_str text;
    size_t at;
    int64_t now_us;
    struct hk_error *reterr;
    struct value values[HK_LOG_QUERY_MAX_VALUES];
    unsigned n_values;
    struct log_bounds bounds[LOG_QUERY_N_FIELDS]; /* of KIND_COUNT, KIND_DURATION, KIND_TIME */
    bool is_given[LOG_QUERY_N_FIELDS];            /* what may be said once only */
    char decoded[HK_LOG_QUERY_MAX_BYTES + 64];    /* the texts of values */
    size_t n_decoded;
};

/* Appends the JSON. */
void log_query_write(const struct query *q, struct hk_buf *ret);

#endif
