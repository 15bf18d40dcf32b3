/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/support/raw.h - receivers that no HTTP server would be: a thread that accepts connections
 * one after the other, reads a request, sends bytes of the test's own making, and ends the
 * connection as it is told.
 *
 * A receiver lives until the program ends; a test that fails leaves nothing to clean up.
 */
#ifndef SUPPORT_RAW_H
#define SUPPORT_RAW_H

#include "hk/base.h"

#define RAW_URL_SIZE     64
#define RAW_REQUEST_SIZE 4096

enum raw_end {
    RAW_CLOSE,      /* sends the bytes, closes */
    RAW_RESET,      /* sends the bytes, ends with a TCP reset */
    RAW_ENDLESS,    /* sends the bytes, then body for as long as anybody takes it */
    RAW_DRIP,       /* sends the bytes, then one byte of body every 50 ms */
    RAW_FLOOD,      /* sends the bytes again and again */
    RAW_SILENT,     /* sends the bytes, then nothing until the peer goes */
    RAW_BLURT,      /* reads once, whatever it is; sends the bytes, closes */
    RAW_REFUSE,     /* closes without having read */
    RAW_RESET_NEXT, /* sends the bytes, keeps the connection, and resets it when the next request
                       has come */
};

struct raw_answer {
    struct hk_str bytes;
    enum raw_end end;
};

struct raw_receiver; /* opaque: raw.c */

/* Listens on a free port. The first `n_answers` connections get theirs, later ones the last. */
struct raw_receiver *raw_receive(const struct raw_answer *answers, unsigned n_answers);

/* "http://127.0.0.1:PORT/raw" */
const char *raw_url(const struct raw_receiver *raw);

/* How many connections were dealt with to the end, and what the last of them had asked. */
unsigned raw_count(struct raw_receiver *raw);
void raw_last_request(struct raw_receiver *raw, char ret[RAW_REQUEST_SIZE]);

/*
 * A socket that listens and is full: who connects waits for an answer to the first packet.
 * raw_open_gate() lets them in, and answers 200 from then on.
 */
struct raw_receiver *raw_receive_behind_gate(void);
void raw_open_gate(struct raw_receiver *raw);

#endif
