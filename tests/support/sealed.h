/* SPDX-License-Identifier: Apache-2.0 */
/* tests/support/sealed.h - what is sealed in the database, opened with the harness's master key. */
#ifndef SUPPORT_SEALED_H
#define SUPPORT_SEALED_H

#include "hk/stored_secrets.h"
#include "tests/support/harness.h"

/* The clear text of what stands there; the test fails when it does not open. */
const char *open_sealed(struct harness *h, const struct hk_vault_place *place, const char *stored);

/* Another master key than the harness's usual one: "HOOKLINE_MASTER_KEY=..." */
const char *another_master_key(struct harness *h);

/* The same key as the one before: "HOOKLINE_MASTER_KEY_OLD=..." */
const char *as_old_key(struct harness *h, const char *master_key);

/* Starts the API and one worker again, with the keys that `h` names now. Worker 0 must run. */
void restart_with_keys(struct harness *h);

#endif
