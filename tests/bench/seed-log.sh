#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makes the log for BENCH_KEEP=DIR: data directory, master key, and keys of the tenants (tenants: rank, id, key).
# A part of tests/bench/run, which reads it.

bench_seed_log() {
    seed_log
    keep_log
}
