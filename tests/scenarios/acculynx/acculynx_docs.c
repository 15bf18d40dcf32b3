/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acculynx_docs.c - the scenario AccuLynx: receivers have documents and examples, and what they
 * show works (AL-08). docs/first-webhook.md has a test of its own, each snippet of docs/verify/
 * another.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/scenarios/data.h"

#define DOCS HOOKLINE_SOURCE_DIR "/docs/"

static char *read_document(const char *file)
{
    char path[PROC_PATH_SIZE], *text;

    (void)snprintf(path, sizeof(path), DOCS "%s", file);
    text = proc_read_file(path);
    assert_true(strlen(text) > 1000);
    return text;
}

/* Every link of a page to another file leads to one. Returns how many there are. */
static unsigned check_links(struct harness *h, const char *folder, const char *page)
{
    char *text = read_document(http_text(h->http, "%s%s", folder, page));
    unsigned n = 0;

    for (const char *link = strstr(text, "]("); link != NULL; link = strstr(link, "](")) {
        size_t length = strcspn(link += 2, ")#");
        const char *path =
            http_text(h->http, DOCS "%s%.*s", folder, (int)length, length == 0 ? "" : link);

        if (strncmp(link, "http", 4) == 0)
            continue;
        n++;
        if (access(path, R_OK) != 0)
            fail_test("%s%s has a link to %s, which is not there", folder, page, path);
    }
    free(text);
    return n;
}

static void test_AL_08_documents_lead_receivers_to_examples(void **state)
{
    struct harness *h = *state;

    assert_true(check_links(h, "", "receiving.md") >= 10);
    assert_true(check_links(h, "verify/", "README.md") >= 10);
    assert_true(check_links(h, "", "first-webhook.md") >= 1);
}

/* Runs docs/verify/verify.sh on a request that came; its exit code. */
static int verify(struct harness *h, const struct reply *request, const char *secret)
{
    static const char program[] = DOCS "verify/verify.sh";
    const char *const argv[] = {"sh",
                                "-c",
                                "printf %s \"$6\" | \"$1\" standard \"$2\" \"$3\" \"$4\" \"$5\"",
                                "sh",
                                program,
                                secret,
                                reply_text(request, "headers.webhook-id"),
                                reply_text(request, "headers.webhook-timestamp"),
                                reply_text(request, "headers.webhook-signature"),
                                reply_text(request, "body"),
                                NULL};

    return proc_run("verify", h->directory, argv, (const char *const[]){NULL}, NULL);
}

static void test_AL_08_the_example_verifies_what_a_receiver_gets(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    struct subscription listener = given_story(h, t, "/a");
    struct reply request;

    (void)publish(h, t, "order.paid", "c1", "{\"name\": \"caf\u00e9 \\u20ac\"}");
    sinker_wait(h, "/a", 1, 20000);
    request = sinker_request(h, "/a", 0);
    assert_int_equal(verify(h, &request, listener.secret), 0);
    assert_int_equal(verify(h, &request, "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"), 1);
}

/* The first command of a section of docs/receiving.md, as it stands there. */
static const char *command_of(struct harness *h, const char *heading)
{
    char *text = read_document("receiving.md");
    char *begin = strstr(text, heading), *end = NULL;
    const char *command;

    if (begin != NULL)
        begin = strstr(begin, "```sh\n");
    if (begin != NULL)
        end = strstr(begin += strlen("```sh\n"), "```");
    if (end == NULL)
        fail_test("docs/receiving.md has no command below %s", heading);
    command = http_text(h->http, "%.*s", (int)(end - begin), begin);
    free(text);
    return command;
}

static void test_AL_08_the_documented_command_tries_a_receiver_out(void **state)
{
    struct harness *h = *state;
    struct tenant *t = given_tenant(h);
    const char *const argv[] = {"sh", "-c", command_of(h, "\n## Trying it out\n"), NULL};
    const char *const env[] = {http_text(h->http, "API=%s", h->api_url),
                               http_text(h->http, "KEY=%s", t->partner), NULL};
    char *out = NULL;
    int code;

    given_catalogue(h, t, "basecone");
    code = proc_run("command", h->directory, argv, env, &out);
    assert_int_equal(code, 0);
    assert_non_null(strstr(out, "\"document.uploaded\"")); /* what it sent */
    assert_non_null(strstr(out, "\"outcome\""));           /* and what became of it */
    free(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        harness_test(test_AL_08_documents_lead_receivers_to_examples),
        harness_test(test_AL_08_the_example_verifies_what_a_receiver_gets),
        harness_test(test_AL_08_the_documented_command_tries_a_receiver_out),
    };

    return cmocka_run_group_tests_name("acculynx_docs", tests, NULL, NULL);
}
