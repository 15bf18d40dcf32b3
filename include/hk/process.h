/* SPDX-License-Identifier: Apache-2.0 */
/* hk/process.h - what each server asks of its process at start. */
#ifndef HK_PROCESS_H
#define HK_PROCESS_H

/*
 * No core dumps, which would hold secrets and payloads, and no reading of the process's memory and
 * environment by others of the same user; as many file descriptors as are allowed, because each
 * connection is one and the usual soft limit is below what we may keep. Before threads start.
 */
void hk_process_set_limits(void);

/*
 * Lets go of the code that only starting needed, of the program's and its libraries' mappings: what
 * is still called comes back from the page cache. To be called once all is started.
 */
void hk_process_drop_code(void);

#endif
