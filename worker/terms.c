/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/terms.h"

#include <assert.h>
#include <stdlib.h>

#include "worker/attempt.h"

struct terms *terms_new(size_t max_data)
{
    struct terms *terms = calloc(1, sizeof(*terms) + max_data);

    if (terms == NULL)
        abort();
    terms->n_holders = 1;
    terms->max_data = max_data;
    return terms;
}

struct hk_str terms_keep(struct terms *terms, struct hk_str s)
{
    char *copy = terms->data + terms->n_data;

    if (s.p == NULL)
        return s;
    assert(s.n < terms->max_data - terms->n_data);
    memcpy(copy, s.p, s.n);
    copy[s.n] = '\0';
    terms->n_data += s.n + 1;
    return (struct hk_str){copy, s.n};
}

void terms_apply(struct terms *terms, struct attempt *attempt)
{
    assert(attempt->terms == NULL);
    terms->n_holders++;
    attempt->terms = terms;
    attempt->holds_on_failure = terms->holds_on_failure;
    attempt->timeout_ms = terms->timeout_ms;
    attempt->policy = terms->policy;
    attempt->url = terms->url;
    attempt->fault = terms->fault;
    attempt->secrets = terms->secrets;
    attempt->username = terms->username;
    attempt->password = terms->password;
    attempt->headers = terms->headers;
    attempt->signature = terms->signature;
    attempt->egress = terms->egress;
    attempt->token_url = terms->token_url;
    attempt->scope = terms->scope;
}

void terms_release(struct terms *terms)
{
    if (terms == NULL || --terms->n_holders > 0)
        return;
    explicit_bzero(terms->data, terms->n_data); /* secrets are among it */
    free(terms);
}
