/* SPDX-License-Identifier: Apache-2.0 */
/* `hookline replay` at a terminal and in scripts, and what a terminal is shown. */
#include <signal.h>
#include <string.h>

#include "tests/support/check.h"
#include "tests/support/cli.h"
#include "tests/support/replay.h"

#define at(h, ...)      http_text((h)->http, __VA_ARGS__)
#define words_of(...)   ((const char *const[]){__VA_ARGS__, NULL})
#define support(w, ...) cli_run((w)->h, (w)->h->api_url, (w)->t->support, __VA_ARGS__)

enum { DONE = 0, FAILED = 1, INTERRUPTED = 130 };

/* The id of the only replay that has not been looked at. */
static const char *newest(struct harness *h)
{
    return db_text(h, "SELECT id::text FROM hookline.replay ORDER BY id DESC LIMIT 1");
}

static void expect_narrow_and_coloured(const struct replay_world *w)
{
    struct harness *h = w->h;
    struct said said = cli_run_at_terminal(h, 100, w->t->support, NULL, NULL, NULL,
                                           words_of("logs", "--limit", "3"));

    assert_said(said, DONE, "\033[31mfailed\033[0m");
    said = cli_run_at_terminal(h, 200, w->t->support, "NO_COLOR=1", NULL, NULL,
                               words_of("logs", "--limit", "3"));
    assert_said(said, DONE, "schedule_exhausted");
    assert_null(strchr(said.out, '\033'));
    said = cli_run_at_terminal(h, 100, w->t->support, "NO_COLOR=1", NULL, NULL,
                               words_of("logs", "--limit", "3"));
    assert_said(said, DONE, "\342\200\246"); /* cut */
    for (const char *line = said.out; *line != '\0'; line += strcspn(line, "\n") + 1) {
        if (strncmp(line, "There are more", 14) == 0)
            break;
        assert_in_range(strcspn(line, "\r\n"), 0, 100 + 2 * 3); /* bytes of the ellipsis */
    }
}

static void test_a_replay_is_shown_asked_about_and_followed_to_its_end(void **state)
{
    struct harness *h = *state;
    struct replay_world w = given_failed(h, 20);
    struct said said;

    expect_narrow_and_coloured(&w);

    said = cli_run_at_terminal(h, 120, w.t->support, NULL, "[y/N]", "n\n",
                               words_of("replay", "status:failed"));
    assert_said(said, DONE, "20 messages");
    assert_said(said, DONE, "by app");
    assert_said(said, DONE, "by hour (UTC)");
    assert_said(said, DONE, "Nothing is sent");
    assert_int_equal(sinker_count(h, "/hook"), 40);
    assert_string_equal(db_text(h, "SELECT state FROM hookline.replay"), "cancelled");

    said = cli_run_at_terminal(h, 120, w.t->support, NULL, "[y/N]", "\003",
                               words_of("replay", "status:failed"));
    assert_said(said, INTERRUPTED, at(h, "hookline replay status %s", newest(h)));
    said = support(&w, "replay", "cancel", newest(h));
    assert_said(said, DONE, "cancelled: 20 planned, 0 sent again");

    said = cli_run_at_terminal(h, 120, w.t->support, NULL, "[y/N]", "y\n",
                               words_of("replay", "--rate", "500", "status:failed"));
    assert_said(said, DONE, "finished: 20 planned, 20 sent again, 0 skipped, 0 left");
    sinker_wait(h, "/hook", 60, REPLAY_SOON_MS);
    said = support(&w, "replay", "status", newest(h));
    assert_said(said, DONE, "finished");
    said = support(&w, "replay", "pause", newest(h));
    assert_said(said, FAILED, "409");
}

static void test_a_script_plans_runs_pauses_and_cancels(void **state)
{
    struct harness *h = *state;
    struct replay_world w = given_failed(h, 20);
    struct proc proc = {.pid = 0};
    const char *id, *path;
    struct said said;

    said = support(&w, "replay", "--plan", "--json", "--rate", "1", "status:failed");
    assert_said(said, DONE, "\"state\": \"planned\"");
    id = newest(h);
    path = at(h, "/v1/replays/%s", id);

    cli_start(h, &proc, h->api_url, w.t->support, "replay", "run", id);
    replay_wait_for(&w, path, 1);
    proc_signal(&proc, SIGINT); /* nobody looks any more, and it goes on */
    said = cli_end(h, &proc);
    assert_said(said, INTERRUPTED, at(h, "run|pause|resume|cancel %s", id));
    replay_wait_for(&w, path, 2);

    said = support(&w, "replay", "pause", id);
    assert_said(said, DONE, "paused: 20 planned");
    said = support(&w, "replay", "resume", id, "--detach");
    assert_said(said, DONE, "running: 20 planned");
    said = support(&w, "replay", "cancel", id);
    assert_said(said, DONE, "cancelled: 20 planned");

    said = support(&w, "replay", "--yes", "--rate", "1000", "status:failed");
    assert_said(said, DONE, "finished: ");
    replay_check(&w, at(h, "/v1/replays/%s", newest(h)));
    said = support(&w, "replay", "--yes", "code:599");
    assert_said(said, DONE, ": 0 messages");
    said = support(&w, "replay", "--yes", "code:999");
    assert_said(said, FAILED, "/q: ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_a_replay_is_shown_asked_about_and_followed_to_its_end, .env = replay_env),
        harness_test(test_a_script_plans_runs_pauses_and_cancels, .env = replay_env),
    };

    return cmocka_run_group_tests_name("cli_replay", tests, NULL, NULL);
}
