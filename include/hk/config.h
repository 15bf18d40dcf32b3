/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hk/config.h - the settings (table: settings.def), read from the environment once at start.
 */
#ifndef HK_CONFIG_H
#define HK_CONFIG_H

#include <stdio.h>

#include "hk/base.h"

/* Immutable after hk_config_load(): threads share it. Text is borrowed from the environment. */
struct hk_config {
#define HK_SETTING_TEXT(field, env, default_text, is_secret, text) const char *field;
#define HK_SETTING_INT(field, env, default_value, min, max, text)  int64_t field;
#include "hk/settings.def"
#undef HK_SETTING_TEXT
#undef HK_SETTING_INT

    /* Of several cells the one that the database settings are of, for logs; NULL: there is but one,
     * or nobody has asked hk/cells.h. */
    const char *cell;
};

/*
 * Fills `ret` from the environment. Prints every invalid setting and every unknown HOOKLINE_*
 * variable on `errors`; false when there was one. NAME_FILE may hold the value of a secret.
 */
HK_NODISCARD bool hk_config_load(struct hk_config *ret, FILE *errors);

/* What an identifier is without quotes: sessions name it in a search_path, migrations create it. */
bool hk_config_is_schema_name(const char *text);

/* Each setting, its value (secrets starred) and whether it is the default. */
void hk_config_print(const struct hk_config *config, FILE *out);

/* docs/configuration.md. */
void hk_config_print_docs(FILE *out);

#endif
