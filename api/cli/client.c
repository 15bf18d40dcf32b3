/* SPDX-License-Identifier: Apache-2.0 */
#include "api/cli/client.h"

#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "api/cli/exit.h"
#include "api/cli/interrupt.h"
#include "api/cli/output.h"
#include "hk/clock.h"

enum {
    MAX_REPLY_BYTES = 32 << 20,
    MAX_KEY_BYTES = 4096,
    CONNECT_TIMEOUT_MS = 10000,
    CALL_TIMEOUT_MS = 90000,
    SILENCE_TIMEOUT_MS = 120000, /* of a stream: several of its heartbeats */
};

struct client {
    CURL *curl;
    char *base; /* without a "/" at its end */
    struct hk_buf authorization;
    struct hk_buf reply;
    struct client_stream *stream; /* NULL: a call */
    int64_t heard_ms;             /* monotonic: when a byte of the stream came last */
    bool has_enough;
};

static void must(CURLcode code)
{
    if (code != CURLE_OK) {
        (void)fprintf(stderr, "hookline: libcurl: %s\n", curl_easy_strerror(code));
        abort();
    }
}

/* ---- the key and the URL -------------------------------------------------------------------- */

static bool read_key_file(const char *path, char ret[MAX_KEY_BYTES])
{
    FILE *file = fopen(path, "re");
    size_t n;

    if (file == NULL) {
        (void)fprintf(stderr, "hookline: %s cannot be read\n", path);
        return false;
    }
    n = fread(ret, 1, MAX_KEY_BYTES - 1, file);
    (void)fclose(file);
    ret[n] = '\0';
    ret[strcspn(ret, "\r\n")] = '\0';
    return true;
}

/* It goes into a header field. */
static bool is_key(const char *key)
{
    for (; *key > ' ' && *key <= '~'; key++)
        ;
    return *key == '\0';
}

static bool set_key(struct client *client, const char *file, const char *key)
{
    char text[MAX_KEY_BYTES] = "";

    if (file != NULL && !read_key_file(file, text))
        return false;
    if (file != NULL)
        key = text;
    if (key[0] == '\0')
        (void)fputs("hookline: no API key: set HOOKLINE_API_KEY or HOOKLINE_API_KEY_FILE, "
                    "or say --key-file\n",
                    stderr);
    else if (!is_key(key))
        (void)fputs("hookline: this is no API key\n", stderr);
    else
        hk_buf_printf(&client->authorization, "Authorization: Bearer %s", key);
    explicit_bzero(text, sizeof(text));
    return client->authorization.n > 0;
}

static bool set_base(struct client *client, const char *url)
{
    size_t n = strlen(url);

    if ((strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0) ||
        strpbrk(url, "?#@ ") != NULL) {
        (void)fputs("hookline: the URL of the API must be http(s)://host[:port], without a user\n",
                    stderr);
        return false;
    }
    while (n > 0 && url[n - 1] == '/')
        n--;
    client->base = strndup(url, n);
    if (client->base == NULL)
        abort();
    return true;
}

struct client *client_new(const struct hk_config *config, const struct options *options)
{
    struct client *client = calloc(1, sizeof(*client));

    if (client == NULL)
        abort();
    hk_buf_init(&client->authorization, MAX_KEY_BYTES + 64);
    hk_buf_init(&client->reply, MAX_REPLY_BYTES);
    must(curl_global_init(CURL_GLOBAL_DEFAULT));
    client->curl = curl_easy_init();
    if (client->curl == NULL)
        abort();
    if (set_base(client, options->url == NULL ? config->cli_url : options->url) &&
        set_key(client, options->key_file, config->cli_api_key))
        return client;
    client_free(client);
    return NULL;
}

void client_free(struct client *client)
{
    if (client == NULL)
        return;
    curl_easy_cleanup(client->curl);
    curl_global_cleanup();
    if (client->authorization.n > 0)
        explicit_bzero(client->authorization.p, client->authorization.n);
    hk_buf_done(&client->authorization);
    hk_buf_done(&client->reply);
    free(client->base);
    free(client);
}

void client_add_parameter(struct hk_buf *path, const char *name, const char *value)
{
    static const char plain[] =
        "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

    if (value == NULL || value[0] == '\0')
        return;
    hk_buf_printf(path, "%c%s=", memchr(path->p, '?', path->n) == NULL ? '?' : '&', name);
    for (; *value != '\0'; value++) {
        if (strchr(plain, *value) != NULL)
            hk_buf_add(path, value, 1);
        else
            hk_buf_printf(path, "%%%02X", (unsigned)(unsigned char)*value);
    }
}

/* ---- refusals ------------------------------------------------------------------------------- */

static int code_of_status(long status)
{
    if (status == 401 || status == 403)
        return EXIT_DENIED;
    return status == 429 || status >= 500 ? EXIT_UNAVAILABLE : EXIT_FAILED;
}

/* application/problem+json, on stderr. */
static int print_problem(const struct client *client, long status)
{
    json_t *problem =
        json_loadb(client->reply.n == 0 ? "" : client->reply.p, client->reply.n, 0, NULL);
    const char *detail = output_text(problem, "detail"), *title = output_text(problem, "title");
    json_t *error;
    size_t i;

    (void)fprintf(stderr, "hookline: %ld: ", status);
    output_print_clean(stderr, detail[0] != '\0' ? detail : title);
    (void)fputs(problem == NULL ? "this is no answer of Hookline\n" : "\n", stderr);
    json_array_foreach(json_object_get(problem, "errors"), i, error)
    {
        (void)fputs("  ", stderr);
        output_print_clean(stderr, output_text(error, "pointer"));
        (void)fputs(": ", stderr);
        output_print_clean(stderr, output_text(error, "detail"));
        (void)fputc('\n', stderr);
    }
    json_decref(problem);
    return code_of_status(status);
}

/* ---- transfers ------------------------------------------------------------------------------ */

static long status_of(const struct client *client)
{
    long status = 0;

    must(curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &status));
    return status;
}

static size_t on_body(char *p, size_t one, size_t n, void *arg)
{
    struct client *client = arg;

    (void)one; /* 1 */
    client->heard_ms = hk_mono_ms();
    if (client->stream != NULL && status_of(client) == 200) {
        client->has_enough = !client->stream->on_bytes(client->stream->arg, p, n);
        return client->has_enough ? 0 : n;
    }
    hk_buf_add(&client->reply, p, n);
    return client->reply.is_full ? 0 : n;
}

/* Called once a second at least; what is not 0 ends the transfer. */
static int on_progress(void *arg, curl_off_t down_total, curl_off_t down, curl_off_t up_total,
                       curl_off_t up)
{
    const struct client *client = arg;

    (void)down_total;
    (void)down;
    (void)up_total;
    (void)up;
    return interrupt_has_come() ||
           (client->stream != NULL && hk_mono_ms() - client->heard_ms > SILENCE_TIMEOUT_MS);
}

static CURLcode transfer(struct client *client, const char *method, const char *path,
                         const char *body, const char *last_id)
{
    HK_CLEANUP(hk_buf_done) struct hk_buf text;
    struct curl_slist *headers = NULL;
    CURL *curl = client->curl;
    CURLcode code;

    hk_buf_init(&text, CLIENT_MAX_PATH_BYTES);
    curl_easy_reset(curl);
    hk_buf_clear(&client->reply);
    client->heard_ms = hk_mono_ms();
    headers = curl_slist_append(headers, client->authorization.p);
    if (body != NULL)
        headers = curl_slist_append(headers, "Content-Type: application/json");
    if (last_id != NULL && last_id[0] != '\0') {
        hk_buf_printf(&text, "Last-Event-ID: %s", last_id);
        headers = curl_slist_append(headers, text.p);
        hk_buf_clear(&text);
    }
    hk_buf_printf(&text, "%s%s", client->base, path);
    if (headers == NULL)
        abort();
    must(curl_easy_setopt(curl, CURLOPT_URL, text.p));
    must(curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https"));
    must(curl_easy_setopt(curl, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2));
    must(curl_easy_setopt(curl, CURLOPT_USERAGENT, "hookline/" HOOKLINE_VERSION));
    must(curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method));
    must(curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers));
    if (body != NULL)
        must(curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body));
    must(curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS));
    if (client->stream == NULL)
        must(curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)CALL_TIMEOUT_MS));
    must(curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body));
    must(curl_easy_setopt(curl, CURLOPT_WRITEDATA, client));
    must(curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L));
    must(curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress));
    must(curl_easy_setopt(curl, CURLOPT_XFERINFODATA, client));
    code = curl_easy_perform(curl);
    curl_slist_free_all(headers);
    return code;
}

static int read_answer(const struct client *client, json_t **ret)
{
    long status = status_of(client);

    if (status < 200 || status > 299)
        return print_problem(client, status);
    *ret = json_loadb(client->reply.n == 0 ? "" : client->reply.p, client->reply.n, 0, NULL);
    if (*ret != NULL)
        return EXIT_OK;
    (void)fputs("hookline: this is no answer of Hookline: is the URL right?\n", stderr);
    return EXIT_FAILED;
}

int client_call(struct client *client, const char *method, const char *path, const json_t *body,
                json_t **ret)
{
    char *text = body == NULL ? NULL : json_dumps(body, JSON_COMPACT);
    CURLcode code;

    client->stream = NULL;
    code = transfer(client, method, path, text, NULL);
    free(text);
    if (code == CURLE_OK)
        return read_answer(client, ret);
    if (interrupt_has_come())
        return EXIT_INTERRUPTED;
    if (client->reply.is_full)
        (void)fputs("hookline: the answer is longer than 32 MiB\n", stderr);
    else
        (void)fprintf(stderr, "hookline: %s cannot be reached: %s\n", client->base,
                      curl_easy_strerror(code));
    return EXIT_UNAVAILABLE;
}

int client_read(struct client *client, struct client_stream *stream)
{
    curl_off_t wait_s = 0;
    CURLcode code;
    int exit_code;

    client->stream = stream;
    client->has_enough = false;
    code = transfer(client, "GET", stream->path, NULL, stream->last_id);
    if (client->has_enough)
        return EXIT_OK;
    if (interrupt_has_come())
        return EXIT_INTERRUPTED;
    if (code == CURLE_OK && status_of(client) != 200) {
        exit_code = code_of_status(status_of(client));
        if (exit_code != EXIT_UNAVAILABLE)
            return print_problem(client, status_of(client));
        must(curl_easy_getinfo(client->curl, CURLINFO_RETRY_AFTER, &wait_s));
        (void)snprintf(stream->why, sizeof(stream->why), "it answers %ld", status_of(client));
    } else {
        (void)snprintf(stream->why, sizeof(stream->why), "%s",
                       code == CURLE_OK ? "the stream has ended" : curl_easy_strerror(code));
    }
    stream->wait_s = wait_s > 60 ? 60 : (int)wait_s;
    return CLIENT_LOST;
}
