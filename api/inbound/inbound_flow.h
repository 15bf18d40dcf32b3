/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/inbound/inbound_flow.h - a flow as far as receiving needs it: its URL's token, what it takes,
 * the credential with its secrets opened, its answer. Immutable; counted by its users: the cache
 * and the requests that are being received.
 */
#ifndef API_INBOUND_FLOW_H
#define API_INBOUND_FLOW_H

#include "api/limits/bucket.h"
#include "hk/db.h"
#include "hk/flow_key.h"
#include "hk/inbound_credential.h"

struct hk_config;
struct hk_vault;

enum { INBOUND_MAX_ANSWER_HEADERS = 16 };

/* What is said to who sent what has been queued. */
struct inbound_answer {
    int status;
    struct hk_str content_type, body;
    struct {
        struct hk_str name, value;
    } headers[INBOUND_MAX_ANSWER_HEADERS]; /* names in lower case, NUL-terminated */
    unsigned n_headers;
};

struct inbound_flow {
    unsigned n_users;
    struct hk_id id;
    uint8_t token[HK_FLOW_TOKEN_SIZE];
    bool is_running;
    bool is_shut; /* what is stored of its credential cannot be read: nobody can be let in */
    int64_t version;
    struct hk_str methods;       /* with blanks between */
    struct hk_str content_types; /* the same; .p NULL: any */
    size_t max_body_bytes;
    struct bucket_limit own_limit, tenant_limit;
    int64_t events_per_day; /* of the tenant; -1: any number */
    struct hk_str base_url; /* of the tenant, without a slash at its end; .n 0: none */
    struct hk_inbound_credential credential;
    struct hk_inbound_secrets secrets;
    struct inbound_answer answer;
    struct hk_buf row;    /* private: the columns as they came, to know them again */
    struct hk_buf opened; /* private: the secrets */
    char *answer_text;    /* private: what the answer's strings point to */
};

/*
 * The flow of a row of the statement inbound_find, with one user; NULL when the row says that there
 * is none, or is too large to be kept. `known` (or NULL) is returned, with a user more, when the
 * row says what it said then.
 */
struct inbound_flow *inbound_flow_read(const struct hk_db_result *result, unsigned row,
                                       const struct hk_flow_key *key, struct inbound_flow *known,
                                       const struct hk_vault *vault,
                                       const struct hk_config *config);

/* Whether the row says that the flow's tenant is in another cell (or moving there). */
bool inbound_flow_is_away(const struct hk_db_result *result, unsigned row);

void inbound_flow_keep(struct inbound_flow *flow);    /* one user more */
void inbound_flow_release(struct inbound_flow *flow); /* one less; the last wipes it. NULL: no-op */

/* Whether `word` is one of a list with blanks between. */
bool inbound_list_has(struct hk_str list, struct hk_str word);

#endif
