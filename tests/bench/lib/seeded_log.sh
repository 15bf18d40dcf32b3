#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The log that log, stats and retention work on: BENCH_LOG_ATTEMPTS (10000000) attempts of 50 tenants over 90 days, and what flows
# beside it. A part of tests/bench/run, which reads it.
# shellcheck disable=SC2154 # what run has set

# The tenants by REST, so that they have keys; all else by SQL.
seed_log() {
    [ -z "${BENCH_FROM:-}" ] || return 0
    begin=$(date +%s)
    log_operator=$("$bin/hookline" keys create --role operator)
    for rank in $(seq 50); do
        post "$log_operator" /v1/tenants "{\"name\":\"log-$rank\",\"allow_http\":true}" |
            jq -r --arg rank "$rank" '[$rank, .id, .admin_key] | @tsv'
    done >"$work/tenants"
    {
        echo 'SET search_path = hookline; CREATE TEMP TABLE seed_tenant (rank integer, tenant_id uuid);'
        awk '{printf "INSERT INTO seed_tenant VALUES (%d, \047%s\047);\n", $1, $2}' "$work/tenants"
        cat "$here/seed_log.sql"
    } | psql -qtAX -v ON_ERROR_STOP=1 -v attempts="${BENCH_LOG_ATTEMPTS:-10000000}" -v days=90 -v sink="$sink" >&2
    say "seeded in $(($(date +%s) - begin)) s"
}

# Stops PostgreSQL and hands its data over.
keep_log() {
    [ -n "${BENCH_KEEP:-}" ] || return 0
    mkdir -p "$BENCH_KEEP"
    as_postgres pg_ctl -s -m fast -D "$work/data" stop
    mv "$work/data" "$work/master_key" "$work/tenants" "$BENCH_KEEP"
    say "kept in $BENCH_KEEP"
}

# flow - 1,000 events/s for a while; prints "events/s e2e_p50_ms e2e_p99_ms".
flow() {
    sink_reset
    published=$(BENCH_DELAY_MS=45 load "$api/v1/events" 50)
    curl -fs "$sink/_sinker/wait?path=/hook&count=$(field "$published" 4)&timeout_ms=10000" >/dev/null
    curl -fs "$sink/_sinker/stats?path=/hook" |
        jq -r --arg rate "$(field "$published" 1)" '[$rate, .latency_us.p50 / 1000, .latency_us.p99 / 1000] | @tsv'
}
