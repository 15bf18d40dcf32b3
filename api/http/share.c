/* SPDX-License-Identifier: Apache-2.0 */
#include "api/http/share.h"

void share_count(struct share *share, const struct call *other)
{
    if (strcmp(other->tenant_id, share->call->tenant_id) != 0)
        return;
    share->of_tenant++;
    share->of_partner += strcmp(other->caller.partner, share->call->caller.partner) == 0;
}

bool share_is_used_up(const struct share *share, unsigned most)
{
    bool is_partner = share->call->caller.partner[0] != '\0';

    return share->of_tenant >= most || (is_partner && share->of_partner >= (most + 1) / 2);
}
