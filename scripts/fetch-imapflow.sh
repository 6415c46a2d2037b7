#!/usr/bin/env bash
# Brings imapflow, the IMAP client library of Node that a test runs, into build/imapflow: the versions and the hashes are
# those of tests/e2e/imapflow/package-lock.json. No script of a package is run. Says and does nothing when it is there already.
#   scripts/fetch-imapflow.sh [FOLDER]
set -euo pipefail
cd "$(dirname "$0")/.."
folder=${1:-build/imapflow}
source=tests/e2e/imapflow

stamp=$folder/complete
wanted=$(cat "$source/package.json" "$source/package-lock.json" | sha256sum)
[ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ] || exit 0

rm -rf "$folder"
mkdir -p "$folder"
cp "$source/package.json" "$source/package-lock.json" "$folder"
log=$folder/npm.log
if ! (cd "$folder" && npm ci --ignore-scripts --no-audit --no-fund) >"$log" 2>&1; then
  cat "$log" >&2
  echo "posthouse: imapflow could not be fetched" >&2
  exit 1
fi
echo "$wanted" >"$stamp"
echo "posthouse: fetched imapflow into $folder"
