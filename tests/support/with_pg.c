/* SPDX-License-Identifier: Apache-2.0 */
/*
 * with_pg - runs a command with a private PostgreSQL server that several test programs share.
 *
 *     with_pg ctest --preset dev
 *
 * The command finds the server's socket directory in HOOKLINE_TEST_PG; its exit code is ours.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/pg.h"

int main(int argc, char **argv)
{
    pid_t pid;
    int status;

    if (argc < 2) {
        (void)fprintf(stderr, "usage: with_pg COMMAND [ARGUMENT...]\n");
        return 2;
    }
    if (setenv("HOOKLINE_TEST_PG", pg_server(), 1) != 0)
        return 2;
    (void)signal(SIGINT, SIG_IGN); /* the terminal tells the command too: wait for it, then stop */
    pid = fork();
    if (pid == 0) {
        (void)signal(SIGINT, SIG_DFL);
        (void)execvp(argv[1], argv + 1);
        (void)fprintf(stderr, "with_pg: %s: %s\n", argv[1], strerror(errno));
        _exit(127);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return 2;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
