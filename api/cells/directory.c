/* SPDX-License-Identifier: Apache-2.0 */
/* directory.c - set-associative by the last bytes of the tenant's id, which are random. */
#include "api/cells/directory.h"

#include <stdlib.h>

enum { N_SETS = 4096, N_WAYS = 8, HOME_CELL = 0 };

struct entry {
    bool is_used;
    uint8_t cell;
    struct hk_id tenant_id;
    int64_t asked_at_ms;
};

struct directory {
    struct entry entries[N_SETS][N_WAYS];
};

struct directory *directory_new(void)
{
    struct directory *directory = calloc(1, sizeof(*directory));

    if (directory == NULL)
        abort();
    return directory;
}

void directory_free(struct directory *directory)
{
    free(directory);
}

static unsigned set_of(const struct hk_id *tenant_id)
{
    const uint8_t *last = tenant_id->bytes + sizeof(tenant_id->bytes) - 2;

    return (unsigned)(last[0] << 8 | last[1]) % N_SETS;
}

static bool is_of(const struct entry *entry, const struct hk_id *tenant_id)
{
    return entry->is_used && memcmp(&entry->tenant_id, tenant_id, sizeof(*tenant_id)) == 0;
}

bool directory_find(const struct directory *directory, const struct hk_id *tenant_id,
                    int64_t max_age_ms, int64_t now_ms, unsigned *ret_cell)
{
    const struct entry *set = directory->entries[set_of(tenant_id)];

    for (unsigned i = 0; i < N_WAYS; i++) {
        if (!is_of(&set[i], tenant_id) || now_ms - set[i].asked_at_ms > max_age_ms)
            continue;
        *ret_cell = set[i].cell;
        return true;
    }
    return false;
}

/*
 * Tenants of the home cell go first: whoever is not in the directory is taken for one of them, and
 * when the home cell is down nobody can serve them anyway.
 */
static bool goes_before(const struct entry *entry, const struct entry *other)
{
    bool is_home = entry->cell == HOME_CELL, is_other_home = other->cell == HOME_CELL;

    if (!entry->is_used || !other->is_used)
        return other->is_used;
    if (is_home != is_other_home)
        return is_home;
    return entry->asked_at_ms < other->asked_at_ms;
}

void directory_put(struct directory *directory, const struct hk_id *tenant_id, int64_t now_ms,
                   unsigned cell)
{
    struct entry *set = directory->entries[set_of(tenant_id)], *place = &set[0];

    for (unsigned i = 0; i < N_WAYS; i++) {
        if (is_of(&set[i], tenant_id)) {
            place = &set[i];
            break;
        }
        if (goes_before(&set[i], place))
            place = &set[i];
    }
    *place = (struct entry){
        .is_used = true, .cell = (uint8_t)cell, .tenant_id = *tenant_id, .asked_at_ms = now_ms};
}
