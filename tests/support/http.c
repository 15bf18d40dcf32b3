/* SPDX-License-Identifier: Apache-2.0 */
/* http.c - see http.h. */
#include "tests/support/http.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <curl/curl.h>

#include "hk/buf.h"
#include "tests/support/record.h"

#define MAX_REPLY_BYTES (256u << 20)
#define TIMEOUT_MS      60000L

/* What replies point at. */
struct kept {
    struct kept *next;
    char *text;
    json_t *json;
};

struct http {
    CURL *curl;
    const char *ca_file;
    struct kept *kept;
};

struct http *http_new(void)
{
    struct http *http = calloc(1, sizeof(*http));

    assert(http != NULL);
    http->curl = curl_easy_init();
    assert(http->curl != NULL);
    return http;
}

void http_free(struct http *http)
{
    if (http == NULL)
        return;
    while (http->kept != NULL) {
        struct kept *kept = http->kept;

        http->kept = kept->next;
        json_decref(kept->json);
        free(kept->text);
        free(kept);
    }
    curl_easy_cleanup(http->curl);
    free(http);
}

void http_trust(struct http *http, const char *ca_file)
{
    http->ca_file = ca_file;
}

static void keep(struct http *http, char *text, json_t *json)
{
    struct kept *kept = malloc(sizeof(*kept));

    assert(kept != NULL);
    *kept = (struct kept){.next = http->kept, .text = text, .json = json};
    http->kept = kept;
}

const char *http_text(struct http *http, const char *format, ...)
{
    char *text;
    va_list args;
    int n;

    va_start(args, format);
    n = vasprintf(&text, format, args);
    va_end(args);
    assert(n >= 0);
    keep(http, text, NULL);
    return text;
}

/* ---- a call ---- */

static size_t on_bytes(char *p, size_t size, size_t n, void *buf)
{
    hk_buf_add(buf, p, size * n);
    return size * n;
}

/* The head of an interim or an earlier answer is dropped: each begins with a status line. */
static size_t on_header(char *p, size_t size, size_t n, void *buf)
{
    if (size * n >= 5 && memcmp(p, "HTTP/", 5) == 0)
        hk_buf_clear(buf);
    else
        hk_buf_add(buf, p, size * n);
    return size * n;
}

static struct curl_slist *make_headers(const char *key, bool has_body, const char *const headers[])
{
    struct curl_slist *list = curl_slist_append(NULL, "Expect:");
    bool has_type = false;
    char line[16384]; /* a token may be long */

    for (size_t i = 0; headers != NULL && headers[i] != NULL; i++) {
        list = curl_slist_append(list, headers[i]);
        has_type |= strncasecmp(headers[i], "content-type", 12) == 0;
    }
    if (has_body && !has_type)
        list = curl_slist_append(list, "Content-Type: application/json");
    if (key != NULL) {
        (void)snprintf(line, sizeof(line), "Authorization: Bearer %s", key);
        list = curl_slist_append(list, line);
    }
    assert(list != NULL);
    return list;
}

static void set_options(struct http *http, const char *method, const char *url, struct hk_str body,
                        struct curl_slist *headers)
{
    CURL *curl = http->curl;

    curl_easy_reset(curl); /* keeps connections */
    (void)curl_easy_setopt(curl, CURLOPT_URL, url);
    (void)curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    (void)curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, TIMEOUT_MS);
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_bytes);
    (void)curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
    if (http->ca_file != NULL)
        (void)curl_easy_setopt(curl, CURLOPT_CAINFO, http->ca_file);
    if (body.p != NULL) {
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.n);
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.p);
    }
    if (strcmp(method, "HEAD") == 0)
        (void)curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
}

struct reply http_call(struct http *http, const char *method, const char *base, const char *path,
                       const char *key, struct hk_str body, const char *const headers[])
{
    struct reply reply = {.request = http_text(http, "%s %s", method, path)};
    struct curl_slist *list = make_headers(key, body.p != NULL, headers);
    struct hk_buf head, content;
    CURLcode code;
    long status = 0;

    hk_buf_init(&head, MAX_REPLY_BYTES);
    hk_buf_init(&content, MAX_REPLY_BYTES);
    set_options(http, method, http_text(http, "%s%s", base, path), body, list);
    (void)curl_easy_setopt(http->curl, CURLOPT_WRITEDATA, &content);
    (void)curl_easy_setopt(http->curl, CURLOPT_HEADERDATA, &head);
    code = curl_easy_perform(http->curl);
    curl_slist_free_all(list);
    if (code != CURLE_OK) {
        hk_buf_clear(&content);
        hk_buf_add_text(&content, curl_easy_strerror(code));
    } else {
        (void)curl_easy_getinfo(http->curl, CURLINFO_RESPONSE_CODE, &status);
    }
    reply.status = (int)status;
    reply.headers = http_text(http, "%s", hk_buf_str(&head).p);
    reply.json =
        json_loadb(hk_buf_str(&content).p, content.n, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    reply.body_n = content.n;
    reply.body = content.n == 0 ? "" : content.p;
    keep(http, content.p, reply.json); /* takes the buffer's memory over */
    hk_buf_done(&head);
    record_reply(method, path, &reply);
    return reply;
}

/* ---- what a reply says ---- */

const char *reply_header(struct http *http, const struct reply *reply, const char *name)
{
    size_t name_n = strlen(name);
    const char *line = reply->headers;

    while (line != NULL && *line != '\0') {
        if (strncasecmp(line, name, name_n) == 0 && line[name_n] == ':') {
            line += name_n + 1;
            line += strspn(line, " \t");
            return http_text(http, "%.*s", (int)strcspn(line, "\r\n"), line);
        }
        line = strchr(line, '\n');
        line = line == NULL ? NULL : line + 1;
    }
    return NULL;
}

json_t *reply_json(const struct reply *reply, const char *path)
{
    json_t *json = reply->json;
    char name[128];

    while (json != NULL && *path != '\0') {
        size_t n = strcspn(path, ".");

        assert(n < sizeof(name));
        memcpy(name, path, n);
        name[n] = '\0';
        if (json_is_array(json))
            json = json_array_get(json, strtoul(name, NULL, 10));
        else
            json = json_object_get(json, name);
        path += n + (path[n] == '.');
    }
    return json;
}

/* ---- raw sockets ---- */

static int raw_connect(const char *base, bool is_small)
{
    static const int buffer_n = 1024, segment_n = 88;
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    const char *colon = strrchr(base, ':');
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert(colon != NULL && fd >= 0);
    address.sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
    if (is_small) {
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer_n, sizeof(buffer_n));
        (void)setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &segment_n, sizeof(segment_n));
    }
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    (void)close(fd);
    return -1;
}

int http_raw_connect(const char *base)
{
    return raw_connect(base, false);
}

int http_raw_connect_small(const char *base)
{
    return raw_connect(base, true);
}

bool http_raw_send(int fd, const void *p, size_t n)
{
    const char *next = p;

    while (n > 0) {
        ssize_t sent = send(fd, next, n, MSG_NOSIGNAL);

        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return false;
        next += sent;
        n -= (size_t)sent;
    }
    return true;
}

size_t http_raw_read(int fd, char *ret, size_t capacity, int timeout_ms, bool *ret_is_closed)
{
    struct pollfd readable = {.fd = fd, .events = POLLIN};
    size_t n = 0;
    bool is_closed = false;

    while (!is_closed && n + 1 < capacity && poll(&readable, 1, timeout_ms) > 0) {
        ssize_t got = recv(fd, ret + n, capacity - 1 - n, 0);

        is_closed = got <= 0; /* a reset closes too */
        n += got > 0 ? (size_t)got : 0;
    }
    ret[n] = '\0';
    if (ret_is_closed != NULL)
        *ret_is_closed = is_closed;
    return n;
}

struct reply http_raw_reply(struct http *http, const char *answer)
{
    struct reply reply = {.status = http_raw_status(answer), .request = "a raw request"};
    const char *head = strstr(answer, "\r\n"), *end = strstr(answer, "\r\n\r\n");

    reply.headers = head == NULL ? "" : http_text(http, "%s", head + 2);
    reply.body = end == NULL ? "" : http_text(http, "%s", end + 4);
    reply.body_n = strlen(reply.body);
    reply.json = json_loadb(reply.body, reply.body_n, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    if (reply.json != NULL)
        keep(http, NULL, reply.json);
    return reply;
}

int http_raw_status(const char *answer)
{
    if (strncmp(answer, "HTTP/1.", 7) != 0 || strlen(answer) < 12)
        return 0;
    return (answer[9] - '0') * 100 + (answer[10] - '0') * 10 + (answer[11] - '0');
}
