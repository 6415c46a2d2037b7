#!/usr/bin/env bash
# Builds every fuzz target and runs each for a fixed time over its corpus:  scripts/fuzz.sh JOBS [SECONDS]
# What a target finds is left in build/fuzz/found and makes the script fail.
set -euo pipefail
cd "$(dirname "$0")/.."
jobs=$1 seconds=${2:-${FUZZ_SECONDS:-20}}
scripts/build.sh fuzz "$jobs" fuzzers
mkdir -p build/fuzz/found
export ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
run_one() {
  local source=$1 seconds=$2 name
  name=$(basename "$source" _fuzz.cpp)
  mkdir -p "build/fuzz/corpus/$name"
  local args=(-seed="${FUZZ_SEED:-1}" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=65536 -print_final_stats=1 -print_funcs=0
              -artifact_prefix="build/fuzz/found/$name-" "build/fuzz/corpus/$name")
  [ ! -d "fuzz/corpus/$name" ] || args+=("fuzz/corpus/$name")
  [ ! -f "fuzz/$name.dict" ] || args=(-dict="fuzz/$name.dict" "${args[@]}")
  if "build/asan/bin/${name}_fuzz" "${args[@]}" >"build/fuzz/$name.log" 2>&1; then
    echo "fuzz: $name: $(awk '/number_of_executed_units/{print $2}' "build/fuzz/$name.log") runs, nothing found"
  else
    echo "fuzz: $name FAILED:"; tail -40 "build/fuzz/$name.log"; return 1
  fi
}
export -f run_one
ls fuzz/*_fuzz.cpp | xargs -P "$jobs" -I{} bash -c 'run_one "$1" "$2"' _ {} "$seconds"
