/* SPDX-License-Identifier: Apache-2.0 */
/* worker/utf8.h - makes bytes from outside fit for a text column. Pure. */
#ifndef WORKER_UTF8_H
#define WORKER_UTF8_H

#include "hk/base.h"

/* Replaces in place each byte that is not part of valid UTF-8 (RFC 3629), and each NUL, by '?'. */
void utf8_scrub(char *p, size_t n);

#endif
