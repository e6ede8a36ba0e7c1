#!/usr/bin/env bash
# Starts a control plane, an application of two instances and the proxy in front of them, and stops
# all three at the end:
#   run.sh [--check] PROXY_BINARY [CONTROL_PLANE_BINARY]
# --check tries what the page says to try, compares the answers, and ends; without it the demo runs
# until Ctrl-C.
set -euo pipefail

source "$(dirname "${BASH_SOURCE[0]}")/../processes.sh" "$@"
control_plane="${other:-$(dirname "$proxy")/examples/control_plane/control_plane}"
api=127.0.0.1:18080

begin control_plane 10000 9901 18000 18080 8081 8082
launch python3 "$here/../quick_start/app.py" blue:8081 green:8082
launch "$control_plane" --routes "$here/routes.yaml"
launch "$proxy" -c "$here/envoy.yaml"
await_ready

if [[ -n "$check" ]]; then
  python3 "$here/check.py" || fail "see above"
  exit 0
fi

cat <<EOF

Remora is up on $listener; its control plane is $api. Try in another terminal:

  curl -i http://$listener/                      answered by "blue", the only instance
  curl -X PUT http://$api/routes/web/instances/127.0.0.1:8082 -d '{}'
                                                 "green" joins: the two share the load
  curl -X DELETE http://$api/routes/web/instances/127.0.0.1:8081
                                                 "blue" leaves, and no request fails
  curl -X PUT http://$api/routes/shop -d '{"path": "/shop",
      "instances": [{"address": "127.0.0.1", "port": 8081}]}'
                                                 a route more, live in milliseconds
  curl http://$api/routes                        the table
  curl http://$api/sidecars                      who is connected and what each has accepted
  curl http://$admin/config_journal              the same from the proxy's side

See examples/control_plane/README.md. Ctrl-C stops everything.

EOF
stay
