#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# From POST /v1/events to the receiver, as much as goes. A part of tests/bench/run, which reads it.
# shellcheck disable=SC2154 # what run has set

# What was delivered while the publisher was at it: what goes in faster than it comes out does not count.
e2e_round() {
    empty_tables
    sink_reset
    note pgbench "$(pgbench_insert 64)"
    meter api worker postgres
    note_load in "$(load "$api/v1/events" 64)"
    out=$(received)
    note out "$(divide "$out" "$seconds")"
    sink_wait "$n_requests"
    wait_for 'queue_is_empty'
    read_meter us "$n_requests"
}

bench_e2e() {
    start_worker
    warm_up
    rounds e2e_round
    figure "end to end in = out / pgbench insert c=64" "$(ratio out pgbench)" ">= 0.75" \
        "$(told out in pgbench us_api_cpu us_worker_cpu us_postgres_cpu us_wal)"
    stop_worker
}
