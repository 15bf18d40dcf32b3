#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Messages of events that ten subscriptions take, beside events that one takes: published and delivered, until the last one has come.
# A part of tests/bench/run, which reads it.
# shellcheck disable=SC2154 # what run has set

fanout_round() {
    publish_and_deliver one 1
    BENCH_COMPANY=ten publish_and_deliver ten 10
}

bench_fanout() {
    # shellcheck disable=SC2046 # ten times the same
    seed_company ten $(seq -f "$sink/hook?n=%g" 10)
    start_worker
    warm_up
    rounds fanout_round
    figure "fan-out 1 -> 10: messages/s / fan-out 1 -> 1" "$(ratio ten one)" ">= 1.5" "$(told ten one)"
    stop_worker
}
