/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/support/proc.h - real programs as children: started with a clean environment, watched,
 * ended. Each is a process group of its own, and dies with the program that started it.
 *
 * Standard output and error go to NAME.out and NAME.err in the directory that the caller gives.
 */
#ifndef SUPPORT_PROC_H
#define SUPPORT_PROC_H

#include <sys/types.h>

#include "hk/base.h"

#define PROC_PATH_SIZE 256
#define PROC_TIMED_OUT (-1)

/* Zero-initialised: never started. */
struct proc {
    char name[32];
    pid_t pid; /* 0: not running */
    int pidfd;
    int exit_code; /* of the one that ended; 128 + signal when one ended it */
    char out_path[PROC_PATH_SIZE];
    char err_path[PROC_PATH_SIZE];
};

/*
 * Starts argv[0] (looked up in PATH). It sees PATH, HOME, TMPDIR, LANG and the sanitizers' options,
 * and `env` ("NAME=value", NULL-ended, the last of a name counts). Both outputs are appended to.
 * Ends the program when it cannot fork; an argv[0] that cannot run exits with 127.
 */
void proc_start(struct proc *proc, const char *name, const char *directory,
                const char *const argv[], const char *const env[]);

/* Whether it runs still. */
bool proc_is_running(struct proc *proc);

/* Waits for its end. The exit code, 128 + signal, or PROC_TIMED_OUT. */
int proc_wait(struct proc *proc, int timeout_ms);

/* Sends a signal to its process group; no-op when it does not run. */
void proc_signal(const struct proc *proc, int number);

/* SIGTERM, and SIGKILL to the whole group after `timeout_ms`. As proc_wait(). */
int proc_stop(struct proc *proc, int timeout_ms);

/* SIGKILL to the whole group, now. */
void proc_kill(struct proc *proc);

/* The path of one of Hookline's programs: of this build, or in HOOKLINE_TEST_BIN_DIR. */
void proc_program(const char *program, char ret[PROC_PATH_SIZE]);

/* Starts, waits at most 60 s, and returns the exit code; `ret_out` (may be NULL) is to be freed. */
int proc_run(const char *name, const char *directory, const char *const argv[],
             const char *const env[], char **ret_out);

/*
 * Waits until `path` holds `text` and returns the file as text, to be freed; NULL when the time is
 * over or the process ended without having said it.
 */
char *proc_wait_for_text(struct proc *proc, const char *path, const char *text, int timeout_ms);

/* A file as text, to be freed; "" when it cannot be read. */
char *proc_read_file(const char *path);

/* Both outputs on stderr, each line marked with the name. */
void proc_print_logs(const struct proc *proc);

/* Calls `fn` with the path of each file of a directory, by name. */
void proc_each_file(const char *directory, void (*fn)(const char *path, void *arg), void *arg);

/* The same lines for every file of a directory. */
void proc_print_directory(const char *directory);

/* Waits that long for nothing; for loops that look at a condition. */
void proc_pause(int milliseconds);

/* Makes a fresh directory below TMPDIR (or /tmp) with mode 0700. Ends the program on failure. */
void proc_make_directory(const char *prefix, char ret[PROC_PATH_SIZE]);

/* Removes it with all that is in it. */
void proc_remove_directory(const char *path);

#endif
