/* SPDX-License-Identifier: Apache-2.0 */
/* The settings: settings.def as a table, and what can be done with a table. */
#include "hk/config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "hk/addr.h"
#include "hk/buf.h"
#include "hk/url.h"

#define PREFIX         "HOOKLINE_"
#define FILE_SUFFIX    "_FILE"
#define MAX_FILE_BYTES 65536
#define MAX_NAME_BYTES 63 /* PostgreSQL cuts what is longer */

enum setting_type { SETTING_TEXT, SETTING_INT };

static const struct setting {
    const char *env;
    const char *text;
    size_t offset; /* of the field in struct hk_config */
    const char *default_text;
    int64_t default_value, min, max;
    enum setting_type type;
    bool is_secret;
} settings[] = {
#define HK_SETTING_TEXT(field, env_, default_text_, is_secret_, text_)                             \
    {.type = SETTING_TEXT,                                                                         \
     .env = (env_),                                                                                \
     .offset = offsetof(struct hk_config, field),                                                  \
     .default_text = (default_text_),                                                              \
     .is_secret = (is_secret_),                                                                    \
     .text = (text_)},
#define HK_SETTING_INT(field, env_, default_value_, min_, max_, text_)                             \
    {.type = SETTING_INT,                                                                          \
     .env = (env_),                                                                                \
     .offset = offsetof(struct hk_config, field),                                                  \
     .default_value = (default_value_),                                                            \
     .min = (min_),                                                                                \
     .max = (max_),                                                                                \
     .text = (text_)},
#include "hk/settings.def"
#undef HK_SETTING_TEXT
#undef HK_SETTING_INT
};

static const char **text_field(struct hk_config *config, const struct setting *setting)
{
    return (const char **)(void *)((char *)config + setting->offset);
}

static int64_t *int_field(struct hk_config *config, const struct setting *setting)
{
    return (int64_t *)(void *)((char *)config + setting->offset);
}

static const char *text_value(const struct hk_config *config, const struct setting *setting)
{
    return *(const char *const *)(const void *)((const char *)config + setting->offset);
}

static int64_t int_value(const struct hk_config *config, const struct setting *setting)
{
    return *(const int64_t *)(const void *)((const char *)config + setting->offset);
}

/* Loading. Every function returns whether its part is valid, and has printed why when it is not. */

static bool load_int(struct hk_config *ret, const struct setting *setting, FILE *errors)
{
    const char *text = getenv(setting->env);
    long long value;
    char *end;

    *int_field(ret, setting) = setting->default_value;
    if (text == NULL)
        return true;

    errno = 0;
    value = strtoll(text, &end, 10);
    if (strspn(text, "-0123456789") != strlen(text) || end == text || *end != '\0' || errno != 0 ||
        value < setting->min || value > setting->max) {
        (void)fprintf(errors, "%s: \"%s\" is not a whole number from %" PRId64 " to %" PRId64 "\n",
                      setting->env, text, setting->min, setting->max);
        return false;
    }
    *int_field(ret, setting) = value;
    return true;
}

/* Texts that came from files. They live as long as the process, as the environment does. */
struct file_text {
    struct file_text *next;
    char text[];
};

static const char *keep(struct hk_str s)
{
    static struct file_text *all;
    struct file_text *kept = malloc(sizeof(*kept) + s.n + 1);

    if (kept == NULL)
        abort();
    memcpy(kept->text, s.p, s.n);
    kept->text[s.n] = '\0';
    kept->next = all;
    all = kept;
    return kept->text;
}

/* The file's text without the line end that editors put there; NULL, and errno, when unreadable. */
static const char *read_text_file(const char *path)
{
    HK_CLEANUP(hk_buf_done) struct hk_buf text = {.max = MAX_FILE_BYTES};
    FILE *file = fopen(path, "re");
    char part[1024];
    size_t n;
    bool has_failed;

    if (file == NULL)
        return NULL;
    while ((n = fread(part, 1, sizeof(part), file)) > 0)
        hk_buf_add(&text, part, n);
    has_failed = ferror(file) != 0;
    (void)fclose(file);

    if (has_failed || text.is_full || memchr(hk_buf_str(&text).p, '\0', text.n) != NULL) {
        errno = text.is_full ? EFBIG : has_failed ? EIO : EILSEQ;
        return NULL;
    }
    if (text.n > 0 && text.p[text.n - 1] == '\n')
        text.n--;
    return keep(hk_buf_str(&text));
}

static bool load_text(struct hk_config *ret, const struct setting *setting, FILE *errors)
{
    const char *text = getenv(setting->env);
    char file_env[128];
    const char *path;

    *text_field(ret, setting) = text != NULL ? text : setting->default_text;

    (void)snprintf(file_env, sizeof(file_env), "%s" FILE_SUFFIX, setting->env);
    path = getenv(file_env);
    if (path == NULL)
        return true;
    if (text != NULL) {
        (void)fprintf(errors, "%s: %s is set as well\n", file_env, setting->env);
        return false;
    }

    text = read_text_file(path);
    if (text == NULL) {
        (void)fprintf(errors, "%s: cannot read \"%s\": %s\n", file_env, path, strerror(errno));
        return false;
    }
    *text_field(ret, setting) = text;
    return true;
}

static bool load_settings(struct hk_config *ret, FILE *errors)
{
    bool is_valid = true;

    for (size_t i = 0; i < HK_COUNTOF(settings); i++) {
        if (settings[i].type == SETTING_INT)
            is_valid &= load_int(ret, &settings[i], errors);
        else
            is_valid &= load_text(ret, &settings[i], errors);
    }
    return is_valid;
}

static bool is_log_level(const char *text)
{
    return strcmp(text, "debug") == 0 || strcmp(text, "info") == 0 || strcmp(text, "warn") == 0 ||
           strcmp(text, "error") == 0;
}

bool hk_config_is_schema_name(const char *text)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz_";
    size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyz_0123456789");

    return n > 0 && n <= MAX_NAME_BYTES && text[n] == '\0' && strchr(letters, text[0]) != NULL;
}

static bool check_networks(const char *name, const char *text, FILE *errors)
{
    struct hk_networks networks;

    if (hk_networks_parse(text, &networks))
        return true;
    (void)fprintf(errors,
                  "%s: \"%s\" is not a list of at most %d networks such as 10.0.0.0/8,fd00::/8\n",
                  name, text, HK_MAX_NETWORKS);
    return false;
}

static bool check_proxy(const char *name, const char *value, FILE *errors)
{
    if (value[0] == '\0' || hk_url_is_proxy(value))
        return true;
    (void)fprintf(errors, "%s: must be http://[user:password@]host:port\n", name);
    return false;
}

/* What the table cannot say about a text. */
static bool check_texts(const struct hk_config *config, FILE *errors)
{
    bool is_valid = true;

    if (!hk_config_is_schema_name(config->database_schema)) {
        (void)fprintf(
            errors,
            "HOOKLINE_DATABASE_SCHEMA: \"%s\" is not 1 to %d lower-case letters, digits and "
            "underscores\n",
            config->database_schema, MAX_NAME_BYTES);
        is_valid = false;
    }
    if (!is_log_level(config->log_level)) {
        (void)fprintf(errors, "HOOKLINE_LOG_LEVEL: \"%s\" is not debug, info, warn or error\n",
                      config->log_level);
        is_valid = false;
    }
    if ((config->api_tls_cert_file[0] == '\0') != (config->api_tls_key_file[0] == '\0')) {
        (void)fputs("HOOKLINE_API_TLS_CERT_FILE: set it together with HOOKLINE_API_TLS_KEY_FILE\n",
                    errors);
        is_valid = false;
    }
    is_valid &= check_networks("HOOKLINE_API_TRUSTED_PROXIES", config->api_trusted_proxies, errors);
    is_valid &=
        check_networks("HOOKLINE_API_ALLOWED_NETWORKS", config->api_allowed_networks, errors);
    is_valid &=
        check_networks("HOOKLINE_WORKER_ALLOWED_NETWORKS", config->worker_allowed_networks, errors);
    is_valid &= check_proxy("HOOKLINE_API_PROXY_URL", config->api_proxy_url, errors);
    is_valid &= check_proxy("HOOKLINE_WORKER_PROXY_URL", config->worker_proxy_url, errors);
    return is_valid;
}

static bool is_name_of(const struct setting *setting, const char *name, size_t n)
{
    size_t n_env = strlen(setting->env);

    if (n < n_env || memcmp(name, setting->env, n_env) != 0)
        return false;
    if (n == n_env)
        return true;
    return setting->type == SETTING_TEXT && n == n_env + strlen(FILE_SUFFIX) &&
           memcmp(name + n_env, FILE_SUFFIX, strlen(FILE_SUFFIX)) == 0;
}

static bool is_known(const char *name, size_t n)
{
    for (size_t i = 0; i < HK_COUNTOF(settings); i++) {
        if (is_name_of(&settings[i], name, n))
            return true;
    }
    return false;
}

/* A misspelt name must not silently leave a default in force. */
static bool check_names(FILE *errors)
{
    bool is_valid = true;

    /* clearenv() leaves no list at all. */
    for (char **entry = environ; entry != NULL && *entry != NULL; entry++) {
        size_t n = strcspn(*entry, "=");

        if (strncmp(*entry, PREFIX, strlen(PREFIX)) != 0 || is_known(*entry, n))
            continue;
        (void)fprintf(errors, "%.*s: there is no such setting\n", (int)n, *entry);
        is_valid = false;
    }
    return is_valid;
}

bool hk_config_load(struct hk_config *ret, FILE *errors)
{
    bool is_valid = load_settings(ret, errors);

    ret->cell = NULL;
    is_valid &= check_texts(ret, errors);
    is_valid &= check_names(errors);
    return is_valid;
}

static void print_text(const struct hk_config *config, const struct setting *setting, FILE *out)
{
    const char *value = text_value(config, setting);
    bool is_default = strcmp(value, setting->default_text) == 0;

    (void)fprintf(out, "%s=%s%s\n", setting->env,
                  setting->is_secret && value[0] != '\0' ? "***" : value,
                  is_default ? "  # default" : "");
}

static void print_int(const struct hk_config *config, const struct setting *setting, FILE *out)
{
    int64_t value = int_value(config, setting);

    (void)fprintf(out, "%s=%" PRId64 "%s\n", setting->env, value,
                  value == setting->default_value ? "  # default" : "");
}

void hk_config_print(const struct hk_config *config, FILE *out)
{
    for (size_t i = 0; i < HK_COUNTOF(settings); i++) {
        if (settings[i].type == SETTING_INT)
            print_int(config, &settings[i], out);
        else
            print_text(config, &settings[i], out);
    }
}

static void print_docs_row(const struct setting *setting, FILE *out)
{
    (void)fprintf(out, "| `%s` | ", setting->env);
    if (setting->type == SETTING_INT)
        (void)fprintf(out, "`%" PRId64 "` | %" PRId64 " to %" PRId64, setting->default_value,
                      setting->min, setting->max);
    else if (setting->default_text[0] == '\0')
        (void)fputs("empty | text", out);
    else
        (void)fprintf(out, "`%s` | text", setting->default_text);
    (void)fprintf(out, "%s | %s |\n", setting->is_secret ? ", secret" : "", setting->text);
}

void hk_config_print_docs(FILE *out)
{
    (void)fputs(
        "<!-- Generated by `hookline config docs` from include/hk/settings.def. -->\n"
        "# Settings\n"
        "\n"
        "Every setting is an environment variable, read once at start. A program refuses to\n"
        "start on an invalid value and on a `HOOKLINE_*` variable that is not listed here.\n"
        "For each text setting, `<NAME>_FILE` may name a file that holds the value instead;\n"
        "one line end at its end is not part of it.\n"
        "\n"
        "| variable | default | range | meaning |\n"
        "| --- | --- | --- | --- |\n",
        out);
    for (size_t i = 0; i < HK_COUNTOF(settings); i++)
        print_docs_row(&settings[i], out);
}
