#!/usr/bin/env bash
# Runs run.py against the binary that Bazel gives: see README.md.
set -euo pipefail

folder="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
if ! command -v python3 >/dev/null; then
  echo "skipped: python3 is not installed"
  exit 0
fi
exec python3 -B "$folder/run.py" --remora "$1"
