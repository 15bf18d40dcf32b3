/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hk/certificate.h - whether a client certificate and its key can be used for TLS. Pure.
 */
#ifndef HK_CERTIFICATE_H
#define HK_CERTIFICATE_H

#include "hk/base.h"

#define HK_CERTIFICATE_MAX_BYTES     16384 /* PEM, with the chain */
#define HK_CERTIFICATE_KEY_MAX_BYTES 8192  /* PEM */

struct hk_certificate {
    char sha256[65]; /* of the first certificate (DER), hex */
    int64_t expires_s;
};

/*
 * What is wrong with a chain of PEM certificates, the client's first: at most 8, each valid at
 * `now_s` (Unix time). Static words ("is no certificate in PEM"); NULL: nothing.
 */
HK_NODISCARD const char *hk_certificate_fault(struct hk_str certificate, int64_t now_s);

/* The same of a private key in PEM: not encrypted; RSA of at least 2048 bits, EC or Ed25519. */
HK_NODISCARD const char *hk_certificate_key_fault(struct hk_str key);

/* What both are together; false when one has a fault, or the key is not the certificate's. */
HK_NODISCARD bool hk_certificate_read(struct hk_str certificate, struct hk_str key,
                                      struct hk_certificate *ret);

#endif
