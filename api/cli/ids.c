/* SPDX-License-Identifier: Apache-2.0 */
#include "api/cli/ids.h"

#include "api/cli/output.h"
#include "hk/id.h"

bool ids_is_one(const char *word)
{
    struct hk_id id;

    return hk_id_parse(hk_str(word), &id);
}

bool ids_check(const struct options *options, int n)
{
    if (options->n_words != n) {
        (void)fputs("hookline: it takes one id\n", stderr);
        return false;
    }
    if (ids_is_one(options->words[n - 1]))
        return true;
    (void)fputs("hookline: ", stderr);
    output_print_clean(stderr, options->words[n - 1]);
    (void)fputs(" is no id\n", stderr);
    return false;
}
