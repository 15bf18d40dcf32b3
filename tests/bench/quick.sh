#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The regression guard: what an event and a message cost, beside quick.json, which is committed. Prints what moved by more than 15 % and fails
# then. `tests/bench/run quick --record` writes the file.
#
# CPU time, not time, and the least of some rounds: neighbours can only add to it. As multiples of yardsticks that they slow down as much: for a
# request the raw handler's CPU, for a message the receiver's, for what PostgreSQL does for an event a row that it makes by itself. Bytes are as they are.
# A part of tests/bench/run, which reads it.
# shellcheck disable=SC2154,SC2034 # what run has set; what measure.sh reads

most_moved=15 # percent
quick_rounds=5

# quick_load NAME EVENTS_PER_REQUEST CONNECTIONS - notes NAME_api_cpu, NAME_postgres_cpu and NAME_wal of each event.
quick_load() {
    meter api postgres
    note_load "$1" "$(BENCH_BATCH=$2 load "$api/v1/events" "$3")"
    read_meter "$1" "$((n_requests * $2))"
}

# insert_rows N - in one statement.
insert_rows() {
    psql -q -c 'SET client_min_messages = warning' -c 'DROP TABLE IF EXISTS public.yardstick' \
        -c 'CREATE TABLE public.yardstick (id uuid PRIMARY KEY, body text)' \
        -c "INSERT INTO public.yardstick SELECT md5(n::text)::uuid, repeat('x', 560) FROM generate_series(1, $1) n"
}

quick_round() {
    empty_tables
    meter raw
    note_load raw "$(BENCH_SAME=1 load "$raw/v1/events" 64)"
    read_meter yardstick "$n_requests"
    meter postgres
    insert_rows 200000
    read_meter yardstick 200000
    quick_load single 1 64
    quick_load batch 100 1
    deliver_backlog message 1 "$(psql -qtAX -c 'SELECT count(*) FROM hookline.queue')"
}

# of A B - the least of A / the least of B.
of() { divide "$(least "$1")" "$(least "$2")"; }

# The guarded figures: name, and how it is made of the notes.
quick_figures() {
    cat <<END
api_event $(of single_api_cpu yardstick_raw_cpu)
api_event_of_100 $(of batch_api_cpu yardstick_raw_cpu)
postgres_event $(of single_postgres_cpu yardstick_postgres_cpu)
postgres_event_of_100 $(of batch_postgres_cpu yardstick_postgres_cpu)
worker_message $(of us_message_worker_cpu us_message_sinker_cpu)
postgres_message $(of us_message_postgres_cpu us_message_sinker_cpu)
wal_event $(least single_wal)
wal_message $(least us_message_wal)
api_rss_mb $(rss_mb api)
END
}

bench_quick() {
    seconds=2
    rounds=$quick_rounds
    start_raw
    seconds=1 load "$api/v1/events" 16 >/dev/null
    rounds quick_round
    quick_figures | jq -R 'split(" ") | {(.[0]): .[1] | tonumber}' | jq -s add >"$work/quick.json"
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
    say "at a load of $(cut -d' ' -f1 /proc/loadavg), this bench's own 3 included: above 6 measure again before you believe it"
    exit 1
}
