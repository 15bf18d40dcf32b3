/* SPDX-License-Identifier: Apache-2.0 */
#include "api/cli/interrupt.h"

#include <poll.h>
#include <signal.h>

#include "hk/clock.h"

enum { SLICE_MS = 200 }; /* one that comes between the look and the wait is seen after this */

static volatile sig_atomic_t has_come;

static void on_signal(int number)
{
    (void)number;
    has_come = 1;
}

void interrupt_catch(void)
{
    struct sigaction action = {.sa_handler = on_signal};

    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
}

bool interrupt_has_come(void)
{
    return has_come != 0;
}

void interrupt_wait(int milliseconds)
{
    int64_t until_ms = hk_mono_ms() + milliseconds, left_ms;

    while (!interrupt_has_come() && (left_ms = until_ms - hk_mono_ms()) > 0)
        (void)poll(NULL, 0, left_ms > SLICE_MS ? SLICE_MS : (int)left_ms);
}
