#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Rounds, ratios, CPU time and figures. A part of tests/bench/run, which reads it.
#
# A bench measures both sides of a ratio in one function, notes what it saw, and makes figures of the notes of all rounds:
#
#     ingest_round() { empty_tables; note_load raw "$(load "$raw/v1/events" 64)"; note_load ingest "$(load "$api/v1/events" 64)"; }
#     rounds ingest_round
#     figure "ingest / raw" "$(ratio ingest raw)" ">= 0.20" "$(told ingest raw)"
# shellcheck disable=SC2154,SC2034 # what run and the benches have set; what they read

most_steal=10 # percent of the machine's time that its host gave to others: such a round says nothing

field() { printf '%s\n' "$1" | awk -v n="$2" '{print $n}'; }
median() { sort -g | awk '{v[NR]=$1} END {print NR ? v[int((NR+1)/2)] : 0}'; }
p95() { sort -g | awk '{v[NR] = $1} END {i = int(NR * 0.95 + 0.999); print (NR ? v[i] : 0)}'; }
divide() { awk -v a="$1" -v b="$2" 'BEGIN {printf "%.3f\n", (b > 0 ? a/b : 0)}'; }
now_ns() { date +%s%N; }
# seconds_since NS
seconds_since() { awk -v from="$1" -v to="$(now_ns)" 'BEGIN {printf "%.3f\n", (to - from) / 1e9}'; }

ticks() { awk '/^cpu /{t=0; for (i=2;i<=9;i++) t+=$i; print t, $9}' /proc/stat; }
steal_since() { ticks | awk -v old="$1" '{split(old,o," "); d=$1-o[1]; printf "%.1f\n", (d > 0 ? 100*($2-o[2])/d : 0)}'; }

# ---- rounds and what they note ----

# rounds COMMAND... - BENCH_ROUNDS times. A round with too much steal is thrown away and repeated, BENCH_REPEATS (3) times in all.
rounds() {
    : >"$work/notes"
    n_repeats=${BENCH_REPEATS:-3}
    n_rounds=0
    while [ "$n_rounds" -lt "$rounds" ]; do
        : >"$work/round"
        round_began=$(ticks)
        "$@"
        stolen=$(steal_since "$round_began")
        note steal "$stolen"
        say "round $((n_rounds + 1)): $(awk '{printf "%s%s %s", (NR > 1 ? ", " : ""), $1, $2}' "$work/round")"
        if [ "${stolen%.*}" -ge "$most_steal" ] && [ "$n_repeats" -gt 0 ]; then
            n_repeats=$((n_repeats - 1))
            say "  repeated: $stolen % steal"
            continue
        fi
        cat "$work/round" >>"$work/notes"
        n_rounds=$((n_rounds + 1))
    done
    steal=$(noted steal)
}

# note NAME VALUE - once a round.
note() { echo "$1 $2" >>"$work/round"; }

# this_round NAME - its value.
this_round() { awk -v name="$1" '$1 == name {print $2}' "$work/round"; }

# noted NAME - its median. least NAME. told NAME... - its values of all rounds.
noted() { awk -v name="$1" '$1 == name {print $2}' "$work/notes" | median; }
least() { awk -v name="$1" '$1 == name {print $2}' "$work/notes" | sort -g | head -1; }
told() {
    for told_name in "$@"; do
        awk -v name="$told_name" '$1 == name {all = all " " $2} END {printf "%s%s; ", name, all}' "$work/notes"
    done | sed 's/; $//'
}

# ratio A B [FACTOR] - the median of what A and B of the same round make of each other.
ratio() {
    awk -v a="$1" -v b="$2" -v factor="${3:-1}" '$1 == a {x[++n] = $2} $1 == b {y[++m] = $2}
        END {for (i = 1; i <= n; i++) printf "%.4f\n", (y[i] > 0 ? factor * x[i] / y[i] : 0)}' "$work/notes" | median
}

# ---- CPU time, WAL and memory ----

# cpu_s NAME - seconds that all processes of that name have used so far; those of PostgreSQL: of the server and of all backends,
# those that have ended included.
cpu_s() {
    for pid in $(pids "$1"); do
        if [ "$1" = postgres ] || [ "$1" = standby ]; then
            cat "/proc/$pid/stat" /proc/[0-9]*/stat 2>/dev/null | sed 's/.*) //' |
                awk -v pid="$pid" 'NR == 1 {t += $14 + $15 + $12 + $13} NR > 1 && $2 == pid {t += $12 + $13} END {print t}'
        else
            sed 's/.*) //' "/proc/$pid/stat" | awk '{print $12 + $13}'
        fi
    done | awk -v hz="$(getconf CLK_TCK)" '{t += $1} END {printf "%.2f\n", t / hz}'
}

wal_bytes() { psql -qtAX -c "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')"; }

# meter NAME... - from now on. read_meter PREFIX [N] - notes PREFIX_NAME_cpu, seconds, and PREFIX_wal, bytes, since then;
# with N microseconds and bytes of each of the N events or messages.
meter() {
    for metered in "$@"; do echo "$metered $(cpu_s "$metered")"; done >"$work/meter"
    wal_began=$(wal_bytes)
}
read_meter() {
    wal=$(($(wal_bytes) - wal_began))
    while read -r metered used; do
        note "$1_${metered}_cpu" "$(awk -v from="$used" -v to="$(cpu_s "$metered")" -v n="${2:-0}" \
            'BEGIN {printf "%.2f", (n > 0 ? (to - from) * 1e6 / n : to - from)}')"
    done <"$work/meter"
    note "$1_wal" "$(awk -v wal="$wal" -v n="${2:-0}" 'BEGIN {printf "%.0f", (n > 0 ? wal / n : wal)}')"
}

# rss_mb NAME - of the largest of them.
rss_mb() {
    for pid in $(pids "$1"); do awk '/^VmRSS/{printf "%.1f\n", $2/1024}' "/proc/$pid/status"; done | sort -g | tail -1
}

# ---- what PostgreSQL's log says ----

log_end() { echo $(($(stat -c %s "$work/postgres.log") + 1)); }

# claim_times FROM -> "p50 p99 max count", ms, of the claims in the server's log from that byte on.
claim_times() {
    tail -c "+$1" "$work/postgres.log" | sed -n 's/.*duration: \([0-9.]*\) ms  execute message_claim.*/\1/p' | sort -g |
        awk '{v[NR] = $1} END {print v[int(NR / 2) + 1], v[int(NR * 0.99) + 1], v[NR], NR}'
}

# ---- figures ----

# figure NAME VALUE ACCEPTED DETAIL [STEAL] - one JSON line. Accepted: ">= x", "<= x", or words.
figure() {
    jq -cn --arg name "$1" --argjson value "$2" --arg accepted "$3" --arg detail "$4" --argjson steal "${5:-${steal:-0}}" \
        '{figure:$name,value:$value,accepted:$accepted,steal_percent:$steal,detail:$detail}' | tee -a "$work/figures"
}

# figures_table FILE - Markdown of the lines of figures.
figures_table() {
    echo '| figure | measured | accepted | steal | seen |'
    echo '| --- | --- | --- | --- | --- |'
    jq -r '
        def verdict: (.accepted | capture("^(?<op>[<>]=) (?<bound>[0-9.]+)") // null) as $goal
            | if $goal == null then ""
              elif (if $goal.op == ">=" then .value >= ($goal.bound | tonumber) else .value <= ($goal.bound | tonumber) end) then ""
              else ": **missed**" end;
        "| \(.figure) | \(.value)\(verdict) | \(.accepted) | \(.steal_percent) % | \(.detail) |"' "$1"
}
