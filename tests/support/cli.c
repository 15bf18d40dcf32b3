/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/cli.h"

#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hk/clock.h"

enum { MAX_WORDS = 32, END_TIMEOUT_MS = 60000, MAX_SAID_BYTES = 1 << 18 };

struct call {
    char program[PROC_PATH_SIZE];
    const char *argv[MAX_WORDS];
    const char *env[5];
    char url[256], key[4096];
};

static void prepare(struct call *call, const char *url, const char *key, const char *const words[])
{
    size_t n = 0;

    memset(call, 0, sizeof(*call));
    proc_program("hookline", call->program);
    call->argv[n++] = call->program;
    for (; *words != NULL; words++) {
        assert_true(n + 1 < MAX_WORDS);
        call->argv[n++] = *words;
    }
    (void)snprintf(call->url, sizeof(call->url), "HOOKLINE_URL=%s", url);
    (void)snprintf(call->key, sizeof(call->key), "HOOKLINE_API_KEY=%s", key == NULL ? "" : key);
    call->env[0] = call->url;
    call->env[1] = key == NULL ? NULL : call->key;
}

void cli_start_words(struct harness *h, struct proc *proc, const char *url, const char *key,
                     const char *const words[])
{
    static unsigned n_runs;
    struct call call;
    char name[32];

    prepare(&call, url, key, words);
    (void)snprintf(name, sizeof(name), "cli%u", n_runs++);
    proc_start(proc, name, h->directory, call.argv, call.env);
}

struct said cli_end(struct harness *h, struct proc *proc)
{
    struct said said = {.code = proc_wait(proc, END_TIMEOUT_MS)};
    char *out, *err;

    proc_kill(proc);
    out = proc_read_file(proc->out_path);
    err = proc_read_file(proc->err_path);
    said.out = http_text(h->http, "%s", out);
    said.err = http_text(h->http, "%s", err);
    free(out);
    free(err);
    return said;
}

struct said cli_run_words(struct harness *h, const char *url, const char *key,
                          const char *const words[])
{
    struct proc proc = {.pid = 0};

    cli_start_words(h, &proc, url, key, words);
    return cli_end(h, &proc);
}

/* ---- at a terminal -------------------------------------------------------------------------- */

/* Reads what comes until the end, and types the line once. */
static void converse(int fd, const char *prompt, const char *line, char *ret)
{
    int64_t until_ms = hk_mono_ms() + END_TIMEOUT_MS;
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    size_t n = 0;

    ret[0] = '\0';
    while (hk_mono_ms() < until_ms && n + 1 < MAX_SAID_BYTES) {
        ssize_t got = 0;

        if (poll(&ready, 1, 1000) > 0)
            got = read(fd, ret + n, MAX_SAID_BYTES - 1 - n);
        if (got < 0 || (got == 0 && (ready.revents & POLLHUP) != 0))
            return; /* the other side is closed */
        n += (size_t)got;
        ret[n] = '\0';
        if (prompt != NULL && strstr(ret, prompt) != NULL) {
            assert_int_equal(write(fd, line, strlen(line)), strlen(line));
            prompt = NULL;
        }
    }
}

struct said cli_run_at_terminal(struct harness *h, int columns, const char *key, const char *more,
                                const char *prompt, const char *line, const char *const words[])
{
    struct winsize size = {.ws_row = 25, .ws_col = (unsigned short)columns};
    struct said said = {.err = ""};
    struct call call;
    int fd, status;
    pid_t child;
    char *text = malloc(MAX_SAID_BYTES);

    assert_non_null(text);
    prepare(&call, h->api_url, key, words);
    call.env[2] = "TERM=xterm";
    call.env[3] = more;
    child = forkpty(&fd, NULL, NULL, &size);
    assert_true(child >= 0);
    if (child == 0) {
        (void)execve(call.program, (char *const *)(uintptr_t)call.argv,
                     (char *const *)(uintptr_t)call.env);
        _exit(127);
    }
    converse(fd, prompt, line, text);
    (void)kill(child, SIGKILL);
    assert_int_equal(waitpid(child, &status, 0), child);
    (void)close(fd);
    said.code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    said.out = http_text(h->http, "%s", text);
    free(text);
    return said;
}

void cli_check(const struct said *said, int code, const char *part, const char *file, int line)
{
    if (said->code == code && (strstr(said->out, part) != NULL || strstr(said->err, part) != NULL))
        return;
    harness_fail(file, line, "exit %d (not %d), or \"%s\" was not said:\n%s%s", said->code, code,
                 part, said->out, said->err);
}
