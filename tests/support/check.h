/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/support/check.h - what a reply of the API has to look like, requests that no client would
 * send, and what the API has to answer for.
 */
#ifndef SUPPORT_CHECK_H
#define SUPPORT_CHECK_H

#include "tests/support/harness.h"

/* Calls the API with that body (or NULL), and the test fails when the answer has another status. */
struct reply api_want(struct harness *h, int status, const char *key, const char *method,
                      const char *path, const char *body);

/* The object at the path ("" for the whole reply) has these members in this order: "id,name". */
#define assert_members(reply, path, names)                                                         \
    reply_check_members(&(reply), (path), (names), __FILE__, __LINE__)
void reply_check_members(const struct reply *reply, const char *path, const char *names,
                         const char *file, int line);

/*
 * application/problem+json with that status, "/problems/<slug>" and the request's id; `pointer`
 * (NULL: any or none) is that of one of its errors.
 */
#define assert_problem(h, reply, status, slug, pointer)                                            \
    reply_check_problem((h), &(reply), (status), (slug), (pointer), __FILE__, __LINE__)
void reply_check_problem(struct harness *h, const struct reply *reply, int status, const char *slug,
                         const char *pointer, const char *file, int line);

/* One hash over every row of every table; when a key or a session was used does not count, nor what
 * workers count. */
const char *db_all_rows(struct harness *h);

/*
 * A session that locks a table of the schema, so that every statement on it waits; db_unlock()
 * ends it.
 */
struct pg_conn *db_lock(struct harness *h, const char *table);
void db_unlock(struct pg_conn *session);

/* For wait_until(), with the harness: whether a statement waits for a lock. */
bool db_has_waiting(void *h);

/* `request` ("POST /v1/apps") gets that problem, and no row of the database has changed. */
void expect_refused(struct harness *h, const char *key, const char *request, struct hk_str body,
                    int status, const char *slug, const char *pointer);

/* A text of the right form, not that it is of an object. */
bool is_uuid_v7(const char *text);
bool is_rfc3339_utc(const char *text);

/* ---- requests of the test's own making ---- */

/*
 * A connection to the API with one request on its way, which asks to close after the answer;
 * `key` and `body` may be NULL.
 */
int raw_start(struct harness *h, const char *key, const char *method, const char *path,
              const char *body);

/* The same to any API process, with one more header ("Name: value\r\n", or ""). */
int raw_start_at(struct harness *h, const char *base, const char *key, const char *method,
                 const char *path, const char *header, const char *body);

/* Its answer, to the end of the connection, which is closed. Status 0: none came. */
struct reply raw_finish(struct harness *h, int fd);

/* Closes without having read it. */
void raw_abandon(int fd);

/* ---- the routes ---- */

struct listed_route {
    const char *method, *path, *scope;
};

/* What `hookline-api --print-routes` lists; how many. */
size_t list_routes(struct harness *h, struct listed_route *ret, size_t capacity);

#endif
