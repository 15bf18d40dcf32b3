/* SPDX-License-Identifier: Apache-2.0 */
/* openapi_import(): whatever comes, a list of types that stand alone, or a refusal with a place. */
#include <jansson.h>

#include "api/schema/openapi_import.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hk_buf types HK_CLEANUP(hk_buf_done);
    struct hk_error error = {0};
    json_t *list, *type;
    size_t i;

    hk_buf_init(&types, OPENAPI_MAX_TYPES_BYTES);
    if (openapi_import((struct hk_str){(const char *)data, size}, &types, &error) != HK_OK) {
        FUZZ_MUST(error.code == HK_INVALID_BODY && error.detail[0] != '\0');
        FUZZ_MUST(error.pointer[0] == '/');
        return 0;
    }
    FUZZ_MUST(!types.is_full);
    list = json_loads(hk_buf_str(&types).p, JSON_REJECT_DUPLICATES, NULL);
    FUZZ_MUST(json_array_size(list) >= 1 && json_array_size(list) <= OPENAPI_MAX_TYPES);
    json_array_foreach(list, i, type)
    {
        FUZZ_MUST(json_is_string(json_object_get(type, "name")));
        FUZZ_MUST(json_dumpb(json_object_get(type, "schema"), NULL, 0, JSON_COMPACT) <=
                  OPENAPI_MAX_JSON_BYTES);
    }
    json_decref(list);
    return 0;
}
