/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/workers.h"

#include <stdlib.h>

#include "hk/loop.h"
#include "worker/send.h"
#include "worker/slots.h"
#include "worker/worker.h"

#define MAX_WAIT_MS 1000

struct workers {
    struct hk_loop *loop;
    struct send *send;
    unsigned n_slots, n;
    struct worker *each[HK_CELLS_MAX + 1];
};

/* With fewer slots than cells, each would have none now and then: one is the least. */
static unsigned count_slots(const struct workers_options *options)
{
    unsigned n = (unsigned)options->cells->cells[0].config.worker_max_in_flight;

    return n > options->cells->n ? n : options->cells->n;
}

struct workers *workers_new(const struct workers_options *options)
{
    struct workers *workers = calloc(1, sizeof(*workers));

    if (workers == NULL)
        abort();
    workers->loop = options->loop;
    workers->n_slots = count_slots(options);
    workers->n = options->cells->n;
    workers->send = send_new(&(struct send_options){
        .loop = options->loop,
        .config = &options->cells->cells[0].config,
        .allowed_networks = options->allowed_networks,
    });
    for (unsigned i = 0; i < workers->n; i++)
        workers->each[i] = worker_new(&(struct worker_options){
            .loop = options->loop,
            .config = &options->cells->cells[i].config,
            .vault = options->vault,
            .send = workers->send,
            .name = options->name,
        });
    return workers;
}

void workers_free(struct workers *workers)
{
    if (workers == NULL)
        return;
    send_free(workers->send); /* before the attempts: it borrows their bodies */
    for (unsigned i = 0; i < workers->n; i++)
        worker_free(workers->each[i]);
    free(workers);
}

static bool are_finished(const struct workers *workers)
{
    for (unsigned i = 0; i < workers->n; i++) {
        if (!worker_is_finished(workers->each[i]))
            return false;
    }
    return true;
}

bool workers_turn(struct workers *workers)
{
    struct slots_use uses[HK_COUNTOF(workers->each)];

    if (are_finished(workers))
        return false;
    hk_loop_turn(workers->loop, MAX_WAIT_MS);
    for (unsigned i = 0; i < workers->n; i++)
        uses[i] = worker_use(workers->each[i]);
    for (unsigned i = 0; i < workers->n; i++) {
        worker_turn(workers->each[i], slots_of(workers->n_slots, workers->n, uses, i));
        uses[i] = worker_use(workers->each[i]);
    }
    return true;
}

void workers_drain(struct workers *workers)
{
    for (unsigned i = 0; i < workers->n; i++)
        worker_drain(workers->each[i]);
}

unsigned workers_n_unfinished(const struct workers *workers)
{
    unsigned n = 0;

    for (unsigned i = 0; i < workers->n; i++)
        n += worker_n_unfinished(workers->each[i]);
    return n;
}
