/* SPDX-License-Identifier: Apache-2.0 */
#include "api/auth/oauth_request.h"

#include <strings.h>

#include "hk/encode.h"
#include "hk/form.h"

static enum hk_code read_form(struct hk_str form, struct oauth_request *ret,
                              struct hk_error *reterr)
{
    const struct {
        const char *name;
        char *place;
        size_t size;
    } parameters[] = {
        {"grant_type", ret->grant_type, sizeof(ret->grant_type)},
        {"scope", ret->scope, sizeof(ret->scope)},
        {"client_id", ret->client_id, sizeof(ret->client_id)},
        {"client_secret", ret->client_secret, sizeof(ret->client_secret)},
    };

    for (size_t i = 0; i < HK_COUNTOF(parameters); i++) {
        switch (hk_form_value(form, parameters[i].name, parameters[i].place, parameters[i].size)) {
        case HK_FORM_ABSENT:
            parameters[i].place[0] = '\0';
            break;
        case HK_FORM_FOUND:
            break;
        case HK_FORM_MALFORMED:
            return hk_fail(reterr, HK_INVALID_REQUEST, "",
                           "The parameter %s is malformed, or there more than once.",
                           parameters[i].name);
        }
    }
    return HK_OK;
}

/* "id:secret", in which both halves are form-encoded (RFC 6749, 2.3.1). */
static bool decode_basic(struct hk_str proof, char *ret_id, size_t id_size, char *ret_secret,
                         size_t secret_size)
{
    uint8_t bytes[1024];
    const char *colon, *text = (const char *)bytes;
    size_t n = 0;
    bool is_good = hk_b64_decode(proof, bytes, sizeof(bytes), &n) && n > 0;

    colon = is_good ? memchr(text, ':', n) : NULL;
    is_good = colon != NULL &&
              hk_form_decode((struct hk_str){text, (size_t)(colon - text)}, ret_id, id_size) !=
                  SIZE_MAX &&
              hk_form_decode((struct hk_str){colon + 1, n - (size_t)(colon + 1 - text)}, ret_secret,
                             secret_size) != SIZE_MAX;
    explicit_bzero(bytes, sizeof(bytes));
    return is_good;
}

static enum hk_code read_basic(struct hk_str authorization, struct oauth_request *ret,
                               struct hk_error *reterr)
{
    static const char scheme[] = "Basic ";
    const size_t n = sizeof(scheme) - 1;
    char id[sizeof(ret->client_id)];

    if (ret->client_secret[0] != '\0')
        return hk_fail(reterr, HK_INVALID_REQUEST, "", "The client authenticates in two ways.");
    if (authorization.n < n || strncasecmp(authorization.p, scheme, n) != 0 ||
        !decode_basic((struct hk_str){authorization.p + n, authorization.n - n}, id, sizeof(id),
                      ret->client_secret, sizeof(ret->client_secret)))
        return hk_fail(reterr, HK_INVALID_CLIENT, "", "The Authorization is not HTTP Basic.");
    if (ret->client_id[0] != '\0' && strcmp(ret->client_id, id) != 0)
        return hk_fail(reterr, HK_INVALID_REQUEST, "",
                       "The client_id is not the one of the Authorization.");
    memcpy(ret->client_id, id, sizeof(id));
    return HK_OK;
}

enum hk_code oauth_request_read(struct hk_str form, struct hk_str authorization,
                                struct oauth_request *ret, struct hk_error *reterr)
{
    if (read_form(form, ret, reterr) != HK_OK)
        return reterr->code;
    if (authorization.p != NULL && read_basic(authorization, ret, reterr) != HK_OK)
        return reterr->code;
    if (ret->grant_type[0] == '\0')
        return hk_fail(reterr, HK_INVALID_REQUEST, "", "grant_type is missing.");
    if (strcmp(ret->grant_type, "client_credentials") != 0)
        return hk_fail(reterr, HK_UNSUPPORTED_GRANT_TYPE, "",
                       "The only grant_type is client_credentials.");
    if (ret->client_id[0] == '\0' || ret->client_secret[0] == '\0')
        return hk_fail(reterr, HK_INVALID_CLIENT, "", "The client does not authenticate.");
    return HK_OK;
}
