/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api/auth/oauth_request.h"

#define GRANT "grant_type=client_credentials"

/* base64("id:secret"), ("i%2Bd:s%3Ae"), ("nocolon"), (":secret"), ("id:") */
#define BASIC "Basic aWQ6c2VjcmV0"

static const struct {
    const char *form, *authorization;
    enum hk_code code;
    const char *id, *secret, *scope;
} rows[] = {
    {GRANT, BASIC, HK_OK, "id", "secret", ""},
    {GRANT, "basic aWQ6c2VjcmV0", HK_OK, "id", "secret", ""},
    {GRANT, "Basic aSUyQmQ6cyUzQWU=", HK_OK, "i+d", "s:e", ""},
    {GRANT "&scope=a%3Ab+c", BASIC, HK_OK, "id", "secret", "a:b c"},
    {GRANT "&scope=", BASIC, HK_OK, "id", "secret", ""},
    {GRANT "&unknown=1&unknown=2", BASIC, HK_OK, "id", "secret", ""},
    {GRANT "&client_id=id", BASIC, HK_OK, "id", "secret", ""},
    {GRANT "&client_id=id&client_secret=s%26", NULL, HK_OK, "id", "s&", ""},
    {"grant%5Ftype=client_credentials", BASIC, HK_OK, "id", "secret", ""},
    {"", BASIC, HK_INVALID_REQUEST, NULL, NULL, NULL},
    {"grant_type=", BASIC, HK_INVALID_REQUEST, NULL, NULL, NULL},
    {"grant_type", BASIC, HK_INVALID_REQUEST, NULL, NULL, NULL},
    {GRANT "&" GRANT, BASIC, HK_INVALID_REQUEST, NULL, NULL, NULL},
    {GRANT "&scope=a&scope=b", BASIC, HK_INVALID_REQUEST, NULL, NULL, NULL},
    {GRANT "&scope=%", BASIC, HK_INVALID_REQUEST, NULL, NULL, NULL},
    {GRANT "&scope=%00", BASIC, HK_INVALID_REQUEST, NULL, NULL, NULL},
    {GRANT "&scope=%ff", BASIC, HK_INVALID_REQUEST, NULL, NULL, NULL},
    {GRANT "&client_id=other", BASIC, HK_INVALID_REQUEST, NULL, NULL, NULL},
    {GRANT "&client_secret=secret", BASIC, HK_INVALID_REQUEST, NULL, NULL, NULL},
    {"grant_type=authorization_code", BASIC, HK_UNSUPPORTED_GRANT_TYPE, NULL, NULL, NULL},
    {"grant_type=Client_Credentials", BASIC, HK_UNSUPPORTED_GRANT_TYPE, NULL, NULL, NULL},
    {GRANT, NULL, HK_INVALID_CLIENT, NULL, NULL, NULL},
    {GRANT "&client_id=id", NULL, HK_INVALID_CLIENT, NULL, NULL, NULL},
    {GRANT "&client_secret=secret", NULL, HK_INVALID_CLIENT, NULL, NULL, NULL},
    {GRANT, "", HK_INVALID_CLIENT, NULL, NULL, NULL},
    {GRANT, "Basic", HK_INVALID_CLIENT, NULL, NULL, NULL},
    {GRANT, "Basic ", HK_INVALID_CLIENT, NULL, NULL, NULL},
    {GRANT, "Basic *", HK_INVALID_CLIENT, NULL, NULL, NULL},
    {GRANT, "Basic bm9jb2xvbg==", HK_INVALID_CLIENT, NULL, NULL, NULL},
    {GRANT, "Basic OnNlY3JldA==", HK_INVALID_CLIENT, NULL, NULL, NULL},
    {GRANT, "Basic aWQ6", HK_INVALID_CLIENT, NULL, NULL, NULL},
    {GRANT, "Bearer aWQ6c2VjcmV0", HK_INVALID_CLIENT, NULL, NULL, NULL},
};

static void test_a_token_request_is_read_as_rfc_6749_has_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < HK_COUNTOF(rows); i++) {
        struct oauth_request request;
        struct hk_error error = {.code = HK_OK};
        enum hk_code code = oauth_request_read(hk_str(rows[i].form), hk_str(rows[i].authorization),
                                               &request, &error);

        if (code != rows[i].code)
            fail_msg("row %zu: %d", i, (int)code);
        if (code != HK_OK) {
            assert_true(error.detail[0] != '\0');
            continue;
        }
        assert_string_equal(request.client_id, rows[i].id);
        assert_string_equal(request.client_secret, rows[i].secret);
        assert_string_equal(request.scope, rows[i].scope);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_token_request_is_read_as_rfc_6749_has_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
