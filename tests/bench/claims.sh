#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# How claims slow down over time: 2,000 events/s for BENCH_CLAIMS_SECONDS (180), in the last minute beside the open snapshot of a report.
# The times are the server's, of its own log, which is written while they are looked at and only of the worker's statements.
# A part of tests/bench/run, which reads it.
# shellcheck disable=SC2154 # what run has set

least_published=1500 # a second: 100 connections wait 48 ms and the answer's time

# watch_claims NAME SECONDS - notes how long they took, ms, for so long from now.
watch_claims() {
    from=$(log_end)
    set_postgres 'log_min_duration_statement = 0'
    sleep "$2"
    set_postgres 'log_min_duration_statement = -1'
    times=$(claim_times "$from")
    note "$1_p50" "$(field "$times" 1)"
    note "$1_p99" "$(field "$times" 2)"
    note "$1_n" "$(field "$times" 4)"
}

# until_second N - of this round.
until_second() { sleep "$(awk -v n="$1" -v since="$(seconds_since "$round_began_ns")" 'BEGIN {print (n > since ? n - since : 0)}')"; }

claims_round() {
    empty_tables
    sink_reset
    round_began_ns=$(now_ns)
    seconds=$claims_seconds BENCH_DELAY_MS=48 load "$api/v1/events" 100 >"$work/flow" &
    flow_pid=$!
    until_second 15
    watch_claims early 10
    until_second $((claims_seconds - 72))
    watch_claims late 10
    psql -q -c 'BEGIN ISOLATION LEVEL REPEATABLE READ' -c 'SELECT count(*) FROM hookline.queue' -c 'SELECT pg_sleep(60)' >/dev/null &
    snapshot_pid=$!
    until_second $((claims_seconds - 11))
    watch_claims snapshot 9
    wait "$flow_pid" "$snapshot_pid"
    note_load published "$(cat "$work/flow")"
    sink_wait "$n_requests"
}

bench_claims() {
    claims_seconds=${BENCH_CLAIMS_SECONDS:-180}
    for role in hookline hookline_api hookline_ingest; do psql -q -c "ALTER ROLE $role SET log_min_duration_statement = -1"; done
    stop api
    start_api
    start_worker
    warm_up
    rounds=${BENCH_CLAIMS_ROUNDS:-1} rounds claims_round
    stop_worker
    accepted='<= 2'
    published=$(noted published)
    [ "${published%.*}" -ge "$least_published" ] || accepted="nothing: not valid below $least_published events/s, on a machine that is too busy"
    figure "claim p50 after $claims_seconds s at 2,000/s with a 60 s snapshot open / after 20 s" "$(ratio snapshot_p50 early_p50)" "$accepted" \
        "ms: $(told early_p50 early_p99 late_p50 late_p99 snapshot_p50 snapshot_p99 published)"
}
