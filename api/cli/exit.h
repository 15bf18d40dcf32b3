/* SPDX-License-Identifier: Apache-2.0 */
/* api/cli/exit.h - what the program's exit code says; 69, 77 and 78 as in sysexits.h. */
#ifndef API_CLI_EXIT_H
#define API_CLI_EXIT_H

enum exit_code {
    EXIT_OK = 0,
    EXIT_FAILED = 1,        /* it could not be done, was refused, or a check found something */
    EXIT_USAGE = 2,         /* there is no such command or option */
    EXIT_UNAVAILABLE = 69,  /* the database or the API cannot be reached, or not now */
    EXIT_DENIED = 77,       /* the API does not know the key, or it may not do that */
    EXIT_CONFIG = 78,       /* a setting is not valid */
    EXIT_INTERRUPTED = 130, /* by Ctrl-C */
};

#endif
