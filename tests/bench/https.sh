#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What one worker delivers from a backlog by https to 16 hosts, on connections that are kept.
# A part of tests/bench/run, which reads it.
# shellcheck disable=SC2154 # what run has set

https_round() {
    empty_tables
    note_load wrk "$(BENCH_SAME=1 load "$sink/hook" 32)"
    note_load published "$(BENCH_COMPANY=tls BENCH_COMPANIES=16 load "$api/v1/events" 64)"
    deliver_backlog https 1 "$n_requests" "$names"
}

bench_https() {
    plain_sink=$sink
    start_tls_sinker
    echo "https://%s.bench.example:${sink##*:}/hook" >"$work/urls"
    companies tls 16 | seed_companies "$work/urls"
    rounds https_round
    figure "https keep-alive, 16 hosts, messages/s of one worker core / wrk on the same TLS receiver" "$(ratio https_per_core wrk)" ">= 0.22" \
        "$(told https_per_core wrk us_https_worker_cpu us_https_postgres_cpu us_https_sinker_cpu)"
    figure "https messages/s of one worker / wrk, by the clock" "$(ratio https wrk)" "-" "$(told https wrk)"
    sink=$plain_sink
}
