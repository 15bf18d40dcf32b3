/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/sealed.h"

#include "hk/config.h"

static const char *value_of(const char *assignment)
{
    return strchr(assignment, '=') + 1;
}

const char *open_sealed(struct harness *h, const struct hk_vault_place *place, const char *stored)
{
    struct hk_config config = {.master_key = http_text(h->http, "%s", value_of(h->master_key)),
                               .master_key_old = ""};
    struct hk_buf text HK_CLEANUP(hk_buf_done);
    struct hk_vault vault;

    hk_buf_init(&text, HK_VAULT_MAX_BYTES);
    assert_true(hk_vault_load(&vault, &config, stderr));
    assert_true(hk_vault_is_sealed(hk_str(stored)));
    assert_true(hk_vault_open(&vault, place, hk_str(stored), &text));
    return http_text(h->http, "%s", text.p);
}

const char *another_master_key(struct harness *h)
{
    char key[HK_VAULT_KEY_TEXT_SIZE];

    hk_vault_new_key(key);
    return http_text(h->http, "HOOKLINE_MASTER_KEY=%s", key);
}

const char *as_old_key(struct harness *h, const char *master_key)
{
    return http_text(h->http, "HOOKLINE_MASTER_KEY_OLD=%s", value_of(master_key));
}

void restart_with_keys(struct harness *h)
{
    harness_restart_api(h);
    harness_stop_worker(h, h->n_workers - 1);
    (void)harness_start_worker(h);
}
