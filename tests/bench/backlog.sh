#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Whether what waits makes claiming and recording slower: a worker delivers 8,000 messages of 10,000 and of 1,000,000, three times
# each, not counting its first 1,000.
# A part of tests/bench/run, which reads it.
# shellcheck disable=SC2154 # what run has set

# seed_backlog N - so many due messages of the subscription of seed, oldest first, in tables that are vacuumed.
seed_backlog() {
    psql -qtAX -v ON_ERROR_STOP=1 -v n="$1" -f "$here/seed_backlog.sql"
}

# deliver_some NAME - adds what they took, s, and what PostgreSQL used of its CPU.
deliver_some() {
    sink_reset
    start_worker
    sink_wait 1000
    began_ns=$(now_ns)
    postgres_began=$(cpu_s postgres)
    sink_wait 9000
    echo "$(seconds_since "$began_ns") $postgres_began $(cpu_s postgres)" >>"$work/took_$1"
    stop_worker
}

backlog_round() {
    rm -f "$work"/took_*
    for _ in 1 2 3; do
        empty_tables
        seed_backlog 10000
        deliver_some small
    done
    empty_tables
    seed_backlog 1000000
    for _ in 1 2 3; do deliver_some large; done
    for name in small large; do
        note "$name" "$(awk '{t += $1} END {printf "%.0f", 8000 * NR / t}' "$work/took_$name")"
        note "${name}_per_postgres_core" "$(awk '{t += $3 - $2} END {printf "%.0f", 8000 * NR / t}' "$work/took_$name")"
    done
}

bench_backlog() {
    rounds backlog_round
    empty_tables
    figure "claim + record cycles at 1 M backlog / 10 k backlog" "$(ratio large small)" ">= 0.9" "$(told large small)"
    figure "the same for each CPU second of PostgreSQL" "$(ratio large_per_postgres_core small_per_postgres_core)" ">= 0.9" \
        "$(told large_per_postgres_core small_per_postgres_core)"
}
