#!/usr/bin/env bash
# What CI runs: the example as a user would, with the answers compared. Takes the shipped binary; the
# example's own is built beside it.
set -euo pipefail
binary="${1:?usage: verify.sh PROXY_BINARY}"
exec bash "$(dirname "${BASH_SOURCE[0]}")/run.sh" --check \
  "$(dirname "$binary")/examples/custom_filter/proxy"
