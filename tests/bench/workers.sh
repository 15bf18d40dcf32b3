#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Two workers beside one, at a receiver that takes 20 ms, with 512 requests in flight each.
# A part of tests/bench/run, which reads it.
# shellcheck disable=SC2154 # what run has set

workers_round() {
    for n_workers in 1 2; do
        empty_tables
        note_load "published_$n_workers" "$(load "$api/v1/events" 64)"
        deliver_backlog "workers_$n_workers" "$n_workers" "$n_requests"
    done
}

bench_workers() {
    curl -fs -X PUT "$sink/_sinker/rules/hook" -d '{"then":{"status":200,"delay_ms":20}}' >/dev/null
    export HOOKLINE_WORKER_MAX_IN_FLIGHT=512
    rounds workers_round
    unset HOOKLINE_WORKER_MAX_IN_FLIGHT
    curl -fs -X DELETE "$sink/_sinker/rules" >/dev/null
    figure "two workers / one on a 20 ms receiver, 512 in flight each" "$(ratio workers_2 workers_1)" ">= 1.8" \
        "$(told workers_2 workers_1 us_workers_1_worker_cpu us_workers_1_postgres_cpu us_workers_1_sinker_cpu us_workers_2_worker_cpu us_workers_2_postgres_cpu)"
}
