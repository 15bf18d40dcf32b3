/* SPDX-License-Identifier: Apache-2.0 */
/* worker/scrub.h - makes bytes from outside fit for a text column. Pure. */
#ifndef WORKER_SCRUB_H
#define WORKER_SCRUB_H

#include "hk/base.h"

/* Replaces in place each byte that is not part of valid UTF-8 (RFC 3629), and each NUL, by '?'. */
void scrub_utf8(char *p, size_t n);

#endif
