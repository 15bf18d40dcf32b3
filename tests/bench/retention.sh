#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# How long claims take while weeks are dropped: a part of tests/bench/run, which reads it.
# shellcheck disable=SC2154 # what run has set

# Parts of weeks that nobody keeps, of those that the log was seeded with.
old_parts() {
    psql -qtAX -c "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relname ~ '^(event|message|attempt|skip)_[0-9]{4}w'
                      AND to_date(right(relname, 7), 'IYYY\"w\"IW') < now() - interval '67 days'"
}

# What is old counts as rolled up: that it was is another figure.
bench_retention() {
    seed_log
    psql -q -c "ALTER ROLE hookline_worker SET log_min_duration_statement = 0" -c "ALTER SYSTEM SET log_checkpoints = on" \
        -c "ALTER SYSTEM SET log_autovacuum_min_duration = '100ms'" -c "SELECT pg_reload_conf()" >/dev/null
    start_worker
    flow >/dev/null
    from=$(log_end)
    before=$(ticks)
    for _ in $(seq "$rounds"); do flow >/dev/null; done
    alone=$(claim_times "$from")
    stop_worker
    psql -q -c "UPDATE hookline.tenant SET retention_attempt_days = 60, retention_message_days = 60" \
        -c "UPDATE hookline.stat_progress SET attempts_to = now(), events_to = now(), settled_to = now(), history_tenant = NULL"
    parts=$(old_parts)
    begin=$(date +%s)
    from=$(log_end)
    start_worker
    until [ "$(old_parts)" = 0 ] || [ $(($(date +%s) - begin)) -gt "${BENCH_RETENTION_SECONDS:-120}" ]; do flow >/dev/null; done
    beside=$(claim_times "$from")
    steal=$(steal_since "$before")
    detail="p50 p99 max count, ms: alone $alone, beside $beside; $(($(date +%s) - begin)) s"
    figure "retention: the slowest claim while weeks are dropped, ms" "$(field "$beside" 3)" "<= 100" "$detail" "$steal"
    figure "retention: parts of weeks that are left, of $parts" "$(old_parts)" "0" "" "$steal"
    figure "retention: what waits and has lost its message" "$(psql -qtAX -c "SELECT count(*) FROM hookline.queue q
        WHERE NOT EXISTS (SELECT FROM hookline.message m WHERE m.tenant_id = q.tenant_id AND m.id = q.message_id)")" "0" "" "$steal"
    stop_worker
    [ -z "${BENCH_LOG:-}" ] || cp "$work/postgres.log" "$BENCH_LOG"
    figures_table "$work/figures" >&2
}
