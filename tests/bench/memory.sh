#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Resident memory: of the API with 256 connections, of a worker with as much as goes, and of one with 1,000 https hosts.
# A part of tests/bench/run, which reads it.
# shellcheck disable=SC2154 # what run has set

bench_memory() {
    stop api
    start_api
    empty_tables
    load "$api/v1/events" 256 >/dev/null
    figure "RSS of the API at 256 connections, MB" "$(rss_mb api)" "<= 14" "" 0
    start_worker
    sink_wait "$(psql -qtAX -c 'SELECT count(*) FROM hookline.message')" 120
    figure "RSS of the worker at saturation, MB" "$(rss_mb worker)" "<= 40" "128 in flight" 0
    stop_worker

    plain_sink=$sink
    start_tls_sinker
    seq -f "https://%%s-%g.bench.example:${sink##*:}/hook" 50 >"$work/urls"
    companies hosts 20 >"$work/hosts"
    seed_companies "$work/urls" <"$work/hosts"
    start_worker "$names"
    for n in 1 2 3; do
        sed "s/.*\t\(hosts-.*\)/$BENCH_KEY\t\/v1\/events\t{\"event_type\":\"document.uploaded\",\"company\":\"\1\",\"payload\":{}}/" "$work/hosts" |
            post_many >/dev/null
        sink_wait $((n * 1000))
    done
    figure "RSS of the worker with 1,000 https hosts, MB" "$(rss_mb worker)" "<= 160" \
        "$(ss -Htn state established "( dport = :${sink##*:} )" | wc -l) connections kept" 0
    stop_worker
    sink=$plain_sink
}
