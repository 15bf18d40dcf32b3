/* SPDX-License-Identifier: Apache-2.0 */
/* log_query_filter.c - a query as JSON, in the order of the table of fields. */
#include <assert.h>
#include <stdio.h>

#include "hk/clock.h"
#include "log_query_terms.h"

/* Begins a member of the object that `*n_members` counts. */
static void add_key(struct hk_buf *ret, unsigned *n_members, struct hk_str key)
{
    hk_buf_add_text(ret, (*n_members)++ == 0 ? "" : ",");
    hk_buf_add_json_string(ret, key);
    hk_buf_add_text(ret, ":");
}

/* ["a","b"], of an attribute when `name` is one. */
static void add_list(const struct query *q, const struct field *field, bool is_negated,
                     struct hk_str name, struct hk_buf *ret)
{
    char before = '[';

    for (unsigned i = 0; i < q->n_values; i++) {
        const struct value *value = &q->values[i];

        if (value->field != field || value->is_negated != is_negated ||
            !hk_str_eq(value->name, name))
            continue;
        hk_buf_add(ret, &before, 1);
        hk_buf_add_json_string(ret, value->text);
        before = ',';
    }
    hk_buf_add_text(ret, "]");
}

/* {"name":["a","b"]}, in the order in which the names came. */
static void add_attributes(const struct query *q, const struct field *field, struct hk_buf *ret)
{
    unsigned n_members = 0;

    hk_buf_add_text(ret, "{");
    for (unsigned i = 0; i < q->n_values; i++) {
        bool is_first = q->values[i].field == field;

        for (unsigned j = 0; j < i && is_first; j++)
            is_first =
                q->values[j].field != field || !hk_str_eq(q->values[j].name, q->values[i].name);
        if (!is_first)
            continue;
        add_key(ret, &n_members, q->values[i].name);
        add_list(q, field, false, q->values[i].name, ret);
    }
    hk_buf_add_text(ret, "}");
}

static void add_bounds(const struct log_bounds *bounds, struct hk_buf *ret)
{
    hk_buf_add_text(ret, "{");
    if (bounds->least >= 0)
        hk_buf_printf(ret, "\"gte\":%lld", (long long)bounds->least);
    if (bounds->most >= 0)
        hk_buf_printf(ret, "%s\"lte\":%lld", bounds->least >= 0 ? "," : "",
                      (long long)bounds->most);
    hk_buf_add_text(ret, "}");
}

static const struct value *find_value(const struct query *q, const struct field *field,
                                      bool is_negated)
{
    for (unsigned i = 0; i < q->n_values; i++) {
        if (q->values[i].field == field && q->values[i].is_negated == is_negated)
            return &q->values[i];
    }
    return NULL;
}

static void add_time(int64_t us, struct hk_buf *ret)
{
    char text[25];

    hk_format_rfc3339(us, text);
    hk_buf_add_json_string(ret, hk_str(text));
}

/* The members of one kind of terms: those that are negated, or the others. */
static void add_members(const struct query *q, bool is_negated, unsigned *n_members,
                        struct hk_buf *ret)
{
    for (unsigned i = 0; i < LOG_QUERY_N_FIELDS; i++) {
        const struct field *field = &log_query_fields[i];
        const struct value *value = find_value(q, field, is_negated);

        if (value == NULL && (is_negated || !q->is_given[i]))
            continue;
        add_key(ret, n_members, hk_str(field->key));
        switch (field->kind) {
        case KIND_COUNT:
        case KIND_DURATION:
            add_bounds(&q->bounds[i], ret);
            break;
        case KIND_TIME:
            add_time(q->bounds[i].least, ret);
            break;
        case KIND_PATH:
            assert(value != NULL); /* what is given has been added */
            hk_buf_add_json_string(ret, value->text);
            break;
        case KIND_ATTRIBUTE:
            add_attributes(q, field, ret);
            break;
        case KIND_CHOICE:
        case KIND_CODE:
        case KIND_ID:
        case KIND_TEXT:
        case KIND_TRACE:
        case KIND_EVENT_TYPE:
            add_list(q, field, is_negated, HK_STR_NULL, ret);
            break;
        }
    }
}

void log_query_write(const struct query *q, struct hk_buf *ret)
{
    unsigned n_members = 0, n_negated = 0;

    hk_buf_add_text(ret, "{");
    add_members(q, false, &n_members, ret);
    for (unsigned i = 0; i < q->n_values; i++)
        n_negated += q->values[i].is_negated;
    if (n_negated > 0) {
        n_negated = 0;
        add_key(ret, &n_members, HK_STR("not"));
        hk_buf_add_text(ret, "{");
        add_members(q, true, &n_negated, ret);
        hk_buf_add_text(ret, "}");
    }
    hk_buf_add_text(ret, "}");
}

bool hk_log_filter_names_an_id(struct hk_str filter)
{
    static const char *const firsts[] = {"id", "message_id", "event_id", "external_id"};
    char member[32];

    /* They are the first of log_query_fields, and so is one of them that is there of the members.
     */
    for (size_t i = 0; i < HK_COUNTOF(firsts); i++) {
        size_t n = (size_t)snprintf(member, sizeof(member), "{\"%s\":", firsts[i]);

        if (filter.n >= n && memcmp(filter.p, member, n) == 0)
            return true;
    }
    return false;
}
