#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# How long from acceptance to the receiver, at 100 events/s. A part of tests/bench/run, which reads it.
# shellcheck disable=SC2154 # what run has set

latency_round() {
    empty_tables
    sink_reset
    note_load published "$(BENCH_DELAY_MS=10 load "$api/v1/events" 1)"
    sink_wait "$n_requests"
    sink_stats >"$work/latency"
    for percent in 50 90 99; do note "p$percent" "$(jq ".latency_us.p$percent / 1000" "$work/latency")"; done
}

bench_latency() {
    start_worker
    warm_up
    rounds latency_round
    figure "end to end at 100 events/s, p50, ms" "$(noted p50)" "<= 2" "$(told p50 p90 p99 published)"
    figure "end to end at 100 events/s, p99, ms" "$(noted p99)" "<= 10" "to the millisecond of the event's id"
    stop_worker
}
