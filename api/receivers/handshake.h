/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/receivers/handshake.h - the ways in which a receiver can be asked whether it agrees to be
 * sent to (standards 2.2, 2.12): what the request is, and what an answer must have. Pure.
 *
 * The request carries no secret, no credentials or access token, and no header field of the
 * subscription: its URL has not agreed to anything yet. The client certificate is none of these: it
 * is public, and who asks for it learns nothing that he could use. The words on an answer tell
 * nothing of its body.
 */
#ifndef API_HANDSHAKE_H
#define API_HANDSHAKE_H

#include "hk/buf.h"
#include "hk/outcome.h"
#include "hk/request.h"

#define HANDSHAKE_CHALLENGE_SIZE 49 /* 192 random bits in hex, and a NUL */
#define HANDSHAKE_WORDS_SIZE     128
#define HANDSHAKE_TIMEOUT_MS     10000

enum handshake_kind {
    HANDSHAKE_CHALLENGE_GET,       /* WebSub: GET with hub.challenge, which is the answer's body */
    HANDSHAKE_CLOUDEVENTS_OPTIONS, /* OPTIONS with our origin; header fields allow it */
    HANDSHAKE_ECHO_SECRET,         /* POST with X-Hook-Secret, which the answer has as well */
    HANDSHAKE_URL_VERIFICATION,    /* POST of {"type": "url_verification", "challenge": ...} */
    HANDSHAKE_COUNT
};

/* Borrowed strings end with a NUL. */
struct handshake {
    enum handshake_kind kind;
    const char *url;
    const char *topic;        /* what it is about: event types, separated by commas */
    const char *origin;       /* our name, of HANDSHAKE_CLOUDEVENTS_OPTIONS */
    unsigned rate_per_minute; /* that the receiver is to allow; 0: not asked */
    char challenge[HANDSHAKE_CHALLENGE_SIZE];

    struct hk_buf target, lines, body; /* of the request, which borrows them: see below */
};

/* The kind of a name, as subscriptions have it ("echo_secret"). False when there is none such. */
HK_NODISCARD bool handshake_kind_from_name(struct hk_str name, enum handshake_kind *ret);

/* Our name for receivers: HOOKLINE_API_ORIGIN, or the host of HOOKLINE_API_ISSUER when it is "". */
struct hk_str handshake_origin(const char *setting, const char *issuer);

/* Makes the request, which borrows from `handshake` until that is done. False with static words. */
HK_NODISCARD bool handshake_build(struct handshake *handshake, struct hk_request *ret,
                                  const char **reterr);
void handshake_done(struct handshake *handshake);

/*
 * Whether the receiver agreed, and to how many requests a minute (0: as many as we like). Else
 * `ret_words` says why not.
 */
HK_NODISCARD bool handshake_judge(const struct handshake *handshake,
                                  const struct hk_outcome *outcome, unsigned *ret_granted,
                                  char ret_words[HANDSHAKE_WORDS_SIZE]);

#endif
