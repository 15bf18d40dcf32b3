/* SPDX-License-Identifier: Apache-2.0 */
/* vault_cost - what it costs to seal and to open a secret, one line of JSON each: tests/bench/run.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "hk/config.h"
#include "hk/vault.h"

enum { TIMES = 1000000 };

static const struct hk_vault_place place = {
    {"0190c3a0-0000-7000-8000-00000000000a", 36},
    {"subscription_secret", 19},
    {"0190c3a0-0000-7000-8000-00000000000b", 36},
    {"0190c3a0-0000-7000-8000-0000000000bb", 36},
    {"secret", 6},
};

static double now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void print(const char *figure, double took_ns)
{
    (void)printf("{\"figure\":\"%s, ns\",\"value\":%.0f,\"accepted\":\"<= 3000\"}\n", figure,
                 took_ns / TIMES);
}

int main(void)
{
    char key[HK_VAULT_KEY_TEXT_SIZE];
    struct hk_config config = {.master_key = key, .master_key_old = ""};
    struct hk_str secret = HK_STR("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwAAAAAAAAAAAA");
    struct hk_vault vault;
    struct hk_buf sealed, opened;
    double start_ns;

    hk_vault_new_key(key);
    if (!hk_vault_load(&vault, &config, stderr))
        return EXIT_FAILURE;
    hk_buf_init(&sealed, 256);
    hk_buf_init(&opened, 256);

    start_ns = now_ns();
    for (unsigned i = 0; i < TIMES; i++) {
        hk_buf_clear(&sealed);
        hk_vault_seal(&vault, &place, secret, &sealed);
    }
    print("seal a secret", now_ns() - start_ns);

    start_ns = now_ns();
    for (unsigned i = 0; i < TIMES; i++) {
        hk_buf_clear(&opened);
        if (!hk_vault_open(&vault, &place, hk_buf_str(&sealed), &opened))
            return EXIT_FAILURE;
    }
    print("open a secret", now_ns() - start_ns);
    hk_buf_done(&sealed);
    hk_buf_done(&opened);
    return EXIT_SUCCESS;
}
