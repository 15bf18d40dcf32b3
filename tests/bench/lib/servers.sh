#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Starting and stopping what is measured: PostgreSQL, API, workers, receivers. A part of tests/bench/run, which reads it.
# Each gets a line "NAME PID" in $work/processes, for measure.sh; stop_all ends them.
# shellcheck disable=SC2154,SC2034 # what run and the benches have set; what they read

as_postgres() {
    if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi
}

# With fsync, as large as a small installation's; settings of a bench's own: set_postgres.
start_postgres() {
    work=$(mktemp -d "${TMPDIR:-/tmp}/hookline-bench.XXXXXX")
    : >"$work/processes"
    [ "$(id -u)" != 0 ] || chown postgres "$work"
    if [ -n "${BENCH_FROM:-}" ]; then
        cp -a --reflink=auto "$BENCH_FROM/data" "$BENCH_FROM/master_key" "$BENCH_FROM/tenants" "$work"
    else
        as_postgres initdb -N -U hookline -A trust -E UTF8 --locale=C.UTF-8 "$work/data" >/dev/null
        "$bin/hookline" keys master >"$work/master_key"
    fi
    as_postgres pg_ctl -s -w -D "$work/data" -l "$work/postgres.log" -o "-c listen_addresses='' \
        -c unix_socket_directories=$work -c shared_buffers=1GB -c min_wal_size=2GB -c max_wal_size=4GB \
        -c autovacuum_naptime=10s -c max_connections=200" start
    export PGHOST="$work" PGUSER=hookline PGDATABASE=bench
    [ -n "${BENCH_FROM:-}" ] || createdb bench
    export HOOKLINE_DATABASE_URL="host=$work dbname=bench user=hookline"
    HOOKLINE_MASTER_KEY=$(cat "$work/master_key")
    export HOOKLINE_MASTER_KEY
    "$bin/hookline" migrate up >/dev/null
    started postgres "$(head -1 "$work/data/postmaster.pid")"
}

# set_postgres 'commit_delay = 5000' ... - for all sessions, at once.
set_postgres() {
    for setting in "$@"; do psql -q -c "ALTER SYSTEM SET $setting"; done
    psql -q -c 'SELECT pg_reload_conf()' >/dev/null
}

stop_all() {
    [ -n "${work:-}" ] || return 0
    awk '$1 != "postgres" {print $2}' "$work/processes" | xargs -r kill 2>/dev/null || true
    wait 2>/dev/null || true
    as_postgres pg_ctl -s -m immediate -D "$work/data" stop 2>/dev/null || true
    rm -rf "$work"
}

# started NAME PID - remembers it.
started() { echo "$1 $2" >>"$work/processes"; }

pids() { awk -v name="$1" '$1 == name {print $2}' "$work/processes"; }

# stop NAME - all processes of that name, and waits until they are gone.
stop() {
    for pid in $(pids "$1"); do
        kill "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    awk -v name="$1" '$1 != name' "$work/processes" >"$work/processes.new"
    mv "$work/processes.new" "$work/processes"
}

# wait_for 'command' [SECONDS] - up to 10 s, or so many.
wait_for() {
    tries=0
    until eval "$1" >/dev/null 2>&1; do
        tries=$((tries + 1))
        [ $tries -lt $((${2:-10} * 20)) ] || { say "gave up waiting for: $1"; exit 1; }
        sleep 0.05
    done
}

# count_instructions START... - starts API or worker under callgrind: instructions NAME says afterwards how many they were.
count_instructions() { under='valgrind --tool=callgrind --callgrind-out-file=/dev/null' "$@"; }
instructions() { sed -n 's/.*Collected : \([0-9]*\).*/\1/p' "$work/$1.log" | tail -1; }

# start_api - and waits until it is ready: $api. What is set in HOOKLINE_API_* counts.
# A second one, and more, listens on the first one's port, too: the kernel shares connections out.
start_api() {
    port=0
    [ -z "$(pids api)" ] || port=${api##*:}
    : >"$work/api.log" # before it is looked at, whatever an earlier one said
    HOOKLINE_API_LISTEN=127.0.0.1:$port ${under:-} "$bin/hookline-api" 2>>"$work/api.log" &
    api_pid=$!
    wait_for "grep -q '\"api.listening\"' $work/api.log"
    started api "$api_pid"
    api=http://127.0.0.1:$(grep '"api.listening"' "$work/api.log" | tail -1 | jq -r .port)
    wait_for "curl -fs $api/readyz"
}

# start_worker [LIBRARY] - which is loaded before all others. What is set in HOOKLINE_WORKER_* counts.
start_worker() {
    LD_PRELOAD="${1:-}" HOOKLINE_WORKER_ALLOWED_NETWORKS=127.0.0.0/8 ${under:-} "$bin/hookline-worker" 2>>"$work/worker.log" &
    started worker $!
}

stop_worker() { stop worker; }

# start_sinker [OPTION...] - the receiver, with https when it has --tls-cert: $sink.
start_sinker() {
    : >"$work/sinker.out"
    "$bin/sinker" --listen 127.0.0.1:0 --record 0 "$@" >"$work/sinker.out" 2>"$work/sinker.log" &
    started sinker $!
    wait_for "grep -q listening $work/sinker.out"
    sink=http://$(jq -r .listening "$work/sinker.out")
    case " $* " in *' --tls-cert '*) sink=https://${sink#http://} ;; esac
}

# start_tls_sinker - for all names of $names, which are this machine, and which workers trust that are started from now on.
start_tls_sinker() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=bench -addext 'subjectAltName=DNS:*.bench.example' \
        -keyout "$work/tls.key" -out "$work/tls.crt" 2>/dev/null
    start_sinker --tls-cert "$work/tls.crt" --tls-key "$work/tls.key"
    export HOOKLINE_WORKER_CA_FILE="$work/tls.crt"
    names=$root/build/release/tests/libbench_names.so
}

start_raw() {
    "$bin/raw_handler" 18099 &
    started raw $!
    raw=http://127.0.0.1:18099
    wait_for "curl -s $raw/"
}
