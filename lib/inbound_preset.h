/* SPDX-License-Identifier: Apache-2.0 */
/* lib/inbound_preset.h - the kinds of credentials as rows of one table. Private to lib. */
#ifndef LIB_INBOUND_PRESET_H
#define LIB_INBOUND_PRESET_H

#include "hk/inbound_credential.h"

enum inbound_handshake_kind {
    INBOUND_HANDSHAKE_NONE,
    INBOUND_HANDSHAKE_SLACK,       /* POST of {"type": "url_verification"}, signed */
    INBOUND_HANDSHAKE_META,        /* GET with hub.challenge and hub.verify_token */
    INBOUND_HANDSHAKE_X,           /* GET with crc_token */
    INBOUND_HANDSHAKE_CLOUDEVENTS, /* OPTIONS with WebHook-Request-Origin */
};

/* NULL is "as it was written", or none. */
struct hk_inbound_preset {
    const char *kind;
    enum hk_inbound_scheme scheme;
    enum hk_hash hash;
    bool is_base64;
    const char *header, *prefix, *query;
    const char *content; /* {timestamp}, {id} and {body}, with what stands between */
    const char *timestamp_header, *id_header;
    const char *id_member; /* of the body, a JSON object, where the delivery's id is */
    enum inbound_handshake_kind handshake;
    uint32_t allowed, required; /* members; see inbound_credential.c */
    const char *about;          /* for people */
};

/* The value of the one header field of that name. .p NULL and `ret_is_twice` when it is there more
 * than once. */
struct hk_str inbound_header(const struct hk_inbound_request *request, struct hk_str name,
                             bool *ret_is_twice);

/* Takes `prefix` off the front of `text`, whatever case it has. */
HK_NODISCARD bool inbound_skip_prefix(struct hk_str *text, struct hk_str prefix);

/* A member of the body when that is a JSON object: as it stands there, quotes and all. */
struct hk_str inbound_body_member(struct hk_str body, const char *name);

/* The check of HK_INBOUND_TWILIO. */
enum hk_inbound_verdict inbound_verify_twilio(const struct hk_inbound_credential *credential,
                                              const struct hk_inbound_secrets *secrets,
                                              const struct hk_inbound_request *request);

/* Whether X may have asked to sign these bytes: see inbound_handshake.c. */
bool inbound_is_crc_token(struct hk_str text);

#endif
