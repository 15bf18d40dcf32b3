/* SPDX-License-Identifier: Apache-2.0 */
/* proc.c - see proc.h. */
#include "tests/support/proc.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hk/clock.h"

#define MAX_ENV        64
#define RUN_TIMEOUT_MS 60000
#define LOOK_EVERY_MS  5

static HK_NORETURN void die(const char *what)
{
    (void)fprintf(stderr, "tests/support: %s: %s\n", what, strerror(errno));
    exit(2);
}

/* ---- the environment of a child ---- */

struct environment {
    const char *list[MAX_ENV + 1];
    size_t n;
};

static void set_variable(struct environment *env, const char *assignment)
{
    size_t name_n = strcspn(assignment, "=") + 1, i = 0;

    while (i < env->n && strncmp(env->list[i], assignment, name_n) != 0)
        i++;
    assert(i < MAX_ENV);
    env->list[i] = assignment;
    if (i == env->n)
        env->n++;
}

/* What is passed on is borrowed from our own environment. */
static void make_environment(struct environment *ret, const char *const env[])
{
    static const char *const passed_on[] = {
        "PATH=",         "HOME=",          "TMPDIR=",       "LANG=",         "USER=",
        "ASAN_OPTIONS=", "UBSAN_OPTIONS=", "TSAN_OPTIONS=", "LSAN_OPTIONS=",
    };

    *ret = (struct environment){.n = 0};
    for (char **own = environ; *own != NULL; own++) {
        for (size_t i = 0; i < HK_COUNTOF(passed_on); i++) {
            if (strncmp(*own, passed_on[i], strlen(passed_on[i])) == 0)
                set_variable(ret, *own);
        }
    }
    for (size_t i = 0; env != NULL && env[i] != NULL; i++)
        set_variable(ret, env[i]);
}

/* ---- start ---- */

static void redirect(const char *path, int to_fd)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

    if (fd < 0 || dup2(fd, to_fd) < 0)
        _exit(127);
}

static HK_NORETURN void be_child(const struct proc *proc, pid_t parent, const char *const argv[],
                                 struct environment *env)
{
    sigset_t none;

    (void)setpgid(0, 0);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
        _exit(127);
    redirect("/dev/null", STDIN_FILENO);
    redirect(proc->out_path, STDOUT_FILENO);
    redirect(proc->err_path, STDERR_FILENO);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    /* execvpe() takes char *const[] for history's sake and changes nothing. */
    (void)execvpe(argv[0], (char *const *)(uintptr_t)argv, (char *const *)(uintptr_t)env->list);
    (void)fprintf(stderr, "cannot run %s: %s\n", argv[0], strerror(errno));
    _exit(127);
}

void proc_start(struct proc *proc, const char *name, const char *directory,
                const char *const argv[], const char *const env[])
{
    struct environment environment;
    pid_t parent = getpid();

    assert(proc->pid == 0);
    *proc = (struct proc){.exit_code = 0};
    (void)snprintf(proc->name, sizeof(proc->name), "%s", name);
    (void)snprintf(proc->out_path, sizeof(proc->out_path), "%s/%s.out", directory, name);
    (void)snprintf(proc->err_path, sizeof(proc->err_path), "%s/%s.err", directory, name);
    make_environment(&environment, env);
    proc->pid = fork();
    if (proc->pid < 0)
        die("fork");
    if (proc->pid == 0)
        be_child(proc, parent, argv, &environment);
    (void)setpgid(proc->pid, proc->pid); /* the child does it too: whoever comes first */
    proc->pidfd = pidfd_open(proc->pid, 0);
    if (proc->pidfd < 0)
        die("pidfd_open");
}

/* ---- end ---- */

int proc_wait(struct proc *proc, int timeout_ms)
{
    struct pollfd ended = {.fd = proc->pidfd, .events = POLLIN};
    int64_t until_ms = hk_mono_ms() + timeout_ms, left_ms = timeout_ms;
    int status, n;

    if (proc->pid == 0)
        return proc->exit_code;
    while ((n = poll(&ended, 1, (int)left_ms)) < 0 && errno == EINTR)
        left_ms = until_ms > hk_mono_ms() ? until_ms - hk_mono_ms() : 0;
    if (n == 0)
        return PROC_TIMED_OUT;
    if (waitpid(proc->pid, &status, 0) != proc->pid)
        die("waitpid");
    (void)kill(-proc->pid, SIGKILL); /* what it may have left behind in its group */
    (void)close(proc->pidfd);
    proc->pid = 0;
    proc->exit_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    return proc->exit_code;
}

bool proc_is_running(struct proc *proc)
{
    return proc->pid != 0 && proc_wait(proc, 0) == PROC_TIMED_OUT;
}

void proc_signal(const struct proc *proc, int number)
{
    if (proc->pid != 0)
        (void)kill(-proc->pid, number);
}

void proc_kill(struct proc *proc)
{
    proc_signal(proc, SIGKILL);
    if (proc->pid != 0)
        (void)proc_wait(proc, RUN_TIMEOUT_MS);
}

int proc_stop(struct proc *proc, int timeout_ms)
{
    int code;

    proc_signal(proc, SIGTERM);
    code = proc_wait(proc, timeout_ms);
    if (code == PROC_TIMED_OUT)
        proc_kill(proc);
    return code;
}

void proc_program(const char *program, char ret[PROC_PATH_SIZE])
{
    const char *folder = getenv("HOOKLINE_TEST_BIN_DIR");

    (void)snprintf(ret, PROC_PATH_SIZE, "%s/%s", folder == NULL ? HOOKLINE_BIN_DIR : folder,
                   program);
}

int proc_run(const char *name, const char *directory, const char *const argv[],
             const char *const env[], char **ret_out)
{
    struct proc proc = {.pid = 0};
    int code;

    proc_start(&proc, name, directory, argv, env);
    code = proc_wait(&proc, RUN_TIMEOUT_MS);
    proc_kill(&proc);
    if (code != 0)
        proc_print_logs(&proc);
    if (ret_out != NULL)
        *ret_out = proc_read_file(proc.out_path);
    (void)unlink(proc.out_path); /* the next run of that name starts afresh */
    return code;
}

/* ---- what it says ---- */

char *proc_read_file(const char *path)
{
    FILE *file = fopen(path, "r");
    char *text = NULL;
    size_t size = 0;

    if (file == NULL || getdelim(&text, &size, '\0', file) < 0) {
        free(text);
        text = strdup("");
        assert(text != NULL);
    }
    if (file != NULL)
        (void)fclose(file);
    return text;
}

char *proc_wait_for_text(struct proc *proc, const char *path, const char *text, int timeout_ms)
{
    int64_t until_ms = hk_mono_ms() + timeout_ms;

    for (;;) {
        bool is_last = hk_mono_ms() >= until_ms || !proc_is_running(proc);
        char *said = proc_read_file(path), *found = strstr(said, text);

        if (found != NULL && strchr(found, '\n') != NULL)
            return said;
        free(said);
        if (is_last)
            return NULL;
        proc_pause(LOOK_EVERY_MS);
    }
}

static void print_log(const char *name, const char *path)
{
    FILE *file = fopen(path, "r");
    char *line = NULL;
    size_t size = 0;

    while (file != NULL && getline(&line, &size, file) > 0)
        (void)fprintf(stderr, "    %s | %s%s", name, line, strchr(line, '\n') == NULL ? "\n" : "");
    free(line);
    if (file != NULL)
        (void)fclose(file);
}

void proc_print_logs(const struct proc *proc)
{
    if (proc->name[0] == '\0')
        return;
    print_log(proc->name, proc->out_path);
    print_log(proc->name, proc->err_path);
}

void proc_each_file(const char *directory, void (*fn)(const char *path, void *arg), void *arg)
{
    struct dirent **entries;
    int n = scandir(directory, &entries, NULL, alphasort);
    char path[PROC_PATH_SIZE * 2];

    for (int i = 0; i < n; i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", directory, entries[i]->d_name);
        if (entries[i]->d_type == DT_REG)
            fn(path, arg);
        free(entries[i]);
    }
    if (n >= 0)
        free(entries);
}

static void print_file(const char *path, void *arg)
{
    (void)arg;
    print_log(strrchr(path, '/') + 1, path);
}

void proc_print_directory(const char *directory)
{
    proc_each_file(directory, print_file, NULL);
}

void proc_pause(int milliseconds)
{
    (void)poll(NULL, 0, milliseconds);
}

/* ---- directories ---- */

void proc_make_directory(const char *prefix, char ret[PROC_PATH_SIZE])
{
    const char *parent = getenv("TMPDIR");

    if (parent == NULL || parent[0] == '\0')
        parent = "/tmp";
    (void)snprintf(ret, PROC_PATH_SIZE, "%s/%s-XXXXXX", parent, prefix);
    if (mkdtemp(ret) == NULL)
        die(ret);
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *where)
{
    (void)info;
    (void)type;
    (void)where;
    (void)remove(path);
    return 0;
}

void proc_remove_directory(const char *path)
{
    (void)nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}
