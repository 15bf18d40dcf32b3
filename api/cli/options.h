/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/cli/options.h - the options of the commands that ask the API. One table has them all: what
 * is read is what --help says.
 */
#ifndef API_CLI_OPTIONS_H
#define API_CLI_OPTIONS_H

#include <stdint.h>
#include <stdio.h>

#include "hk/base.h"

#define MAX_WORDS 64

struct options {
    const char *url, *key_file, *cursor, *values, *webhook_id; /* NULL: not said */
    int64_t limit, rate, max_messages;                         /* 0: not said */
    bool wants_json, wants_ndjson, wants_count, wants_attempts, follows;
    bool says_yes, wants_plan_only, detaches, wants_messages;
    const char *words[MAX_WORDS]; /* what is no option */
    int n_words;
};

/*
 * Reads --NAME VALUE, --NAME=VALUE and --NAME of `names` (NULL-ended, without the "--"); what
 * begins with one "-" is a word of a query, and "--" ends the options. False, with the reason on
 * stderr.
 */
HK_NODISCARD bool options_read(const char *const names[], int argc, char **argv,
                               struct options *ret);

/* A line for each of them. */
void options_print(const char *const names[], FILE *out);

/* The words with blanks between them, to be freed. */
char *options_join(const struct options *options);

#endif
