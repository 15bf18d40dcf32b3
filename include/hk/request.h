/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hk/request.h - an HTTP request: that of one attempt, with header fields and signatures, or a
 * plain GET. Pure: the time and the random span id come in as arguments.
 *
 * The header lines live inside the struct, so that sending allocates nothing for them.
 */
#ifndef HK_REQUEST_H
#define HK_REQUEST_H

#include "hk/base.h"

#define HK_REQUEST_MAX_HEADERS 64
#define HK_REQUEST_TEXT_SIZE   16384

enum hk_signature_kind {
    HK_SIGNATURE_STANDARD,    /* webhook-signature: v1,... or v1a,... for each */
    HK_SIGNATURE_HMAC_HEX,    /* X-Delivery-Hmac-SHA256 over the body, by the first v1 secret */
    HK_SIGNATURE_HMAC_BASE64, /* the same, in base64 */
};

/* What a request is made of. Borrowed; .p == NULL where there is none. */
struct hk_request_parts {
    const char *url;
    struct hk_str message_id; /* webhook-id: the same on every attempt and repetition */
    struct hk_str body;
    struct hk_str
        envelope_headers; /* "name: value\n" each, as hk_envelope_add_headers() has them */
    enum hk_signature_kind signature;
    struct hk_str secrets; /* all live ones, the newest first, separated by blanks */
    struct hk_str username;
    struct hk_str password;
    struct hk_str bearer_token;
    struct hk_str headers;     /* of the subscription, "Name: value\n" each; none replaces ours */
    struct hk_str origin;      /* why the message was made: webhook-origin; .p == NULL: live */
    struct hk_str traceparent; /* of the event; one that is not valid is not passed on */
    int64_t timestamp_s;       /* Unix seconds of this attempt */
    uint64_t span_id;          /* of this attempt; not 0 */
    unsigned timeout_ms;
};

#define HK_EGRESS_MAX_NETWORKS_BYTES 1024

/* What a request may reach, and as whom. All zero: public addresses by https, as nobody. */
struct hk_egress {
    bool allows_http;               /* http://, too; local addresses may stand in the URL */
    struct hk_str allowed_networks; /* as hk_networks_parse() has them; beside the client's own */
    struct hk_str certificate;      /* our own for TLS, a PEM chain; .n == 0: none */
    struct hk_str private_key;      /* its key, PEM */
};

struct hk_request {
    struct hk_egress egress; /* set it behind the build; what it points to is borrowed */
    const char *url;         /* borrowed from the parts, as `body` is */
    struct hk_str body;
    bool is_get;               /* without a body; else it is a POST */
    const char *verb;          /* static: instead of GET or POST; NULL: none */
    struct hk_str secret_name; /* of a header field whose value is a secret, as no other would know;
                                  borrowed; .p == NULL: none */
    unsigned timeout_ms;
    size_t keep_body_bytes; /* of the response's body; 0: 16 KiB */
    unsigned n_headers;
    const char
        *headers[HK_REQUEST_MAX_HEADERS]; /* "name: value", NUL-terminated; point into `text` */
    size_t n_text;
    char text[HK_REQUEST_TEXT_SIZE];
};

/*
 * Fills `ret`, which must not move afterwards. False with static words in `reterr` when no request
 * can be made of the parts: a control byte in the URL or a header field, no valid secret, too long.
 * Nothing but `n_text` needs to be initialised before, nothing is to be freed after.
 */
HK_NODISCARD bool hk_request_build(const struct hk_request_parts *parts, struct hk_request *ret,
                                   const char **reterr);

/* The kind of a name, as profiles have it ("hmac_hex"). False when there is none such. */
HK_NODISCARD bool hk_signature_kind_from_name(struct hk_str name, enum hk_signature_kind *ret);

/*
 * Whether a subscription may not have a header field of that name: it is ours, the connection's or
 * a proxy's (standards 3.3). Any case.
 */
bool hk_request_is_reserved(struct hk_str name);

/*
 * The same for a GET of `url` (borrowed), with what it accepts: "application/json". Of the answer's
 * body `keep_body_bytes` are kept (0: 16 KiB); beyond 64 KiB, or beyond that when it is more, it is
 * not even read.
 */
HK_NODISCARD bool hk_request_build_get(const char *url, const char *accept, unsigned timeout_ms,
                                       size_t keep_body_bytes, struct hk_request *ret,
                                       const char **reterr);

/* A request that is no webhook: that of a verification, or of a flow's step. Borrowed as the parts
 * are; .p == NULL where there is none. Our own user-agent and accept give way to those in
 * `headers`.
 */
struct hk_request_plain {
    const char *url;
    const char *method;    /* static: "GET", "OPTIONS", "HEAD", "POST", "PUT", "PATCH", "DELETE" */
    struct hk_str headers; /* "name: value\n" each */
    struct hk_str body;    /* .p == NULL: none, but that of a POST is empty */
    struct hk_str username, password, bearer_token;
    struct hk_str secret_name, secret_value; /* one more field */
    struct hk_str traceparent;
    uint64_t span_id;
    unsigned timeout_ms;
    size_t keep_body_bytes; /* as above */
};
HK_NODISCARD bool hk_request_build_plain(const struct hk_request_plain *plain,
                                         struct hk_request *ret, const char **reterr);

/* The same for a POST of `body` (borrowed), a form, with Basic credentials: accepts JSON. */
HK_NODISCARD bool hk_request_build_form(const char *url, struct hk_str username,
                                        struct hk_str password, struct hk_str body,
                                        unsigned timeout_ms, struct hk_request *ret,
                                        const char **reterr);

#endif
