#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# CPU time of the primary while events flow: alone, beside searches of the log, and beside the same searches with a read replica, in turns.
# The log: BENCH_REPLICA_ATTEMPTS (300000) attempts; BENCH_LOG_RATE (10) searches a second.
# A part of tests/bench/run, which reads it.
# shellcheck disable=SC2154 # what run has set

# As docs/operations.md has it.
start_standby() {
    psql -q -c 'CREATE ROLE replicator LOGIN REPLICATION' -c "SELECT pg_create_physical_replication_slot('log')" >/dev/null
    as_postgres pg_basebackup -h "$work" -U replicator -D "$work/standby" -R -X stream -S log -c fast
    echo 'hot_standby_feedback = on' >>"$work/standby/postgresql.auto.conf"
    as_postgres mkdir "$work/standby.socket"
    as_postgres pg_ctl -s -w -D "$work/standby" -l "$work/standby.log" -o "-c listen_addresses='' \
        -c unix_socket_directories=$work/standby.socket -c shared_buffers=1GB -c max_wal_size=4GB -c max_connections=200" start
    started standby "$(head -1 "$work/standby/postmaster.pid")"
}

# An API process that knows of the replica, instead of the one that does not; or the other way round.
use_replica() {
    stop api
    rm -f "$work/api.log"
    HOOKLINE_REPLICAS="$1" start_api
    sed -i "s|http://127.0.0.1:[0-9]*|$api|" "$work/flow_requests" # another port
    [ -z "$1" ] || wait_for "grep -q replica.joined $work/api.log"
}

# replica_flow NAME N_SEARCHES - events for $seconds, and so many searches beside them.
replica_flow() {
    empty_flow >/dev/null
    meter postgres standby api
    if [ "$2" -gt 0 ]; then
        head -n "$(($2 * 6))" "$work/flow_requests" | log_times --rate "$((${BENCH_LOG_RATE:-10}))/s" >/dev/null &
        searcher=$!
    fi
    seen=$(flow)
    [ "$2" = 0 ] || wait "$searcher"
    read_meter "$1" "$(awk -v rate="$(field "$seen" 1)" -v s="$seconds" 'BEGIN {printf "%d", rate * s}')"
}

# The first requests of a new API process cost more.
empty_flow() { BENCH_DELAY_MS=45 seconds=1 load "$api/v1/events" 50; }

replica_round() {
    n_searches=$((seconds * ${BENCH_LOG_RATE:-10}))
    use_replica ''
    replica_flow alone 0
    replica_flow beside "$n_searches"
    use_replica "default host=$work/standby.socket dbname=bench"
    replica_flow replica "$n_searches"
}

bench_replica() {
    BENCH_LOG_ATTEMPTS=${BENCH_REPLICA_ATTEMPTS:-300000} seed_log
    log_ranks='1 10 40'
    n_wanted=$((seconds * ${BENCH_LOG_RATE:-10}))
    while [ "$(grep -c '^next' "$work/flow_requests" 2>/dev/null || echo 0)" -lt "$n_wanted" ]; do
        log_queries | while IFS= read -r query; do
            for rank in $log_ranks; do request "$(tenant_key "$rank")" "$(query_path "$query")"; done
        done >>"$work/flow_requests"
    done
    start_worker
    start_standby
    rounds replica_round
    figure "CPU time of the primary per event beside searches / alone" "$(ratio beside_postgres_cpu alone_postgres_cpu)" "" \
        "$(told alone_postgres_cpu beside_postgres_cpu)"
    figure "the same with a read replica" "$(ratio replica_postgres_cpu alone_postgres_cpu)" "" \
        "$(told replica_postgres_cpu replica_standby_cpu)"
    stop_worker
    as_postgres pg_ctl -s -m immediate -D "$work/standby" stop
}
