/* SPDX-License-Identifier: Apache-2.0 */
/*
 * head_parser.c - phr_parse_request() of picohttpparser, which is inside libh2o-evloop. The dynamic
 * linker looks into the program first, so h2o's calls come here.
 */
#include "api/http/head_parser.h"

#include <dlfcn.h>

#include "api/http/gate.h"

enum { INCOMPLETE = -2 }; /* what it returns; -1: wrong; else: how many bytes the head has */

struct phr_header;

typedef int parse_fn(const char *buf, size_t len, const char **method, size_t *method_n,
                     const char **path, size_t *path_n, int *minor_version,
                     struct phr_header *headers, size_t *n_headers, size_t last_len);

parse_fn phr_parse_request;

static parse_fn *parse_as_h2o_does;

/* No method has a blank in it: what looks at the method will not know this one. */
static const char no_method[] = "not parsed";

/* Left over from the request before: h2o ends the connection without a word, which is right. */
static bool is_blank(const char *text, size_t n)
{
    if (n > 4)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (text[i] != '\r' && text[i] != '\n')
            return false;
    }
    return true;
}

int phr_parse_request(const char *buf, size_t len, const char **method, size_t *method_n,
                      const char **path, size_t *path_n, int *minor_version,
                      struct phr_header *headers, size_t *n_headers, size_t last_len)
{
    int n = parse_as_h2o_does(buf, len, method, method_n, path, path_n, minor_version, headers,
                              n_headers, last_len);

    if (n >= 0 || (n == INCOMPLETE && len <= GATE_MAX_HEAD_BYTES) || is_blank(buf, len))
        return n;
    *method = no_method;
    *method_n = sizeof(no_method) - 1;
    *path = "/";
    *path_n = 1;
    *minor_version = 0; /* HTTP/1.0 without headers: the connection ends with the reply */
    *n_headers = 0;
    return (int)len;
}

bool head_parser_init(void)
{
    void *next = dlsym(RTLD_NEXT, "phr_parse_request"), *first;

    memcpy(&parse_as_h2o_does, &next, sizeof(next)); /* ISO C has no cast to a function */
    first = dlsym(RTLD_DEFAULT, "phr_parse_request");
    return next != NULL && first != NULL && first != next;
}

bool head_parser_has_failed(const h2o_req_t *req)
{
    return req->input.method.base == no_method;
}
