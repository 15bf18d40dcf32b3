#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Rolling the log up, and asking for charts and gaps.
# A part of tests/bench/run, which reads it.
# shellcheck disable=SC2154 # what run has set

# ask PATH N -> "p50_ms p95_ms" of so many requests of the largest tenant, one after the other.
ask() {
    largest=$(awk '$1 == 1 {print $3}' "$work/tenants")
    for _ in $(seq "$2"); do
        curl -fsS -o /dev/null -w '%{time_total}\n' "$api$1" -H "authorization: Bearer $largest"
    done | sort -g | awk '{v[NR] = $1 * 1000} END {print v[int(NR / 2) + 1], v[int(NR * 0.95) + 1]}'
}

# Rolls all of the log up, as workers would if nothing else were to do, then asks for charts and gaps.
bench_stats() {
    seed_log
    begin=$(date +%s)
    until [ "$(psql -qtAX -c "SELECT settled_to > now() - interval '1 minute' AND least(attempts_to, events_to) >= settled_to
                              FROM hookline.stat_progress")" = t ]; do
        PGOPTIONS='-c search_path=hookline -c TimeZone=UTC -c enable_seqscan=off -c enable_sort=off -c work_mem=32MB -c jit=off' \
            psql -qtAX -c "SELECT stat_step(0, 10000, 5000, '{2,90,400}')" >/dev/null
    done
    size=$(psql -qtAX -c "SELECT count(*) || ' pages of ' || pg_size_pretty(sum(pg_column_size(s.*))) || ', ' || pg_size_pretty(pg_total_relation_size('hookline.stat_page'))
                            FROM hookline.stat_page s")
    figure "rolling up the log, s" "$(($(date +%s) - begin))" "-" "$size"
    psql -q -c 'VACUUM ANALYZE hookline.stat_page'
    since=$(date -u -d '89 days ago' +%Y-%m-%dT%H:%M:%SZ)
    for query in "stats?since=$since" "stats?since=$since&group_by=app" "stats?since=$since&group_by=subscription" \
        "stats?interval=hour" "gaps?limit=50" "gaps?limit=50&since=$since" "gaps/hours"; do
        ask "/v1/$query" 3 >/dev/null
        took=$(ask "/v1/$query" 40)
        figure "GET /v1/$query, p95 ms" "$(field "$took" 2)" "<= 20 for stats, <= 50 for gaps" "p50 $(field "$took" 1) ms"
    done
    steady=$(PGOPTIONS='-c search_path=hookline -c TimeZone=UTC' psql -qtAX -v ON_ERROR_STOP=1 -f "$here/stat_steady.sql")
    figure "roll-ups at 1,000 attempts/s, % of a core" "${steady%% *}" "<= 5" "${steady#* }"
}
