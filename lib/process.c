/* SPDX-License-Identifier: Apache-2.0 */
#include "hk/process.h"

#include <link.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "hk/sanitizer.h"

void hk_process_set_limits(void)
{
    struct rlimit limit = {0, 0};

    (void)setrlimit(RLIMIT_CORE, &limit);
    /* A sanitizer looks for leaks from a thread that traces the others, which that would refuse. */
    if (!HK_IS_SANITIZED)
        (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* Executable and not writable: nothing in there is other than in the file. */
static int drop_code_of(struct dl_phdr_info *object, size_t size, void *arg)
{
    uintptr_t page_bytes = (uintptr_t)sysconf(_SC_PAGESIZE);

    (void)size;
    (void)arg;
    for (unsigned i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &object->dlpi_phdr[i];
        uintptr_t from = (object->dlpi_addr + part->p_vaddr) & ~(page_bytes - 1);
        uintptr_t to = object->dlpi_addr + part->p_vaddr + part->p_memsz;

        if (part->p_type == PT_LOAD && (part->p_flags & (PF_X | PF_W)) == PF_X)
            (void)madvise((void *)from, to - from, MADV_DONTNEED);
    }
    return 0;
}

void hk_process_drop_code(void)
{
    (void)dl_iterate_phdr(drop_code_of, NULL);
}
