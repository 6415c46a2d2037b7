#!/usr/bin/env bash
# Configures and builds a preset, with progress:  scripts/build.sh PRESET JOBS [TARGET...]
set -euo pipefail
cd "$(dirname "$0")/.."
preset=$1 jobs=$2; shift 2
for tool in cmake ninja pkg-config; do
  command -v "$tool" >/dev/null || {
    echo "posthouse: $tool is missing; 'make deps' installs what a build needs" >&2; exit 1; }
done
start=$(date +%s)
log=build/$preset/configure.log
mkdir -p "build/$preset"
if ! cmake --preset "$preset" >"$log" 2>&1; then
  cat "$log" >&2
  echo "posthouse: configuring failed; 'make deps' (or 'make test-deps') installs what is missing" >&2
  exit 1
fi
targets=()
[ $# -eq 0 ] || targets=(--target "$@")
NINJA_STATUS='[%f/%t %es] ' cmake --build --preset "$preset" -j "$jobs" "${targets[@]}"
echo "posthouse: built preset '$preset' in $(( $(date +%s) - start )) s"
