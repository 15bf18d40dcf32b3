#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Tenants, events and backlogs to measure with, and the yardsticks. A part of tests/bench/run, which reads it.
# shellcheck disable=SC2154,SC2034 # what run and the benches have set; what they read

# post KEY PATH BODY - to the API; prints the answer.
post() { curl -fsS -X POST "$api$2" -H "authorization: Bearer $1" -H 'content-type: application/json' -d "$3"; }

# A tenant with a company, an app, and one subscription: /hook of the sinker. $admin, $app, and $BENCH_KEY, which publishes.
seed() {
    operator=$("$bin/hookline" keys create --role operator)
    post "$operator" /v1/tenants '{"name":"bench","allow_http":true}' >"$work/tenant"
    admin=$(jq -r .admin_key "$work/tenant")
    curl -fsS -X PATCH "$api/v1/tenants/$(jq -r .id "$work/tenant")" -H "authorization: Bearer $operator" \
        -H 'content-type: application/json' -d '{"quotas":{"apps":100000,"subscriptions":100000}}' >/dev/null
    BENCH_KEY=$(post "$admin" /v1/keys '{"name":"producer","role":"producer"}' | jq -r .key)
    export BENCH_KEY
    post "$admin" /v1/event_types '{"name":"document.uploaded"}' >/dev/null
    seed_company bench "$sink/hook"
}

# post_many - KEY, PATH and BODY a line, with tabs between, all on one connection; prints the answers.
post_many() {
    awk -F '\t' -v api="$api" '{
        gsub(/"/, "\\\"", $3)
        if (NR > 1) print "next"
        printf "url = \"%s%s\"\nheader = \"authorization: Bearer %s\"\nheader = \"content-type: application/json\"\ndata = \"%s\"\nfail\n",
            api, $2, $1, $3 }' | curl -sS --fail-early -K -
}

# seed_company COMPANY URL... - a company, and an app with these subscriptions, to which it alone is connected: $app.
seed_company() {
    for name in "$@"; do echo "$name"; done | sed 1d >"$work/urls"
    printf '%s\t%s\n' "$admin" "$1" >"$work/company"
    seed_companies "$work/urls" <"$work/company"
    app=$(cut -f5 "$work/apps")
}

# seed_companies URLS - of each line of stdin, "KEY COMPANY" with a tab between, as above, with the subscriptions whose URLs the file has;
# %s in them is the company. Each app has a partner of its own, because the apps of one are limited.
seed_companies() {
    sed 's/\(.*\)\t\(.*\)/\1\t\2\t{"external_id":"\2","name":"\2"}\t{"name":"\2","partner":"\2"}/' >"$work/companies"
    awk -F '\t' '{print $1 "\t/v1/companies\t" $3}' "$work/companies" | post_many >/dev/null
    awk -F '\t' '{print $1 "\t/v1/apps\t" $4}' "$work/companies" | post_many | jq -r .id | paste "$work/companies" - >"$work/apps"
    awk -F '\t' '{print $1 "\t/v1/apps/" $5 "/connections\t{\"companies\":[{\"company\":\"" $2 "\"}]}"}' "$work/apps" | post_many >/dev/null
    awk -F '\t' 'NR == FNR {urls[NR] = $0; n = NR; next}
        {for (i = 1; i <= n; i++) {
            url = urls[i]
            gsub(/%s/, $2, url)
            print $1 "\t/v1/apps/" $5 "/subscriptions\t{\"url\":\"" url "\",\"event_types\":[\"document.uploaded\"]}"
        }}' "$1" "$work/apps" | post_many >/dev/null
}

# companies NAME N - NAME-00000 and so on of the tenant of seed, as BENCH_COMPANY=NAME BENCH_COMPANIES=N publish them; for seed_companies.
companies() { seq -f "$admin	$1-%05g" 0 $(($2 - 1)); }

# Nothing has been published; statistics and plans stay.
empty_tables() {
    psql -q -c 'TRUNCATE hookline.event, hookline.message, hookline.queue, hookline.attempt, hookline.skip, hookline.event_key' \
        -c CHECKPOINT
}

# load URL CONNECTIONS [SCRIPT] -> "rps p50_us p99_us requests errors"; BENCH_* of publish.lua counts.
load() { wrk -t1 -c"$2" -d"${seconds}s" --timeout 10s -s "$here/${3:-publish}.lua" "$1" | sed -n 's/^WRK //p'; }

# note_load NAME "rps p50_us p99_us requests errors" - notes requests/s as NAME; n_requests says how many they were.
note_load() {
    note "$1" "$(field "$2" 1)"
    note "$1_p99_ms" "$(field "$2" 3 | awk '{printf "%.1f", $1 / 1000}')"
    n_requests=$(field "$2" 4)
    [ "$(field "$2" 5)" = 0 ] || say "$1 had errors: $2"
}

# pgbench_insert CONNECTIONS -> transactions/s, each of them one row of 560 bytes.
pgbench_insert() {
    psql -q -c 'SET client_min_messages = warning' -c 'DROP TABLE IF EXISTS public.yardstick' -c 'CREATE TABLE public.yardstick (id bigserial PRIMARY KEY, body text)'
    printf "INSERT INTO public.yardstick (body) VALUES ('%s');\n" "$(head -c 560 /dev/zero | tr '\0' x)" >"$work/insert.sql"
    pgbench -n -M prepared -c "$1" -j 1 -T "$seconds" -f "$work/insert.sql" 2>/dev/null | sed -n 's/^tps = \([0-9]*\).*/\1/p'
}

# What the receiver got at /hook and below.
sink_stats() { curl -fsk "$sink/_sinker/stats?prefix=/hook"; }
received() { sink_stats | jq .requests; }
sink_reset() { curl -fsk -X POST "$sink/_sinker/reset" >/dev/null; }

# sink_wait N [SECONDS] - until it got that many at /hook; ends the bench when it did not.
sink_wait() {
    curl -fsk "$sink/_sinker/wait?path=/hook&count=$1&timeout_ms=$((${2:-60} * 1000))" | jq -e .reached >/dev/null ||
        { say "of $1 messages came $(received)"; exit 1; }
}

# Plans, connections and buffers as after a while: events for a second, delivered when there is a worker.
warm_up() {
    n_warm=$(field "$(seconds=1 load "$api/v1/events" 32)" 4)
    [ -z "$(pids worker)" ] || sink_wait "$n_warm"
    sink_reset
}

# Whether all that was delivered is recorded.
queue_is_empty() { [ "$(psql -qtAX -c 'SELECT NOT EXISTS (SELECT FROM hookline.queue)')" = t ]; }

# publish_and_deliver NAME EVENTS_TO_MESSAGES - publishes for $seconds while a worker delivers, and notes how many messages a second
# were delivered until the last one (NAME).
publish_and_deliver() {
    empty_tables
    sink_reset
    began_ns=$(now_ns)
    n_messages=$(($(field "$(load "$api/v1/events" 64)" 4) * $2))
    sink_wait "$n_messages" 120
    note "$1" "$(divide "$n_messages" "$(seconds_since "$began_ns")")"
}

# deliver_backlog NAME WORKERS N [LIBRARY] - new workers deliver the N messages that wait. Notes what came a second, but for the first
# 1,000 (NAME), what that is for each second of CPU of the workers (NAME_per_core), and all of CPU and WAL a message (us_NAME_...).
deliver_backlog() {
    sink_reset
    [ "$3" -gt 2000 ] || { say "$3 messages are too few to measure with"; exit 1; }
    for _ in $(seq "$2"); do start_worker "${4:-}"; done
    meter worker postgres sinker
    sink_wait 1000
    began_ns=$(now_ns)
    sink_wait "$3" 120
    took_s=$(seconds_since "$began_ns")
    read_meter "us_$1" "$3"
    stop_worker
    note "$1" "$(divide "$(($3 - 1000))" "$took_s")"
    note "$1_per_core" "$(awk -v us="$(this_round "us_$1_worker_cpu")" 'BEGIN {printf "%.0f", 1e6 / us}')"
}
