/* SPDX-License-Identifier: Apache-2.0 */
/* tenants.c - hookline tenants move: the steps, in their order. */
#include "api/cli/tenants.h"

#include <stdio.h>
#include <stdlib.h>

#include "api/cli/exit.h"
#include "api/cli/interrupt.h"
#include "api/cli/move.h"

enum { USUAL_MAX_HOLD_S = 120, MAX_MAX_HOLD_S = 3600 };

struct move_options {
    struct hk_id tenant_id;
    const char *to, *max_hold_s;
    bool wants_abort;
};

static bool read_options(int argc, char **argv, struct move_options *ret)
{
    if (argc < 1 || !hk_id_parse(hk_str(argv[0]), &ret->tenant_id))
        return false;
    for (int i = 1; i < argc; i++) {
        const char **option = strcmp(argv[i], "--to") == 0         ? &ret->to
                              : strcmp(argv[i], "--max-hold") == 0 ? &ret->max_hold_s
                                                                   : NULL;

        if (strcmp(argv[i], "--abort") == 0) {
            ret->wants_abort = true;
            continue;
        }
        if (option == NULL || *option != NULL || i + 1 == argc || argv[i + 1][0] == '\0')
            return false;
        *option = argv[++i];
    }
    return ret->to != NULL;
}

static bool read_seconds(const char *text, unsigned *ret)
{
    unsigned long seconds = text == NULL ? USUAL_MAX_HOLD_S : 0;
    char *end;

    if (text != NULL) {
        seconds = strtoul(text, &end, 10);
        if (*end != '\0' || text[0] < '0' || text[0] > '9')
            return false;
    }
    *ret = (unsigned)seconds;
    return seconds >= 1 && seconds <= MAX_MAX_HOLD_S;
}

/* The rest of a move that has flipped, or all of one that has not. */
static bool go_on(struct move *move)
{
    return move_check(move) && move_announce(move) &&
           (move->is_flipped ||
            (move_choose_live(move) && move_make_partitions(move) && move_copy_all(move) &&
             move_catch_up(move) && move_make_partitions(move) && move_hold_and_flip(move))) &&
           move_finish(move);
}

static int run(struct move *move, bool wants_abort)
{
    if (!move_connect(move))
        return EXIT_UNAVAILABLE;
    if (!move_find(move))
        return EXIT_FAILED;
    if (move->from == NULL) {
        move_say(move, wants_abort ? "is in cell %s: there is nothing to abort" : "is in cell %s",
                 move->to->name);
        return wants_abort ? EXIT_FAILED : EXIT_OK;
    }
    if (!move_connect(move))
        return EXIT_UNAVAILABLE;
    if (!move_read_tables(move) || !move_recognize(move))
        return EXIT_FAILED;
    if (wants_abort && move->is_flipped)
        move_say(move, "is in cell %s: run this again without --abort", move->to->name);
    if (wants_abort)
        return !move->is_flipped && move_abort(move) ? EXIT_OK : EXIT_FAILED;
    return go_on(move) ? EXIT_OK : EXIT_FAILED;
}

static int move_in(struct hk_cells *cells, struct move *move, const struct move_options *options)
{
    int code;

    move->cells = cells;
    move->to = hk_cells_find(cells, hk_str(options->to));
    hk_id_format(&options->tenant_id, move->tenant);
    if (move->to == NULL) {
        (void)fprintf(stderr, "hookline: HOOKLINE_CELLS has no cell %s\n", options->to);
        return EXIT_USAGE;
    }
    interrupt_catch();
    code = run(move, options->wants_abort);
    move_free_tables(move);
    move_disconnect(move);
    return interrupt_has_come() && code == EXIT_FAILED ? EXIT_INTERRUPTED : code;
}

int tenants_move(const struct hk_config *config, int argc, char **argv)
{
    struct move_options options = {0};
    struct hk_config own = *config;
    struct hk_vault vault = {0};
    struct hk_cells cells;
    struct move move = {0};
    int code;

    if (!read_options(argc, argv, &options) || !read_seconds(options.max_hold_s, &move.max_hold_s))
        return EXIT_USAGE;
    if (!options.wants_abort) {
        if (!hk_vault_load(&vault, &own, stderr))
            return EXIT_CONFIG;
        move.vault = &vault;
    }
    if (!hk_cells_load(&cells, &own, stderr)) {
        code = EXIT_CONFIG;
    } else {
        code = move_in(&cells, &move, &options);
        hk_cells_done(&cells);
    }
    hk_vault_done(&vault);
    return code;
}
