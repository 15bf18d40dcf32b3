#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Publishing in batches of 100 events. A part of tests/bench/run, which reads it.
# shellcheck disable=SC2154 # what run has set

batch_round() {
    empty_tables
    meter api postgres
    note_load single "$(load "$api/v1/events" 64)"
    read_meter us_single "$n_requests"
    empty_tables
    meter api postgres
    note_load batches "$(BENCH_BATCH=100 load "$api/v1/events" 16)"
    read_meter us_batch "$((n_requests * 100))"
}

bench_batch() {
    rounds batch_round
    figure "events/s in batches of 100 / one by one" "$(ratio batches single 100)" ">= 3" \
        "$(told batches single us_single_api_cpu us_single_postgres_cpu us_batch_api_cpu us_batch_postgres_cpu us_single_wal us_batch_wal)"
}
