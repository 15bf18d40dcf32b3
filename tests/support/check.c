/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <libpq-fe.h>

#include "hk/id.h"

#define ANSWER_TIMEOUT_MS 30000
#define MAX_ANSWER_BYTES  (1u << 20)

static HK_NORETURN void fail_at(const char *file, int line)
{
    _fail(file, line);
    abort(); /* _fail() never returns, but does not say so */
}

static HK_NORETURN void fail_about(const struct reply *reply, const char *what, const char *wanted,
                                   const char *file, int line)
{
    print_error("%s: %s is not \"%s\": (%d) %s\n%s\n", reply->request, what, wanted, reply->status,
                reply->headers, reply->body);
    fail_at(file, line);
}

struct reply api_want(struct harness *h, int status, const char *key, const char *method,
                      const char *path, const char *body)
{
    struct reply reply = api_send(h, key, method, path, hk_str(body), NULL);

    assert_status(reply, status);
    return reply;
}

void reply_check_members(const struct reply *reply, const char *path, const char *names,
                         const char *file, int line)
{
    json_t *object = reply_json(reply, path), *value;
    const char *name, *rest = names;

    json_object_foreach(object, name, value)
    {
        size_t n = strcspn(rest, ",");

        if (strlen(name) != n || strncmp(name, rest, n) != 0)
            fail_about(reply, name, rest, file, line);
        rest += n + (rest[n] == ',');
    }
    if (!json_is_object(object) || *rest != '\0')
        fail_about(reply, path, rest, file, line);
}

static bool has_pointer(const struct reply *reply, const char *pointer)
{
    json_t *errors = reply_json(reply, "errors"), *error;
    size_t i;

    json_array_foreach(errors, i, error)
    {
        const char *text = json_string_value(json_object_get(error, "pointer"));

        if (text != NULL && strcmp(text, pointer) == 0 &&
            json_is_string(json_object_get(error, "detail")))
            return true;
    }
    return false;
}

static bool is_text(const struct reply *reply, const char *path, const char *wanted)
{
    const char *text = json_string_value(reply_json(reply, path));

    return text != NULL && strcmp(text, wanted) == 0;
}

void reply_check_problem(struct harness *h, const struct reply *reply, int status, const char *slug,
                         const char *pointer, const char *file, int line)
{
    const char *type = reply_header(h->http, reply, "content-type");
    const char *id = reply_header(h->http, reply, "x-request-id");

    if (reply->status != status)
        fail_about(reply, "status", http_text(h->http, "%d", status), file, line);
    if (type == NULL || strcmp(type, "application/problem+json") != 0)
        fail_about(reply, "content-type", "application/problem+json", file, line);
    if (!is_text(reply, "type", http_text(h->http, "/problems/%s", slug)))
        fail_about(reply, "type", slug, file, line);
    if (json_integer_value(reply_json(reply, "status")) != status)
        fail_about(reply, "member status", slug, file, line);
    if (id == NULL || !is_uuid_v7(id) || !is_text(reply, "instance", id))
        fail_about(reply, "instance", id == NULL ? "a request id" : id, file, line);
    if (!json_is_string(reply_json(reply, "title")) || !json_is_string(reply_json(reply, "detail")))
        fail_about(reply, "title or detail", "text", file, line);
    if (pointer != NULL && !has_pointer(reply, pointer))
        fail_about(reply, "a pointer", pointer, file, line);
}

const char *db_all_rows(struct harness *h)
{
    /* But for what the workers go on counting and tidying meanwhile. */
    return db_text(h, "SELECT md5(string_agg(query_to_xml(format("
                      "'SELECT to_jsonb(t) - ''last_used_at'' - ''seen_at''"
                      "   FROM hookline.%%I t ORDER BY t::text', c.relname), true, false, '')"
                      "::text, '' ORDER BY c.relname))"
                      "  FROM pg_class c"
                      " WHERE c.relnamespace = 'hookline'::regnamespace AND NOT c.relispartition"
                      "   AND c.relkind IN ('r', 'p') AND c.relname NOT IN"
                      "       ('stat_open', 'stat_page', 'stat_progress', 'retention', "
                      "'retention_week', 'retained_event')");
}

struct pg_conn *db_lock(struct harness *h, const char *table)
{
    char url[PG_URL_SIZE];
    PGconn *session;

    pg_url(h->database, true, url);
    session = PQconnectdb(url);
    PQclear(PQexec(session, "BEGIN"));
    PQclear(PQexec(session,
                   http_text(h->http, "LOCK TABLE hookline.%s IN ACCESS EXCLUSIVE MODE", table)));
    assert_int_equal(PQtransactionStatus(session), PQTRANS_INTRANS);
    return session;
}

void db_unlock(struct pg_conn *session)
{
    PQfinish(session);
}

bool db_has_waiting(void *h)
{
    return db_int(h, "SELECT count(*) FROM pg_stat_activity"
                     " WHERE wait_event_type = 'Lock' AND datname = current_database()") > 0;
}

void expect_refused(struct harness *h, const char *key, const char *request, struct hk_str body,
                    int status, const char *slug, const char *pointer)
{
    size_t method_n = strcspn(request, " ");
    const char *before = db_all_rows(h);
    struct reply reply = api_send(h, key, http_text(h->http, "%.*s", (int)method_n, request),
                                  request + method_n + 1, body, NULL);

    if (reply.status != status)
        print_error("%s: %.*s\n", request, (int)(body.n < 500 ? body.n : 500), body.p);
    assert_problem(h, reply, status, slug, pointer);
    if (strcmp(before, db_all_rows(h)) != 0)
        fail_msg("%s changed a row: %.*s", request, (int)(body.n < 500 ? body.n : 500), body.p);
}

bool is_uuid_v7(const char *text)
{
    struct hk_id id;

    return hk_id_parse(hk_str(text), &id) && id.bytes[6] >> 4 == 7 && id.bytes[8] >> 6 == 2;
}

bool is_rfc3339_utc(const char *text)
{
    static const char shape[] = "dddd-dd-ddTdd:dd:dd";
    size_t i = 0;

    for (; shape[i] != '\0'; i++) {
        bool is_digit = text[i] >= '0' && text[i] <= '9';

        if (shape[i] == 'd' ? !is_digit : text[i] != shape[i])
            return false;
    }
    if (text[i] == '.')
        i += 1 + strspn(text + i + 1, "0123456789");
    return strcmp(text + i, "+00:00") == 0 || strcmp(text + i, "Z") == 0;
}

/* ---- raw requests ---- */

int raw_start(struct harness *h, const char *key, const char *method, const char *path,
              const char *body)
{
    return raw_start_at(h, h->api_url, key, method, path, "", body);
}

int raw_start_at(struct harness *h, const char *base, const char *key, const char *method,
                 const char *path, const char *header, const char *body)
{
    int fd = http_raw_connect(base);
    const char *request;

    assert_true(fd >= 0);
    request = http_text(h->http,
                        "%s %s HTTP/1.1\r\nHost: test\r\nConnection: close\r\n%s%s%s%s"
                        "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                        method, path, header, key == NULL ? "" : "Authorization: Bearer ",
                        key == NULL ? "" : key, key == NULL ? "" : "\r\n",
                        body == NULL ? 0 : strlen(body), body == NULL ? "" : body);
    assert_true(http_raw_send(fd, request, strlen(request)));
    return fd;
}

struct reply raw_finish(struct harness *h, int fd)
{
    char *answer = malloc(MAX_ANSWER_BYTES);
    struct reply reply;

    assert_non_null(answer);
    (void)http_raw_read(fd, answer, MAX_ANSWER_BYTES, ANSWER_TIMEOUT_MS, NULL);
    (void)close(fd);
    reply = http_raw_reply(h->http, answer);
    free(answer);
    return reply;
}

void raw_abandon(int fd)
{
    (void)close(fd);
}

/* ---- routes ---- */

size_t list_routes(struct harness *h, struct listed_route *ret, size_t capacity)
{
    static const char *const argv[] = {HOOKLINE_BIN_DIR "/hookline-api", "--print-routes", NULL};
    char *out, *line, *rest;
    size_t n = 0;

    assert_int_equal(proc_run("routes", h->directory, argv, NULL, &out), 0);
    rest = out;
    while ((line = strsep(&rest, "\n")) != NULL && *line != '\0') {
        assert_true(n < capacity);
        ret[n].method = http_text(h->http, "%s", strsep(&line, " "));
        ret[n].path = http_text(h->http, "%s", strsep(&line, " "));
        ret[n++].scope = http_text(h->http, "%s", line);
    }
    free(out);
    return n;
}
