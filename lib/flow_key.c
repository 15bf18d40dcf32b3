/* SPDX-License-Identifier: Apache-2.0 */
#include "hk/flow_key.h"

#include <string.h>

#include "hk/encode.h"

#define ID_SIZE  sizeof(((struct hk_id *)0)->bytes)
#define KEY_SIZE (2 * ID_SIZE + HK_FLOW_TOKEN_SIZE)

_Static_assert(HK_FLOW_KEY_LENGTH == KEY_SIZE / 3 * 4 && KEY_SIZE % 3 == 0,
               "a key has no spare bits");

void hk_flow_key_write(const struct hk_flow_key *key, char ret[HK_FLOW_KEY_LENGTH + 1])
{
    uint8_t bytes[KEY_SIZE];

    memcpy(bytes, key->tenant_id.bytes, ID_SIZE);
    memcpy(bytes + ID_SIZE, key->flow_id.bytes, ID_SIZE);
    memcpy(bytes + 2 * ID_SIZE, key->token, HK_FLOW_TOKEN_SIZE);
    (void)hk_b64url_encode(bytes, sizeof(bytes), ret);
}

bool hk_flow_key_parse(struct hk_str text, struct hk_flow_key *ret)
{
    uint8_t bytes[KEY_SIZE];
    size_t n = 0;

    if (text.n != HK_FLOW_KEY_LENGTH || !hk_b64url_decode(text, bytes, sizeof(bytes), &n) ||
        n != sizeof(bytes))
        return false;
    memcpy(ret->tenant_id.bytes, bytes, ID_SIZE);
    memcpy(ret->flow_id.bytes, bytes + ID_SIZE, ID_SIZE);
    memcpy(ret->token, bytes + 2 * ID_SIZE, HK_FLOW_TOKEN_SIZE);
    return true;
}

void hk_flow_token_new(char ret[HK_FLOW_TOKEN_CAPACITY])
{
    uint8_t token[HK_FLOW_TOKEN_SIZE];

    hk_random(token, sizeof(token));
    (void)hk_b64url_encode(token, sizeof(token), ret);
}
