#!/usr/bin/env bash
# Runs every test of a built preset:  scripts/test.sh PRESET JOBS [ctest arguments]
set -euo pipefail
cd "$(dirname "$0")/.."
preset=$1 jobs=$2; shift 2
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:abort_on_error=0}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1:halt_on_error=1}
export TSAN_OPTIONS=${TSAN_OPTIONS:-halt_on_error=1:suppressions=$PWD/tools/tsan.supp}
export LSAN_OPTIONS=${LSAN_OPTIONS:-suppressions=$PWD/tools/lsan.supp:print_suppressions=0}
exec ctest --test-dir "build/$preset" -j "$jobs" --output-on-failure --no-tests=error "$@"
