#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Whether dead receivers slow others down: tests/bench/fairness, with what it needs. A part of tests/bench/run, which reads it.
# shellcheck disable=SC2154 # what run has set

bench_fairness() {
    start_worker "$root/build/release/tests/libbench_names.so"
    "$here/fairness" "$api" "$operator" "$sink"
    stop_worker
}
