/* SPDX-License-Identifier: Apache-2.0 */
/* hk/file.h - a file that the build put into the program. */
#ifndef HK_FILE_H
#define HK_FILE_H

#include "hk/base.h"

struct hk_file {
    const char *name; /* without its folder; NULL ends an array */
    struct hk_str bytes;
};

#endif
