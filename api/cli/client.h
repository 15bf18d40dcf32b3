/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/cli/client.h - asks the REST API, one request after the other, blocking. The key comes from
 * HOOKLINE_API_KEY or a file and travels in a header field: never in arguments, which all see.
 */
#ifndef API_CLI_CLIENT_H
#define API_CLI_CLIENT_H

#include <jansson.h>

#include "api/cli/options.h"
#include "hk/buf.h"
#include "hk/config.h"

enum { CLIENT_MAX_PATH_BYTES = 16384 };

struct client; /* opaque */

/* NULL, with the reason on stderr, when the URL or the key cannot be used: EXIT_CONFIG. */
struct client *client_new(const struct hk_config *config, const struct options *options);
void client_free(struct client *client);

/* Appends "?name=value" or "&name=value" to a path; nothing when the value is NULL or "". */
void client_add_parameter(struct hk_buf *path, const char *name, const char *value);

/*
 * The exit code. EXIT_OK: `ret` (to be given back with json_decref()) is the answer. Otherwise the
 * reason is on stderr: for a refusal the problem's sentence, and where in the request it lies.
 * `body` is borrowed, NULL: none.
 */
int client_call(struct client *client, const char *method, const char *path, const json_t *body,
                json_t **ret);

/* A part of a stream; false: that is enough. */
typedef bool client_bytes_fn(void *arg, const char *p, size_t n);

enum { CLIENT_LOST = -1 }; /* besides the exit codes */

struct client_stream {
    const char *path;
    const char *last_id; /* "": from now on */
    client_bytes_fn *on_bytes;
    void *arg;
    char why[256]; /* of CLIENT_LOST */
    int wait_s;    /* with CLIENT_LOST: how long the API asks for; 0: it does not say */
};

/*
 * Reads a stream until it ends. EXIT_OK: on_bytes() had enough; CLIENT_LOST: the connection ended,
 * could not be made, or the API cannot just now; else it was refused, as client_call() says it.
 */
int client_read(struct client *client, struct client_stream *stream);

#endif
