#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The regression guard: what an event and a message cost, beside quick.json, which is committed. Prints what moved by more than 15 % and fails
# then. `tests/bench/run quick --record` writes the file.
#
# Nothing here goes by the clock, so that neighbours and other machines change little: instructions of API and worker, by callgrind, for a
# number of events that is always the same; bytes of WAL; and PostgreSQL's CPU time as a multiple of what it uses for rows that it makes by
# itself, the least of some rounds, because neighbours can only add to it.
# A part of tests/bench/run, which reads it.
# shellcheck disable=SC2154,SC2034 # what run has set; what measure.sh reads

most_moved=15 # percent
quick_rounds=6
n_single=2000
n_batches=100
n_measured=300 # batches, of what is measured in CPU time

# publish_some EVENTS_PER_REQUEST REQUESTS - on one connection, one after the other, so that each statement has as many.
publish_some() {
    awk -v n_batch="$1" -v n="$2" -v key="$BENCH_KEY" -v salt="$(now_ns)" 'BEGIN {
        for (i = 0; i < 450; i++) note = note sprintf("%c", 97 + (i * i) % 26)
        for (i = 1; i <= n; i++) {
            body = ""
            for (k = 1; k <= n_batch; k++)
                body = body (k > 1 ? "," : "") sprintf("{\"event_type\":\"document.uploaded\",\"company\":\"bench\",\"external_id\":\"upload-%s-%09d\"," \
                    "\"payload\":{\"id\":\"doc_8f2c\",\"pages\":3,\"amount\":129.95,\"note\":\"%s\"}}", salt, i * n_batch + k, note)
            print key "\t/v1/events\t" (n_batch > 1 ? "{\"events\":[" body "]}" : body)
        }}' | post_many >/dev/null
}

# api_instructions EVENTS_PER_REQUEST REQUESTS -> of an event.
api_instructions() {
    count_instructions start_api
    publish_some "$1" "$2"
    stop api
    echo $(($(instructions api) / $1 / $2))
}

# worker_instructions N -> of a message of the N that wait.
worker_instructions() {
    sink_reset
    : >"$work/worker.log"
    count_instructions start_worker
    sink_wait "$1"
    wait_for queue_is_empty
    stop worker
    echo $(($(instructions worker) / $1))
}

# insert_rows N -> microseconds of CPU a row, of the session's own process.
insert_rows() {
    ticks_of_backend="SELECT f[12]::int + f[13]::int FROM string_to_array(split_part(pg_read_file('/proc/self/stat'), ') ', 2), ' ') f"
    psql -qtAX -c 'SET client_min_messages = warning' -c 'DROP TABLE IF EXISTS public.yardstick' \
        -c 'CREATE TABLE public.yardstick (id uuid PRIMARY KEY, body text)' -c "$ticks_of_backend" \
        -c "INSERT INTO public.yardstick SELECT md5(n::text)::uuid, repeat('x', 560) FROM generate_series(1, $1) n" -c "$ticks_of_backend" |
        awk -v n="$1" -v hz="$(getconf CLK_TCK)" '{t = $1 - t} END {printf "%.3f\n", t / hz * 1e6 / n}'
}

quick_round() {
    empty_tables
    note yardstick "$(insert_rows 200000)"
    meter postgres
    publish_some 100 "$n_measured"
    read_meter event $((n_measured * 100))
    deliver_backlog message 1 $((n_measured * 100))
}

# The guarded figures.
quick_figures() {
    cat <<END
{"api_instructions_an_event": $single, "api_instructions_an_event_of_100": $of_100, "worker_instructions_a_message": $message,
 "postgres_cpu_an_event_of_100": $(divide "$(least event_postgres_cpu)" "$(least yardstick)"),
 "postgres_cpu_a_message": $(divide "$(least us_message_postgres_cpu)" "$(least yardstick)"),
 "wal_bytes_an_event": $(least event_wal), "wal_bytes_a_message": $(least us_message_wal), "api_rss_mb": $rss}
END
}

bench_quick() {
    command -v valgrind >/dev/null || { say "quick needs: valgrind"; exit 69; }
    rounds=$quick_rounds
    rounds quick_round
    rss=$(rss_mb api)
    stop api
    empty_tables
    single=$(api_instructions 1 "$n_single")
    of_100=$(api_instructions 100 "$n_batches")
    message=$(worker_instructions $((n_single + n_batches * 100)))
    quick_figures | jq . >"$work/quick.json"
    if [ -n "${record:-}" ]; then
        cp "$work/quick.json" "$here/quick.json"
        say "recorded in tests/bench/quick.json"
        return
    fi
    jq -c --slurpfile recorded "$here/quick.json" 'to_entries[] | . + {recorded: $recorded[0][.key]}
        | {figure: .key, value, recorded, moved_percent: (if .recorded then (100 * (.value / .recorded - 1) | round) else null end)}' \
        "$work/quick.json" | tee "$work/quick"
    jq -r --argjson most "$most_moved" 'select(.moved_percent == null or (.moved_percent | fabs) > $most)
        | "moved: \(.figure) is \(.value), was \(.recorded)"' "$work/quick" >"$work/moved"
    [ -s "$work/moved" ] || return 0
    cat "$work/moved" >&2
    exit 1
}
