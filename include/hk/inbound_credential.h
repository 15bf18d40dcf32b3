/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hk/inbound_credential.h - whether a request to a flow comes from whom it should: the credential
 * that a flow asks for, its check on the raw bytes, and the handshakes of providers. Pure.
 *
 * A credential is a JSON object:
 *
 *     {"kind": "none"}
 *     {"kind": "basic", "username": "u", "secret": "the password"}
 *     {"kind": "api_key", "header": "X-Api-Key", "secret": ...}  or  "query": "key"; "prefix"?
 *     {"kind": "hmac", "header": "X-Signature", "hash": "sha256", "encoding": "hex", "prefix"?,
 *      "signed": "{timestamp}.{body}"?, "timestamp_header"?, "tolerance_seconds"?, "secret": ...}
 *     {"kind": "github", "secret": ...}, and the other rows of the presets
 *
 * basic, api_key and hmac may name an "id_header": the sender's id of the delivery, by which a
 * repetition is known. "signed" is made of {timestamp}, {id} and {body}, each once at most, and
 * must have {body}; it is "{body}" when it is missing. With {timestamp} but no "timestamp_header"
 * the signature's header is a list as Stripe has it: t=<Unix seconds>,<prefix><signature>,...
 *
 * The secret is written and never shown: hk_inbound_credential_write() leaves it out.
 */
#ifndef HK_INBOUND_CREDENTIAL_H
#define HK_INBOUND_CREDENTIAL_H

#include "hk/buf.h"
#include "hk/err.h"
#include "hk/mac.h"

enum {
    HK_INBOUND_MAX_JSON_BYTES = 4096,
    HK_INBOUND_MAX_SECRET_BYTES = 512,
    HK_INBOUND_MAX_SECRETS = 2,        /* live at once, while one is rotated */
    HK_INBOUND_MAX_TOLERANCE_S = 3600, /* 300 when nothing is said */
    HK_INBOUND_MAX_SIGNATURES = 16,    /* of a list that are compared */
};

/* How it is checked. The presets are rows of these. */
enum hk_inbound_scheme {
    HK_INBOUND_OPEN, /* not at all */
    HK_INBOUND_BASIC,
    HK_INBOUND_API_KEY,
    HK_INBOUND_HMAC,
    HK_INBOUND_STANDARD, /* Standard Webhooks, v1 and v1a */
    HK_INBOUND_TWILIO,   /* signs the URL */
};

/* A flow's credential. The strings are its own; .p is NULL where there is none. */
struct hk_inbound_credential {
    const struct hk_inbound_preset *preset; /* private; static */
    enum hk_inbound_scheme scheme;
    enum hk_hash hash;
    bool is_base64; /* the signature; else hex */
    struct hk_str kind, username, header, query, prefix;
    struct hk_str content; /* "signed" */
    struct hk_str timestamp_header, id_header;
    struct hk_str verify_token; /* of "meta": what its handshake has to bring */
    int64_t tolerance_s;
    struct hk_str secret;              /* that stood in the JSON, for who seals it */
    struct hk_str hash_name, encoding; /* private */
    char *text;                        /* private: what the strings point to */
    size_t n_json;                     /* private */
};

/*
 * HK_OK, or HK_INVALID_BODY with a pointer that begins with `pointer` ("/credential"). Unknown
 * members are refused. hk_inbound_credential_done() wipes and frees; on failure there is nothing to
 * free. What hk_inbound_credential_write() wrote is read again in the same way.
 */
HK_NODISCARD enum hk_code hk_inbound_credential_parse(struct hk_str json, const char *pointer,
                                                      struct hk_inbound_credential *ret,
                                                      struct hk_error *reterr);
void hk_inbound_credential_done(struct hk_inbound_credential *credential);

/* Appends it as JSON: what it has been given, defaults filled in, without the secret. */
void hk_inbound_credential_write(const struct hk_inbound_credential *credential,
                                 struct hk_buf *buf);

/* Whether there must be a secret: with all but "none". */
HK_NODISCARD bool hk_inbound_needs_secret(const struct hk_inbound_credential *credential);

/* NULL, or static words: why `secret` is none for this credential. */
HK_NODISCARD const char *hk_inbound_secret_fault(const struct hk_inbound_credential *credential,
                                                 struct hk_str secret);

/* Appends an array of objects: each preset, what it asks for and what it answers by itself. */
void hk_inbound_presets_write(struct hk_buf *buf);

/* What came. Borrowed; names of headers in any case. */
struct hk_inbound_header {
    struct hk_str name, value;
};
struct hk_inbound_request {
    struct hk_str method; /* in capitals */
    struct hk_str url;    /* as the sender called it, query and all; HK_INBOUND_TWILIO only */
    struct hk_str query;  /* behind the '?', as it came */
    const struct hk_inbound_header *headers;
    size_t n_headers;
    struct hk_str body; /* as it came */
};

/* The secrets that are live, opened. */
struct hk_inbound_secrets {
    struct hk_str live[HK_INBOUND_MAX_SECRETS];
    unsigned n;
};

/* The sender's id of a delivery: visible ASCII, a hash when what came is not or is long. */
#define HK_INBOUND_ID_SIZE 97
struct hk_inbound_id {
    char text[HK_INBOUND_ID_SIZE]; /* NUL-terminated */
    size_t n;                      /* 0: none */
    bool is_loose;                 /* the signature covers the body, and not this */
};

enum hk_inbound_verdict {
    HK_INBOUND_OK,
    HK_INBOUND_MISSING, /* a header or parameter that the credential needs */
    HK_INBOUND_STALE,   /* too old, or of the future */
    HK_INBOUND_WRONG,
};

/*
 * In a time that tells nothing of the secrets. Nothing of the body is parsed before it has been
 * found to be right. `ret_id` is written with HK_INBOUND_OK only. `now_s`: Unix seconds.
 */
HK_NODISCARD enum hk_inbound_verdict hk_inbound_verify(
    const struct hk_inbound_credential *credential, const struct hk_inbound_secrets *secrets,
    const struct hk_inbound_request *request, int64_t now_s, struct hk_inbound_id *ret_id);

/*
 * A provider's question whether this URL is ours: answered at once, nothing is queued. It is to be
 * asked before the flow's methods are: some come as GET or OPTIONS.
 */
enum hk_inbound_handshake {
    HK_INBOUND_NO_HANDSHAKE, /* go on with hk_inbound_verify() */
    HK_INBOUND_ANSWERED,
    HK_INBOUND_REFUSED, /* a handshake with a wrong proof: as a wrong credential */
};

#define HK_INBOUND_ANSWER_SIZE 640
struct hk_inbound_answer {
    int status;
    const char *content_type;     /* static; NULL: no body */
    struct hk_str allowed_origin; /* WebHook-Allowed-Origin; .p NULL: no such field */
    struct hk_str allowed_rate;   /* WebHook-Allowed-Rate; borrowed from the request, as it is */
    size_t n_body;
    char body[HK_INBOUND_ANSWER_SIZE];
};

HK_NODISCARD enum hk_inbound_handshake hk_inbound_handshake(
    const struct hk_inbound_credential *credential, const struct hk_inbound_secrets *secrets,
    const struct hk_inbound_request *request, int64_t now_s, struct hk_inbound_answer *ret);

#endif
