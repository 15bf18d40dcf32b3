/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reseal.c - a walk over the sealed columns, in the order in which it runs:
 *
 *     on_due -> on_page [-> on_put] -> on_due: the next page, the next column, the next walk
 */
#include "worker/reseal.h"

#include <stdio.h>
#include <stdlib.h>

#include "hk/db.h"
#include "hk/log.h"
#include "hk/loop.h"
#include "hk/pgarray.h"
#include "hk/stored_secrets.h"
#include "worker/reseal.sql.h"

#define HOUR_MS         INT64_C(3600000)
#define FAILED_DELAY_MS INT64_C(10000)
#define PAGE_ROWS       200
#define MAX_ARRAY_BYTES (8u << 20) /* 200 subscriptions with 4 KiB of header fields each */
#define MAX_ROW_BYTES   96         /* of an id in a key, of a flow secret's name */

/* The columns of a ..._page, and of a ..._put: there one array each. */
enum { TENANT, OWNER, ROW, NAME, OLD, NEW, N_ARRAYS, N_EXAMINED = NEW };

typedef struct hk_vault_place place_fn(const struct hk_str *key, char *buf);

struct reseal {
    struct hk_loop *loop;
    const char *cell; /* hk_config.cell, for logs */
    struct hk_db *db;
    const struct hk_vault *vault;
    struct hk_db_query query;
    struct hk_timer timer;
    char pattern[HK_VAULT_KEY_ID_SIZE + 8]; /* LIKE: what is sealed with the current key */

    size_t i;                           /* of the column under way */
    char after[NAME][MAX_ROW_BYTES];    /* tenant, owner, row: where the next page begins */
    bool is_last_page;                  /* of the column */
    struct hk_pgarray arrays[N_ARRAYS]; /* what is to be put */
    struct hk_buf opened, sealed;
    int64_t n_resealed, n_unreadable; /* of this walk */
    bool has_walked;                  /* once, to the end */
};

static struct hk_vault_place place_of_subscription_secret(const struct hk_str *key, char *buf)
{
    (void)buf;
    return hk_place_of_subscription_secret(key[TENANT], key[OWNER], key[ROW]);
}

static struct hk_vault_place place_of_tenant_secret(const struct hk_str *key, char *buf)
{
    (void)buf;
    return hk_place_of_tenant_secret(key[TENANT], key[ROW]);
}

static struct hk_vault_place place_of_password(const struct hk_str *key, char *buf)
{
    (void)buf;
    if (key[NAME].n > 0)
        return hk_place_of_client_secret(key[TENANT], key[ROW]);
    return hk_place_of_password(key[TENANT], key[ROW]);
}

static struct hk_vault_place place_of_client_key(const struct hk_str *key, char *buf)
{
    (void)buf;
    return hk_place_of_client_key(key[TENANT], key[ROW]);
}

static struct hk_vault_place place_of_header(const struct hk_str *key, char *buf)
{
    return hk_place_of_header(key[TENANT], key[ROW], key[NAME], buf);
}

static struct hk_vault_place place_of_signing_key(const struct hk_str *key, char *buf)
{
    (void)buf;
    return hk_place_of_signing_key(key[ROW]);
}

static struct hk_vault_place place_of_flow_secret(const struct hk_str *key, char *buf)
{
    (void)buf;
    return hk_place_of_flow_secret(key[TENANT], key[OWNER], key[ROW]);
}

/* All that is sealed. `hookline secrets status` (api/cli/secrets.c) has the same list. */
static const struct column {
    const char *name;
    const struct hk_stmt *page, *put;
    place_fn *place;
} columns[] = {
    {"subscription_secret.secret", &stmt_reseal_subscription_secret_page,
     &stmt_reseal_subscription_secret_put, place_of_subscription_secret},
    {"tenant_secret.secret", &stmt_reseal_tenant_secret_page, &stmt_reseal_tenant_secret_put,
     place_of_tenant_secret},
    {"subscription_credentials.password", &stmt_reseal_password_page, &stmt_reseal_password_put,
     place_of_password},
    {"subscription.headers", &stmt_reseal_header_page, &stmt_reseal_header_put, place_of_header},
    {"subscription.client_key", &stmt_reseal_client_key_page, &stmt_reseal_client_key_put,
     place_of_client_key},
    {"signing_key.private_key", &stmt_reseal_signing_key_page, &stmt_reseal_signing_key_put,
     place_of_signing_key},
    {"flow_secret.secret", &stmt_reseal_flow_secret_page, &stmt_reseal_flow_secret_put,
     place_of_flow_secret},
};

static hk_db_done_fn on_page;
static hk_db_done_fn on_put;

static void on_due(struct hk_timer *timer)
{
    struct reseal *reseal = HK_CONTAINER_OF(timer, struct reseal, timer);
    static const char page_rows[] = "200";

    _Static_assert(PAGE_ROWS == 200, "as page_rows says");
    reseal->query = (struct hk_db_query){
        .stmt = columns[reseal->i].page,
        .params = {hk_str(reseal->pattern), hk_str(reseal->after[TENANT]),
                   hk_str(reseal->after[OWNER]), hk_str(reseal->after[ROW]), hk_str(page_rows)},
        .wants_binary_result = true,
        .done = on_page,
        .timeout_ms = 20000,
    };
    if (hk_db_submit(reseal->db, &reseal->query) != HK_OK)
        hk_loop_set_timer(reseal->loop, timer, FAILED_DELAY_MS, on_due);
}

/* The same page again, later. */
static void note_failure(struct reseal *reseal)
{
    hk_log(HK_LOG_WARN, "reseal.failed", HK_CELL(reseal->cell),
           HK_CTEXT("column", columns[reseal->i].name));
    hk_loop_set_timer(reseal->loop, &reseal->timer, FAILED_DELAY_MS, on_due);
}

/* Said when there is something to say; what cannot be read is said each hour. */
static void end_walk(struct reseal *reseal)
{
    const char *old_key = reseal->vault->old.id[0] == '\0' ? "none"
                          : reseal->n_unreadable > 0       ? "perhaps needed"
                                                           : "not needed";

    if (reseal->n_unreadable > 0)
        hk_log(HK_LOG_ERROR, "secrets.unreadable", HK_CELL(reseal->cell),
               HK_I64("n", reseal->n_unreadable));
    if (!reseal->has_walked || reseal->n_resealed > 0)
        hk_log(HK_LOG_INFO, "secrets.walked", HK_CELL(reseal->cell),
               HK_CTEXT("key", reseal->vault->current.id), HK_I64("n_resealed", reseal->n_resealed),
               HK_I64("n_unreadable", reseal->n_unreadable), HK_CTEXT("old_key", old_key));
    reseal->has_walked = true;
    reseal->n_resealed = reseal->n_unreadable = 0;
}

static void go_on(struct reseal *reseal)
{
    int64_t delay_ms = 0;

    if (reseal->is_last_page) {
        memset(reseal->after, 0, sizeof(reseal->after));
        if (++reseal->i == HK_COUNTOF(columns)) {
            reseal->i = 0;
            end_walk(reseal);
            delay_ms = HOUR_MS;
        }
    }
    hk_loop_set_timer(reseal->loop, &reseal->timer, delay_ms, on_due);
}

/* Opens and seals one text; it is left as it is when it does not open. */
static void add_row(struct reseal *reseal, const struct hk_str *row)
{
    char buf[HK_HEADER_COLUMN_SIZE];
    struct hk_vault_place place = columns[reseal->i].place(row, buf);
    struct hk_buf *opened = &reseal->opened, *sealed = &reseal->sealed;

    hk_buf_clear(opened);
    hk_buf_clear(sealed);
    if (!hk_vault_open(reseal->vault, &place, row[OLD], opened) || opened->is_full) {
        reseal->n_unreadable++;
        return;
    }
    hk_vault_seal(reseal->vault, &place, hk_buf_str(opened), sealed);
    for (unsigned i = 0; i < NEW; i++)
        hk_pgarray_add_str(&reseal->arrays[i], row[i]);
    hk_pgarray_add_str(&reseal->arrays[NEW], hk_buf_str(sealed));
    if (opened->p != NULL)
        explicit_bzero(opened->p, opened->n);
}

static void copy_text(char ret[MAX_ROW_BYTES], struct hk_str text)
{
    (void)snprintf(ret, MAX_ROW_BYTES, "%.*s", (int)text.n, text.p);
}

static void put(struct reseal *reseal)
{
    reseal->query = (struct hk_db_query){
        .stmt = columns[reseal->i].put,
        .binary_params = (1u << N_ARRAYS) - 1,
        .wants_binary_result = true,
        .done = on_put,
        .timeout_ms = 20000,
    };
    for (unsigned i = 0; i < N_ARRAYS; i++)
        reseal->query.params[i] = hk_pgarray_param(&reseal->arrays[i]);
    if (hk_db_submit(reseal->db, &reseal->query) != HK_OK)
        hk_loop_set_timer(reseal->loop, &reseal->timer, FAILED_DELAY_MS, on_due);
}

static void on_page(struct hk_db_query *query, const struct hk_db_result *result)
{
    struct reseal *reseal = HK_CONTAINER_OF(query, struct reseal, query);
    struct hk_str row[NEW];

    if (result->code != HK_OK) {
        note_failure(reseal);
        return;
    }
    reseal->is_last_page = result->n_rows == 0 || hk_db_int(result, 0, N_EXAMINED) < PAGE_ROWS;
    for (unsigned i = 0; i < N_ARRAYS; i++)
        hk_pgarray_clear(&reseal->arrays[i]);
    for (unsigned n = 0; n < result->n_rows; n++) {
        for (unsigned i = 0; i < NEW; i++)
            row[i] = hk_db_value(result, n, i);
        if (row[OLD].p != NULL)
            add_row(reseal, row);
    }
    if (result->n_rows > 0) {
        for (unsigned i = 0; i < NAME; i++)
            copy_text(reseal->after[i], row[i]);
    }
    if (reseal->arrays[NEW].n > 0)
        put(reseal);
    else
        go_on(reseal);
}

static void on_put(struct hk_db_query *query, const struct hk_db_result *result)
{
    struct reseal *reseal = HK_CONTAINER_OF(query, struct reseal, query);
    int64_t n_done;

    if (result->code != HK_OK || result->n_rows != 1) {
        note_failure(reseal); /* the page after: the next walk comes by again */
        return;
    }
    n_done = hk_db_int(result, 0, 0);
    reseal->n_resealed += n_done;
    go_on(reseal);
}

struct reseal *reseal_new(struct hk_loop *loop, const struct hk_config *config, struct hk_db *db,
                          const struct hk_vault *vault)
{
    struct reseal *reseal = calloc(1, sizeof(*reseal));

    if (reseal == NULL)
        abort();
    reseal->loop = loop;
    reseal->cell = config->cell;
    reseal->db = db;
    reseal->vault = vault;
    (void)snprintf(reseal->pattern, sizeof(reseal->pattern), "v1.%s.%%", vault->current.id);
    for (unsigned i = 0; i < N_ARRAYS; i++)
        hk_pgarray_init(&reseal->arrays[i], HK_PG_TEXT, MAX_ARRAY_BYTES);
    hk_buf_init(&reseal->opened, HK_VAULT_MAX_BYTES);
    hk_buf_init(&reseal->sealed, HK_VAULT_SEALED_SIZE(HK_VAULT_MAX_BYTES));
    hk_loop_set_timer(loop, &reseal->timer, 0, on_due);
    return reseal;
}

void reseal_free(struct reseal *reseal)
{
    if (reseal == NULL)
        return;
    hk_db_abandon(&reseal->query);
    hk_loop_stop_timer(reseal->loop, &reseal->timer);
    for (unsigned i = 0; i < N_ARRAYS; i++)
        hk_pgarray_done(&reseal->arrays[i]);
    hk_buf_done(&reseal->opened);
    hk_buf_done(&reseal->sealed);
    free(reseal);
}
