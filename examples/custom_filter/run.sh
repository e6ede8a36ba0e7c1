#!/usr/bin/env bash
# Starts the example's application, its service of tenants, and the proxy with the three filters:
#   run.sh [--check] PROXY_BINARY
# --check asks what the page says to try, compares the answers, and ends; without it the example
# runs until Ctrl-C.
set -euo pipefail

source "$(dirname "${BASH_SOURCE[0]}")/../processes.sh" "$@"

begin custom_filter 10000 9901 8081 8082
launch python3 "$here/app.py" 8081 8082
launch "$proxy" -c "$here/envoy.yaml"
process="${started[-1]}"
await_ready

if [[ -z "$check" ]]; then
  cat <<EOF

A proxy with three filters of its own is up: $listener. Try in another terminal:

  curl -i http://$listener/                                 401: no key
  curl -i -H 'x-api-key: open-sesame' http://$listener/     let in; "colour" is now "color"
  curl -H 'x-user: ada' http://$listener/public             the application hears of her tenant
  curl -i -H 'x-user: nobody' http://$listener/public       403: the service does not know them
  curl -i -H 'x-user: slow' http://$listener/public         503 after half a second
  curl -s http://$admin/stats | grep -E 'key_auth|tenant'   what they have counted

Its configuration: examples/custom_filter/envoy.yaml. Ctrl-C stops everything.

EOF
  stay
fi
python3 "$here/check.py" "$process" || fail "see above"
