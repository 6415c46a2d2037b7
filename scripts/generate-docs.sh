#!/usr/bin/env bash
# Writes the documents that come from the program's own tables:  scripts/generate-docs.sh PATH/TO/posthouse
set -euo pipefail
cd "$(dirname "$0")/.."
"$1" config reference > docs/configuration.md
echo "posthouse: wrote docs/configuration.md"
