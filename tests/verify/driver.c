/* SPDX-License-Identifier: Apache-2.0 */
/* driver.c - asks docs/verify/verify.c; see check. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#define N_FIELDS   7
#define LINE_BYTES 8192

bool webhook_is_genuine(const char *key, const char *id, const char *timestamp,
                        const char *signatures, const void *body, size_t body_n, int64_t now_s);
bool webhook_has_genuine_hmac(const char *secret, const char *signature, const void *body,
                              size_t body_n);

static const char *or_null(const char *field)
{
    return strcmp(field, "-") == 0 ? NULL : field;
}

int main(void)
{
    static char line[LINE_BYTES];
    static unsigned char body[LINE_BYTES];

    while (fgets(line, sizeof(line), stdin) != NULL) {
        char *rest = line, *f[N_FIELDS];
        size_t body_n;
        bool is_genuine;

        line[strcspn(line, "\n")] = '\0';
        for (int i = 0; i < N_FIELDS; i++)
            f[i] = strsep(&rest, "|");
        body_n = strlen(f[6]);
        (void)EVP_DecodeBlock(body, (unsigned char *)f[6], (int)body_n);
        body_n = body_n / 4 * 3 - (strchr(f[6], '=') == NULL ? 0 : strlen(strchr(f[6], '=')));
        if (strcmp(f[0], "basekit") == 0)
            is_genuine = webhook_has_genuine_hmac(f[1], f[5], body, body_n);
        else
            is_genuine = webhook_is_genuine(f[1], or_null(f[3]), or_null(f[4]), or_null(f[5]), body,
                                            body_n, strtoll(f[2], NULL, 10));
        (void)puts(is_genuine ? "yes" : "no");
    }
    return 0;
}
