#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What one worker delivers from a backlog by http.
# A part of tests/bench/run, which reads it.
# shellcheck disable=SC2154 # what run has set

deliver_round() {
    empty_tables
    sink_reset
    note_load wrk "$(BENCH_SAME=1 load "$sink/hook" 32)"
    note_load published "$(load "$api/v1/events" 64)"
    deliver_backlog http 1 "$n_requests"
}

bench_deliver() {
    rounds deliver_round
    figure "http messages/s of one worker core / wrk on the same receiver" "$(ratio http_per_core wrk)" ">= 0.20" \
        "$(told http_per_core wrk us_http_worker_cpu us_http_postgres_cpu us_http_sinker_cpu us_http_wal)"
    figure "http messages/s of one worker / wrk, by the clock, PostgreSQL and receiver on the same cores" "$(ratio http wrk)" "-" "$(told http wrk)"
}
