/* SPDX-License-Identifier: Apache-2.0 */
/* tests/support/cli.h - `hookline` as people and scripts run it: with a URL and a key, and with a
 * terminal or without. */
#ifndef SUPPORT_CLI_H
#define SUPPORT_CLI_H

#include "tests/support/harness.h"

/* What it printed; memory of the harness. */
struct said {
    int code;
    const char *out, *err;
};

/* Runs it with these words (NULL-ended) until its end; `key` NULL: HOOKLINE_API_KEY is not set. */
#define cli_run(h, url, key, ...)                                                                  \
    cli_run_words((h), (url), (key), (const char *const[]){__VA_ARGS__, NULL})
struct said cli_run_words(struct harness *h, const char *url, const char *key,
                          const char *const words[]);

/* The same in the background; cli_end() waits for its end and reads what it said. */
#define cli_start(h, proc, url, key, ...)                                                          \
    cli_start_words((h), (proc), (url), (key), (const char *const[]){__VA_ARGS__, NULL})
void cli_start_words(struct harness *h, struct proc *proc, const char *url, const char *key,
                     const char *const words[]);
struct said cli_end(struct harness *h, struct proc *proc);

/*
 * At a terminal of that many columns (stdin, stdout and stderr; "TERM=xterm" and `more`, a variable
 * or NULL): types `line` when `prompt` has come (NULL: nothing), until its end. All it printed.
 */
struct said cli_run_at_terminal(struct harness *h, int columns, const char *key, const char *more,
                                const char *prompt, const char *line, const char *const words[]);

/* The test fails unless the code and a part of stdout or stderr are these. */
#define assert_said(said, code_, part) cli_check(&(said), (code_), (part), __FILE__, __LINE__)
void cli_check(const struct said *said, int code, const char *part, const char *file, int line);

#endif
