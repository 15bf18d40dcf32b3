/* SPDX-License-Identifier: Apache-2.0 */
#include "hk/process.h"

#include <stddef.h>
#include <sys/resource.h>

void hk_process_set_limits(void)
{
    struct rlimit limit = {0, 0};

    (void)setrlimit(RLIMIT_CORE, &limit);
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}
