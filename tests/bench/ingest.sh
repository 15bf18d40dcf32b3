#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Publishing: one event a request, authenticated, with an idempotent id and one subscription that takes it.
# A part of tests/bench/run, which reads it.
# shellcheck disable=SC2154 # what run has set

ingest_round() {
    for c in 64 256; do
        empty_tables
        note_load "raw_$c" "$(BENCH_SAME=1 load "$raw/v1/events" "$c")"
        meter api postgres
        note_load "ingest_$c" "$(load "$api/v1/events" "$c")"
        read_meter "us_$c" "$n_requests"
    done
    empty_tables
    note pgbench "$(pgbench_insert 64)"
}

bench_ingest() {
    start_raw
    rounds ingest_round
    figure "ingest c=64 / raw h2o handler c=64" "$(ratio ingest_64 raw_64)" ">= 0.20" \
        "$(told ingest_64 ingest_64_p99_ms raw_64 us_64_api_cpu us_64_postgres_cpu us_64_wal)"
    figure "ingest c=256 / raw h2o handler c=256" "$(ratio ingest_256 raw_256)" ">= 0.28" \
        "$(told ingest_256 ingest_256_p99_ms raw_256 us_256_api_cpu us_256_postgres_cpu us_256_wal)"
    figure "ingest c=64 / pgbench insert c=64" "$(ratio ingest_64 pgbench)" ">= 1.5" "$(told ingest_64 pgbench)"
    stop raw
}
