#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# 1 KB of JSON with an HMAC at a flow's URL, beside publishing. A part of tests/bench/run, which reads it.
# shellcheck disable=SC2154 # what run has set

inbound_round() {
    empty_tables
    note_load publish "$(load "$api/v1/events" 64)"
    empty_tables
    note_load inbound "$(load "$api$flow" 64 inbound)"
}

bench_inbound() {
    flow=$(post "$admin" /v1/flows "{\"app_id\":\"$app\",\"name\":\"bench\",\"credential\":{\"kind\":\"github\",\"secret\":\"bench\"}}" | jq -r .url)
    BENCH_BODY=$(printf '{"id":"doc_8f2c","pages":3,"amount":129.95,"note":"%s"}' "$(head -c 960 /dev/zero | tr '\0' x)")
    BENCH_SIGNATURE=$(printf %s "$BENCH_BODY" | openssl dgst -sha256 -hmac bench -r | cut -d' ' -f1)
    export BENCH_BODY BENCH_SIGNATURE
    rounds inbound_round
    figure "inbound c=64, 1 KB with HMAC / ingest c=64" "$(ratio inbound publish)" ">= 0.8" "$(told inbound publish inbound_p99_ms)"
    empty_tables
}
