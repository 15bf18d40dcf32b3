/* SPDX-License-Identifier: Apache-2.0 */
#include "api/cli/options.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum option_type { OPTION_FLAG, OPTION_TEXT, OPTION_NUMBER };

static const struct option {
    const char *name;
    const char *value; /* what stands for it in the help; NULL: a flag */
    const char *text;
    size_t offset; /* in struct options */
    int64_t max;   /* of a number; they begin at 1 */
    enum option_type type;
} all_options[] = {
#define FLAG(name_, field, text_)                                                                  \
    {                                                                                              \
        .name = (name_), .text = (text_), .offset = offsetof(struct options, field),               \
        .type = OPTION_FLAG                                                                        \
    }
#define TEXT(name_, value_, field, text_)                                                          \
    {                                                                                              \
        .name = (name_), .value = (value_), .text = (text_),                                       \
        .offset = offsetof(struct options, field), .type = OPTION_TEXT                             \
    }
#define NUMBER(name_, field, max_, text_)                                                          \
    {                                                                                              \
        .name = (name_), .value = "N", .text = (text_), .offset = offsetof(struct options, field), \
        .max = (max_), .type = OPTION_NUMBER                                                       \
    }
    NUMBER("limit", limit, 100000, "at most so many; 50 unless said, any number with --follow"),
    TEXT("cursor", "CURSOR", cursor, "go on where a list of the same query ended"),
    FLAG("count", wants_count, "print how many there are; exact up to 10000"),
    FLAG("attempts", wants_attempts, "attempts, not messages"),
    FLAG("follow", follows, "print what happens from now on, until Ctrl-C"),
    FLAG("json", wants_json, "print what the API answers, as JSON"),
    FLAG("ndjson", wants_ndjson, "print one line of JSON for each"),
    FLAG("yes", says_yes, "do not ask"),
    FLAG("plan", wants_plan_only, "make the plan and show it; it waits for 7 days"),
    FLAG("detach", detaches, "do not wait for the end"),
    NUMBER("rate", rate, 1000, "messages a second; 50 unless said"),
    NUMBER("max", max_messages, 500000, "the newest so many at most; 100000 unless said"),
    TEXT("values", "original|current", values,
         "the custom values of the first sending, or today's"),
    TEXT("webhook-id", "same|new", webhook_id, "whether receivers take it for a repetition"),
    FLAG("messages", wants_messages, "what it has made and is not delivered yet, too"),
    TEXT("url", "URL", url, "of the API, instead of HOOKLINE_URL"),
    TEXT("key-file", "PATH", key_file, "the file with the API key, instead of HOOKLINE_API_KEY"),
};

static const struct option *find_option(const char *const names[], const char *name, size_t n)
{
    for (; *names != NULL; names++) {
        if (strncmp(*names, name, n) == 0 && (*names)[n] == '\0')
            break;
    }
    for (size_t i = 0; *names != NULL && i < HK_COUNTOF(all_options); i++) {
        if (strcmp(all_options[i].name, *names) == 0)
            return &all_options[i];
    }
    return NULL;
}

static bool set_number(const struct option *option, const char *text, int64_t *ret)
{
    long long value;
    char *end;

    errno = 0;
    value = strtoll(text, &end, 10);
    if (strspn(text, "0123456789") != strlen(text) || end == text || errno != 0 || value < 1 ||
        value > option->max) {
        (void)fprintf(stderr, "hookline: --%s: not a whole number from 1 to %lld\n", option->name,
                      (long long)option->max);
        return false;
    }
    *ret = value;
    return true;
}

static bool set_option(const struct option *option, const char *value, struct options *ret)
{
    void *field = (char *)ret + option->offset;

    if ((value == NULL) != (option->type == OPTION_FLAG) || (value != NULL && value[0] == '\0')) {
        (void)fprintf(stderr, "hookline: --%s takes %s value\n", option->name,
                      option->type == OPTION_FLAG ? "no" : "a");
        return false;
    }
    switch (option->type) {
    case OPTION_FLAG:
        *(bool *)field = true;
        return true;
    case OPTION_TEXT:
        *(const char **)field = value;
        return true;
    case OPTION_NUMBER:
        break;
    }
    return set_number(option, value, field);
}

static bool add_word(const char *word, struct options *ret)
{
    if (ret->n_words == MAX_WORDS) {
        (void)fputs("hookline: too many words\n", stderr);
        return false;
    }
    ret->words[ret->n_words++] = word;
    return true;
}

bool options_read(const char *const names[], int argc, char **argv, struct options *ret)
{
    bool has_ended = false;

    for (int i = 0; i < argc; i++) {
        const char *word = argv[i], *value = strchr(word, '=');
        const struct option *option;

        if (has_ended || strncmp(word, "--", 2) != 0) {
            if (!add_word(word, ret))
                return false;
            continue;
        }
        has_ended = word[2] == '\0';
        if (has_ended)
            continue;
        option = find_option(names, word + 2,
                             value == NULL ? strlen(word + 2) : (size_t)(value - word - 2));
        if (option == NULL) {
            (void)fprintf(stderr, "hookline: there is no option %s\n", word);
            return false;
        }
        if (value != NULL)
            value++;
        else if (option->type != OPTION_FLAG && i + 1 < argc)
            value = argv[++i];
        if (!set_option(option, value, ret))
            return false;
    }
    return true;
}

void options_print(const char *const names[], FILE *out)
{
    char left[48];

    for (; *names != NULL; names++) {
        const struct option *option = find_option(names, *names, strlen(*names));

        (void)snprintf(left, sizeof(left), "--%s%s%s", option->name,
                       option->value == NULL ? "" : " ",
                       option->value == NULL ? "" : option->value);
        (void)fprintf(out, "  %-26s %s\n", left, option->text);
    }
}

char *options_join(const struct options *options)
{
    char *joined, *at;
    size_t n = 1;

    for (int i = 0; i < options->n_words; i++)
        n += strlen(options->words[i]) + 1;
    joined = at = malloc(n);
    if (joined == NULL)
        abort();
    *at = '\0';
    for (int i = 0; i < options->n_words; i++) {
        size_t n_word = strlen(options->words[i]);

        if (i > 0)
            *at++ = ' ';
        memcpy(at, options->words[i], n_word + 1);
        at += n_word;
    }
    return joined;
}
