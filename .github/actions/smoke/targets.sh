#!/usr/bin/env bash
# Prints the names of the settings file's targets as a JSON list, for a workflow's matrix: [] when there are none.
# SMOKE_CONFIG and SMOKE_TARGETS choose, as for the suite itself, which tells what is wrong with them.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
listed=$("$root/scripts/smoke" list)
# A target's name begins a line, and nothing else does.
names=$(grep -E '^[a-z0-9-]+$' <<<"$listed" | sed 's/.*/"&"/' | paste -sd, -) || names=''
printf '[%s]\n' "$names"
