#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The log of 10 million attempts: pages, messages and explanations by HTTP, one after the other on one connection, then 1,000 events/s
# alone and beside searches, in turns. seed-log makes the log alone, for BENCH_KEEP.
# A part of tests/bench/run, which reads it.
# shellcheck disable=SC2154 # what run has set

# Queries of docs/query-language.md, each a page of 50 of a large tenant, a middling one and a small one.
log_queries() {
    cat <<'END'

status:failed
status:failed code:5xx since:7d
status:pending
status:failed,cancelled,held company:c3
-status:succeeded
company:"Company 3 BV"
company:c4 status:failed code:5xx since:30d
company:c2 type:order.* -code:2xx
type:order.created
type:contact.* error:timeout
code:404,410
code:none since:24h
error:tls attempts:>=3
latency:>5s
latency:<20ms code:2xx
attempts:>=5 status:succeeded
until:30d status:failed
since:60d until:59d type:invoice.paid
trace:4bf92f3577b34da6a3ce929d0e0e4736
external_id:nothing
origin:resend
path:"$.order.amount > 49999" since:30d
END
}

tenant_key() { awk -v rank="$1" '$1 == rank {print $3}' "$work/tenants"; }
query_path() { printf '/v1/messages?q=%s' "$(printf '%s' "$1" | jq -sRr @uri)"; }

# request KEY PATH - as curl's configuration has it.
request() {
    printf 'url = "%s%s"\nheader = "authorization: Bearer %s"\noutput = /dev/null\nwrite-out = "%%{time_total}\\n"\nfail\nnext\n' \
        "$api" "$2" "$1"
}

# log_times - milliseconds of the requests of stdin, one after the other on one connection.
log_times() { sed '$d' | curl -sS -K - "$@" | awk '{print $1 * 1000}'; }

# Of the log's own statements a connection has each planned and its tables known: as in real life, after the first request.
log_figure() { # NAME ACCEPTED FILE
    figure "log: $1, p95 ms" "$(p95 <"$3")" "$2" "median $(median <"$3") ms of $(wc -l <"$3")" 0
}

bench_log_queries() {
    : >"$work/log_all"
    while IFS= read -r query; do
        : >"$work/log_times"
        for rank in $log_ranks; do
            key=$(tenant_key "$rank")
            request "$key" "$(query_path "$query")" | log_times >/dev/null
            for _ in $(seq "${BENCH_LOG_REQUESTS:-12}"); do request "$key" "$(query_path "$query")"; done | log_times >>"$work/log_times"
        done
        cat "$work/log_times" >>"$work/log_all"
        log_figure "${query:-everything}" "<= 50" "$work/log_times"
    done <<END
$(log_queries)
END
    log_figure "all queries of tenants $log_ranks by size" "<= 50" "$work/log_all"
}

# log_of_each PATH COLUMN N - PATH with the column of each of the N newest messages for %s, of each tenant.
log_of_each() {
    for rank in $log_ranks; do
        key=$(tenant_key "$rank")
        curl -fsS -H "authorization: Bearer $key" "$api/v1/messages?limit=$3" | jq -r ".data[].$2" >"$work/log_ids"
        { head -5 "$work/log_ids"; cat "$work/log_ids"; } | while read -r id; do request "$key" "${1%%%s*}$id${1#*%s}"; done |
            log_times | tail -n +6
    done
}

bench_log_each() {
    log_of_each '/v1/messages/%s' id 100 >"$work/log_times"
    log_figure "a message by its id" "<= 5" "$work/log_times"
    log_of_each '/v1/events/%s/explain' event_id 40 >"$work/log_times"
    log_figure "an event explained" "<= 20" "$work/log_times"
    for _ in $(seq 20); do request "$(tenant_key 1)" '/v1/messages/count?q=status:succeeded'; done | log_times >"$work/log_times"
    log_figure "a count that ends in 10,000+" "<= 100" "$work/log_times"
}

# The same events alone and beside searches, in turns. The searches: BENCH_LOG_RATE a second of all queries and tenants.
bench_log_flow() {
    rate=${BENCH_LOG_RATE:-10}
    start_worker
    flow >/dev/null
    : >"$work/flow_ratios"; : >"$work/flow_times"
    log_queries | while IFS= read -r query; do
        for rank in $log_ranks; do request "$(tenant_key "$rank")" "$(query_path "$query")"; done
    done >"$work/flow_requests"
    before=$(ticks)
    for round in $(seq "$rounds"); do
        alone=$(flow)
        # As many as are asked in that time; each round goes on where the last one ended. A request is six lines.
        awk -v from="$(((round - 1) * seconds * rate))" -v n="$((seconds * rate))" '{ line[NR - 1] = $0 }
            END { for (i = from * 6; i < (from + n) * 6; i++) print line[i % NR] }' "$work/flow_requests" |
            log_times --rate "$rate/s" >>"$work/flow_times" &
        searcher=$!
        beside=$(flow)
        wait "$searcher"
        say "round $round: events/s, e2e p50, p99 ms: alone $alone | beside searches $beside"
        divide "$(field "$beside" 3)" "$(field "$alone" 3)" >>"$work/flow_ratios"
    done
    steal=$(steal_since "$before")
    figure "log: e2e p99 of 1,000 events/s beside searches / alone" "$(median <"$work/flow_ratios")" "<= 1.5" \
        "last round, events/s p50 p99 ms: alone $alone, beside $beside" "$steal"
    log_figure "all queries beside 1,000 events/s" "<= 50" "$work/flow_times"
    stop_worker
}

bench_log() {
    seed_log
    log_ranks='1 10 40'
    bench_log_queries
    bench_log_each
    bench_log_flow
    figures_table "$work/figures" >&2
}

