/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which URLs a subscription may have (standards 3.1, control 1). Each check returns the sentence
 * that says what is wrong, or NULL. libcurl parses, and the host it found must be, letter by
 * letter, the one that stands in the text: whatever it had to rewrite is refused.
 */
#include "hk/url.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include <curl/curl.h>

#include "hk/addr.h"

#define MAX_HOST_BYTES  253
#define MAX_LABEL_BYTES 63

static const char not_a_host[] = "The URL's host is not a public host name or address.";
static const char not_public[] = "The URL's host is a local one.";
static const char not_a_url[] = "The URL is not an absolute URL with a host.";

/* Ports of other well-known services; a webhook's bytes must not reach them. */
static bool is_legal_port(long port)
{
    static const long services[] = {1433, 1521, 2375, 2379, 3306, 5432, 6379, 9200, 11211, 27017};

    for (size_t i = 0; i < HK_COUNTOF(services); i++) {
        if (port == services[i])
            return false;
    }
    return port == 80 || port == 443 || (port >= 1024 && port <= 65535);
}

static const char *check_bytes(struct hk_str url)
{
    if (url.n == 0 || url.n > HK_URL_MAX_BYTES)
        return "The URL must have 1 to 2048 bytes.";

    for (size_t i = 0; i < url.n; i++) {
        if (url.p[i] <= ' ' || url.p[i] > '~')
            return "The URL holds a blank, control or non-ASCII character.";
        /* libcurl and browsers see different hosts in http://a\@b/ */
        if (url.p[i] == '\\')
            return "The URL holds a backslash.";
        if (url.p[i] == '#')
            return "The URL has a fragment.";
    }
    return NULL;
}

/* Finds what stands between the slashes and the path. */
static const char *check_scheme(const char *text, bool allows_http, struct hk_str *ret_authority)
{
    size_t n_scheme = strcspn(text, ":");
    const char *authority;
    bool is_https = n_scheme == 5 && strncasecmp(text, "https", 5) == 0;
    bool is_http = n_scheme == 4 && strncasecmp(text, "http", 4) == 0;

    if (!is_https && !is_http)
        return "Only https URLs can be called.";
    if (is_http && !allows_http)
        return "Only https URLs can be called: this tenant does not allow http.";
    if (strncmp(text + n_scheme, "://", 3) != 0)
        return not_a_url;

    authority = text + n_scheme + 3;
    *ret_authority = (struct hk_str){authority, strcspn(authority, "/?")};
    if (ret_authority->n == 0)
        return not_a_url;
    if (memchr(ret_authority->p, '@', ret_authority->n) != NULL)
        return "The URL holds credentials; give them as credentials instead.";
    return NULL;
}

/* The authority without its port. */
static struct hk_str host_of(struct hk_str authority)
{
    const char *colon;

    if (authority.p[0] == '[') {
        const char *bracket = memchr(authority.p, ']', authority.n);

        authority.n = bracket == NULL ? 0 : (size_t)(bracket - authority.p) + 1;
        return authority;
    }

    colon = memchr(authority.p, ':', authority.n);
    if (colon != NULL)
        authority.n = (size_t)(colon - authority.p);
    return authority;
}

/* What may stand in a URL's place for the host: `networks` NULL leaves that to who connects. */
static bool may_stand(const void *sockaddr, const struct hk_networks *networks)
{
    return networks == NULL || hk_addr_may_call(sockaddr, networks);
}

static bool is_loopback_allowed(const struct hk_networks *networks)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};

    return may_stand(&address, networks);
}

static const char *check_ipv6(const char *host, const struct hk_networks *networks)
{
    struct sockaddr_in6 address = {.sin6_family = AF_INET6};
    char text[INET6_ADDRSTRLEN];
    size_t n = strlen(host) - 2; /* without the brackets */

    if (n >= sizeof(text))
        return not_a_host;
    memcpy(text, host + 1, n);
    text[n] = '\0';
    if (inet_pton(AF_INET6, text, &address.sin6_addr) != 1)
        return not_a_host;

    return may_stand(&address, networks) ? NULL : not_public;
}

/* Every label has 1 to 63 letters, digits, hyphens, underscores. */
static bool is_name(const char *host)
{
    size_t n_label = 0;

    for (const char *p = host;; p++) {
        if (*p == '.' || *p == '\0') {
            if (n_label == 0 || n_label > MAX_LABEL_BYTES)
                return false;
            n_label = 0;
            if (*p == '\0')
                return true;
            continue;
        }
        if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_", *p) == NULL)
            return false;
        n_label++;
    }
}

static bool is_local_name(const char *host)
{
    static const char *const suffixes[] = {".local", ".internal", ".localhost", ".onion"};
    size_t n = strlen(host);

    if (strchr(host, '.') == NULL || strncasecmp(host, "metadata.", 9) == 0)
        return true;

    for (size_t i = 0; i < HK_COUNTOF(suffixes); i++) {
        size_t n_suffix = strlen(suffixes[i]);

        if (n > n_suffix && strcasecmp(host + n - n_suffix, suffixes[i]) == 0)
            return true;
    }
    return false;
}

/* No top-level domain is a number: such a host is some spelling of an IPv4 address. */
static bool ends_in_number(const char *host)
{
    const char *dot = strrchr(host, '.');
    const char *label = dot == NULL ? host : dot + 1;

    if (label[0] == '0' && (label[1] == 'x' || label[1] == 'X'))
        return label[2 + strspn(label + 2, "0123456789abcdefABCDEF")] == '\0';
    return label[strspn(label, "0123456789")] == '\0';
}

static const char *check_name_or_ipv4(const char *host, const struct hk_networks *networks)
{
    struct sockaddr_in address = {.sin_family = AF_INET};

    if (inet_pton(AF_INET, host, &address.sin_addr) == 1)
        return may_stand(&address, networks) ? NULL : not_public;
    if (!is_name(host) || ends_in_number(host))
        return not_a_host;
    if (strcasecmp(host, "localhost") == 0 && is_loopback_allowed(networks))
        return NULL;
    return is_local_name(host) ? not_public : NULL;
}

static const char *check_host(struct hk_str host, const struct hk_networks *networks)
{
    char text[MAX_HOST_BYTES + 1];

    if (host.n == 0)
        return not_a_url;
    if (host.n > MAX_HOST_BYTES)
        return not_a_host;
    memcpy(text, host.p, host.n);
    text[host.n] = '\0';

    return text[0] == '[' ? check_ipv6(text, networks) : check_name_or_ipv4(text, networks);
}

static void free_url(CURLU **url)
{
    curl_url_cleanup(*url);
}

static void free_part(char **part)
{
    curl_free(*part);
}

/* What the sender will make of it: the same host, and a port that is ours to call. */
static const char *check_as_sender(const char *text, struct hk_str host)
{
    HK_CLEANUP(free_url) CURLU *url = curl_url();
    HK_CLEANUP(free_part) char *sent_host = NULL;
    HK_CLEANUP(free_part) char *port = NULL;

    if (url == NULL || curl_url_set(url, CURLUPART_URL, text, 0) != CURLUE_OK ||
        curl_url_get(url, CURLUPART_HOST, &sent_host, 0) != CURLUE_OK ||
        curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) != CURLUE_OK)
        return not_a_url;

    /* An IPv6 address has passed inet_pton(): libcurl may shorten it, but not change it. */
    if (host.p[0] != '[' &&
        (strlen(sent_host) != host.n || strncasecmp(sent_host, host.p, host.n) != 0))
        return not_a_host;
    if (!is_legal_port(strtol(port, NULL, 10)))
        return "The URL's port is not one that can be called.";
    return NULL;
}

const char *hk_url_fault(struct hk_str url, bool allows_http, const struct hk_networks *networks)
{
    char text[HK_URL_MAX_BYTES + 1];
    struct hk_str authority, host;
    const char *why;

    why = check_bytes(url);
    if (why != NULL)
        return why;

    memcpy(text, url.p, url.n);
    text[url.n] = '\0';
    why = check_scheme(text, allows_http, &authority);
    if (why != NULL)
        return why;

    host = host_of(authority);
    why = check_host(host, networks);
    return why != NULL ? why : check_as_sender(text, host);
}

enum hk_code hk_url_check(struct hk_str url, bool allows_http, struct hk_error *reterr)
{
    static const struct hk_networks none;
    const char *why = hk_url_fault(url, allows_http, allows_http ? NULL : &none);

    if (why == NULL)
        return HK_OK;

    if (reterr != NULL) {
        reterr->code = HK_INVALID_BODY;
        (void)snprintf(reterr->detail, sizeof(reterr->detail), "%s", why);
    }
    return HK_INVALID_BODY;
}

bool hk_url_is_proxy(const char *text)
{
    static const CURLUPart needed[] = {CURLUPART_HOST, CURLUPART_PORT};
    static const CURLUPart refused[] = {CURLUPART_QUERY, CURLUPART_FRAGMENT};
    HK_CLEANUP(free_url) CURLU *url = curl_url();
    HK_CLEANUP(free_part) char *path = NULL;
    bool is_proxy = url != NULL && strncasecmp(text, "http://", 7) == 0 &&
                    curl_url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK;

    for (size_t i = 0; i < HK_COUNTOF(needed) && is_proxy; i++) {
        HK_CLEANUP(free_part) char *part = NULL;

        is_proxy = curl_url_get(url, needed[i], &part, 0) == CURLUE_OK;
    }
    for (size_t i = 0; i < HK_COUNTOF(refused) && is_proxy; i++) {
        HK_CLEANUP(free_part) char *part = NULL;

        is_proxy = curl_url_get(url, refused[i], &part, 0) != CURLUE_OK;
    }
    return is_proxy && curl_url_get(url, CURLUPART_PATH, &path, 0) == CURLUE_OK &&
           strcmp(path, "/") == 0;
}
