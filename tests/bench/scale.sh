#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What a million messages cost, from POST /v1/events to the receiver and recorded, as work grows: one JSON line for each case, and a
# Markdown table of all on stderr. BENCH_SCALE="CASE ..." measures these alone; with BENCH_FROM=DIR (a log of 10 million) the case is history.
# A part of tests/bench/run, which reads it.
# shellcheck disable=SC2153,SC2154 # what run has set

# A slow disk is commit_delay: whoever flushes the log waits 5 ms first, and others' commits wait with it, as for a disk that takes as long.
# It needs no device and no privilege, and the server's code before and behind it is as always.
slow_disk_us=5000

scale_cases='base api-threads-2 api-threads-4 api-processes-2 api-processes-4 workers-2 workers-4 fan-out-10 batches-of-100
    subscriptions-10000 tenants-1000 payload-100 payload-1000 payload-10000 payload-100000 slow-disk'

# scale_case NAME - sets up what is different, measures, and takes it away.
scale_case() {
    n_workers=1
    per_event=1
    per_request=1
    scale_seconds=$seconds
    case $1 in
    base | history) ;;
    api-threads-*) restart_api 1 "${1##*-}" ;;
    api-processes-*) restart_api "${1##*-}" 1 ;;
    workers-*) n_workers=${1##*-} ;;
    fan-out-10)
        # shellcheck disable=SC2046 # ten times the same
        seed_company scale-ten $(seq -f "$sink/hook?n=%g" 10)
        export BENCH_COMPANY=scale-ten
        per_event=10
        ;;
    batches-of-100)
        export BENCH_BATCH=100
        per_request=100
        ;;
    subscriptions-*) seed_many_companies "${1##*-}" && export BENCH_COMPANY=many BENCH_COMPANIES="${1##*-}" ;;
    tenants-*)
        seed_many_tenants "${1##*-}" && export BENCH_KEYS="$work/keys"
        seconds=$((4 * seconds)) # so that keys are asked for again, as they are all day
        ;;
    payload-*) export BENCH_PAYLOAD_BYTES="${1##*-}" ;;
    slow-disk) set_postgres "commit_delay = $slow_disk_us" 'commit_siblings = 0' ;;
    *) say "no case $1; there are: $scale_cases history"; exit 2 ;;
    esac
    scale_measure "$1"
    unset BENCH_COMPANY BENCH_COMPANIES BENCH_KEYS BENCH_PAYLOAD_BYTES BENCH_BATCH
    seconds=$scale_seconds
    set_postgres 'commit_delay = 0' 'commit_siblings = 5'
    case $1 in api-*) restart_api 1 1 ;; esac
}

# restart_api PROCESSES THREADS
restart_api() {
    stop api
    export HOOKLINE_API_THREADS="$2"
    for _ in $(seq "$1"); do start_api; done
    unset HOOKLINE_API_THREADS
}

# seed_many_companies N - many-00000 and so on, each with an app and a subscription: these by REST, because they have secrets; the rest
# by SQL, because it takes a third of the time.
seed_many_companies() {
    psql -qtAX -F '	' -v n="$1" -v key="$admin" -v sink="$sink" -v tenant="$(jq -r .id "$work/tenant")" <<'END' | post_many >/dev/null
SET search_path = hookline;
CREATE TEMP TABLE seed AS
SELECT tenant_id, 'many-' || lpad(n::text, 5, '0') AS name, uuid_v7() AS app_id, uuid_v7() AS company_id, uuid_v7() AS connection_id
  FROM generate_series(0, :n - 1) n, (SELECT :'tenant'::uuid AS tenant_id) t;
INSERT INTO company (tenant_id, id, external_id, name) SELECT tenant_id, company_id, name, name FROM seed;
INSERT INTO app (tenant_id, id, partner, name) SELECT tenant_id, app_id, name, name FROM seed;
INSERT INTO connection (tenant_id, id, app_id, company_id, state, active_since)
SELECT tenant_id, connection_id, app_id, company_id, 'active', now() FROM seed;
INSERT INTO connection_values (tenant_id, connection_id, version, "values") SELECT tenant_id, connection_id, 1, '{}' FROM seed;
ANALYZE company, app, connection, connection_values;
SELECT :'key', '/v1/apps/' || app_id || '/subscriptions', '{"url":"' || :'sink' || '/hook","event_types":["document.uploaded"]}' FROM seed;
END
}

# seed_many_tenants N - each as the one of seed; the keys that publish in $work/keys.
seed_many_tenants() {
    seq -f "$operator	/v1/tenants	{\"name\":\"scale-%g\",\"allow_http\":true}" "$1" | post_many | jq -r .admin_key >"$work/admins"
    sed 's/$/\t\/v1\/keys\t{"name":"producer","role":"producer"}/' "$work/admins" | post_many | jq -r .key >"$work/keys"
    sed 's/$/\t\/v1\/event_types\t{"name":"document.uploaded"}/' "$work/admins" | post_many >/dev/null
    echo "$sink/hook" >"$work/urls"
    sed 's/$/\tbench/' "$work/admins" | seed_companies "$work/urls"
}

# Bytes of what stays of events: not the queue, which is empty then.
history_bytes() {
    psql -qtAX -c "SELECT sum(pg_total_relation_size(c.oid)) FROM pg_class c
        WHERE c.relnamespace = 'hookline'::regnamespace AND c.relkind = 'r' AND c.relname ~ '^(event|message|attempt|skip)(_key|_[0-9]{4}w[0-9]+)?\$'"
}

# Whether nothing waits of what was published here: a log of BENCH_FROM has its own retries.
nothing_waits() {
    [ "$(psql -qtAX -c "SELECT NOT EXISTS (SELECT FROM hookline.queue
        WHERE message_id > hookline.uuid_v7_floor(now() - interval '10 minutes'))")" = t ]
}

# Whether the API takes events in: not while what waits in a log of BENCH_FROM is late.
takes_events() { post "$BENCH_KEY" /v1/events '{"event_type":"document.uploaded","company":"bench","payload":{}}'; }

# Whether no tenant waits to be looked at for what is to be forgotten: that is once an hour, and at once for those that are new.
retention_rests() {
    [ "$(psql -qtAX -c "SELECT count(*) FILTER (WHERE r.due_at > now()) = count(*) FROM hookline.tenant t
        LEFT JOIN hookline.retention r USING (tenant_id) WHERE t.tenant_id <> hookline.installation_id()")" = t ]
}

scale_measure() {
    [ -n "${BENCH_FROM:-}" ] || empty_tables
    for _ in $(seq "$n_workers"); do start_worker; done
    wait_for takes_events 60
    warm_up
    wait_for nothing_waits
    [ -n "${BENCH_FROM:-}" ] || wait_for retention_rests 300 # what is old is forgotten for longer than that
    [ -n "${BENCH_FROM:-}" ] || empty_tables
    sink_reset
    : >"$work/round"
    bytes_began=$(history_bytes)
    before=$(ticks)
    began_ns=$(now_ns)
    meter api worker postgres
    note_load requests "$(load "$api/v1/events" 64)"
    n_messages=$((n_requests * per_request * per_event))
    sink_wait "$n_messages" 300
    wait_for nothing_waits
    took_s=$(seconds_since "$began_ns")
    read_meter us "$n_messages"
    stop_worker
    jq -cn --arg name "$1" --argjson n "$n_messages" --argjson took "$took_s" --argjson api "$(this_round us_api_cpu)" \
        --argjson worker "$(this_round us_worker_cpu)" --argjson postgres "$(this_round us_postgres_cpu)" --argjson wal "$(this_round us_wal)" \
        --argjson bytes "$(($(history_bytes) - bytes_began))" --argjson steal "$(steal_since "$before")" \
        '{case: $name, messages: $n, messages_per_s: ($n / $took | round), api_cpu_s: $api, worker_cpu_s: $worker, postgres_cpu_s: $postgres,
          wal_mb: $wal, table_mb: ($bytes / $n | round), steal_percent: $steal}' | tee -a "$work/scale"
}

scale_table() {
    echo '| a million messages | messages/s here | API, CPU s | worker, CPU s | PostgreSQL, CPU s | WAL, MB | tables, MB |'
    echo '| --- | --- | --- | --- | --- | --- | --- |'
    jq -r '"| \(.case) | \(.messages_per_s) | \(.api_cpu_s) | \(.worker_cpu_s) | \(.postgres_cpu_s) | \(.wal_mb) | \(.table_mb) |"' "$work/scale"
}

bench_scale() {
    cases=${BENCH_SCALE:-$scale_cases}
    [ -z "${BENCH_FROM:-}" ] || cases=history
    for case in $cases; do scale_case "$case"; done
    scale_table >&2
    [ -z "${BENCH_TABLE:-}" ] || scale_table >"$BENCH_TABLE"
}
