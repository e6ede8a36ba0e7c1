#!/usr/bin/env bash
# What CI runs: the example as a user would, with the answers compared. Takes the shipped binary.
set -euo pipefail
exec bash "$(dirname "${BASH_SOURCE[0]}")/run.sh" --check \
  "${1:?usage: verify.sh PROXY_BINARY}"
