/* SPDX-License-Identifier: Apache-2.0 */
#include "api/auth/client_id.h"

#include "hk/encode.h"

enum { PREFIX_N = 4, ID_N = 22, SECRET_N = 43 };

void client_id_format(const struct hk_id *tenant_id, const struct hk_id *client_id,
                      char ret[CLIENT_ID_TEXT_SIZE])
{
    memcpy(ret, "hkc_", PREFIX_N);
    hk_base62_encode16(tenant_id->bytes, ret + PREFIX_N);
    ret[PREFIX_N + ID_N] = '_';
    hk_base62_encode16(client_id->bytes, ret + PREFIX_N + ID_N + 1);
    ret[CLIENT_ID_TEXT_SIZE - 1] = '\0';
}

bool client_id_parse(struct hk_str text, struct hk_id *ret_tenant_id, struct hk_id *ret_client_id)
{
    return text.n == CLIENT_ID_TEXT_SIZE - 1 && memcmp(text.p, "hkc_", PREFIX_N) == 0 &&
           text.p[PREFIX_N + ID_N] == '_' &&
           hk_base62_decode16(text.p + PREFIX_N, ret_tenant_id->bytes) &&
           hk_base62_decode16(text.p + PREFIX_N + ID_N + 1, ret_client_id->bytes);
}

void client_secret_new(char ret[CLIENT_SECRET_TEXT_SIZE])
{
    memcpy(ret, "hks_", PREFIX_N);
    hk_base62_random(ret + PREFIX_N, SECRET_N);
    ret[CLIENT_SECRET_TEXT_SIZE - 1] = '\0';
}
