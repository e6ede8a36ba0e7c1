#!/usr/bin/env bash
# Starts a control plane, an application of two instances and the proxy in front of them, and stops
# all three at the end:
#   run.sh [--check] PROXY_BINARY [CONTROL_PLANE_BINARY]
# --check tries what the page says to try, compares the answers, and ends; without it the demo runs
# until Ctrl-C.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
check=""
if [[ "${1:-}" == --check ]]; then
  check=yes
  shift
fi
proxy="${1:?usage: run.sh [--check] PROXY_BINARY [CONTROL_PLANE_BINARY]}"
control_plane="${2:-$(dirname "$proxy")/examples/control_plane/control_plane}"
listener=127.0.0.1:10000
admin=127.0.0.1:9901
api=127.0.0.1:18080
work="$(mktemp -d)"
started=()

stop() {
  local process
  for process in "${started[@]}"; do kill "$process" 2>/dev/null || true; done
  for process in "${started[@]}"; do
    # Five seconds to end by itself, of which a fraction should do.
    for _ in {1..50}; do
      kill -0 "$process" 2>/dev/null || break
      sleep 0.1
    done
    kill -KILL "$process" 2>/dev/null || true
    wait "$process" 2>/dev/null || true
  done
  rm -rf "$work"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

fail() {
  echo "control_plane: $1" >&2
  if [[ -s "$work/log" ]]; then
    echo "The three said at last:" >&2
    tail -n 15 "$work/log" >&2
  fi
  exit 1
}

answers() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

for port in 10000 9901 18000 18080 8081 8082; do
  if answers "$port"; then
    fail "port $port is in use: this example needs 10000, 9901, 18000, 18080, 8081 and 8082 on 127.0.0.1"
  fi
done

python3 "$here/../quick_start/app.py" blue:8081 green:8082 >>"$work/log" 2>&1 &
started+=($!)
"$control_plane" --routes "$here/routes.yaml" >>"$work/log" 2>&1 &
started+=($!)
"$proxy" -c "$here/envoy.yaml" >>"$work/log" 2>&1 &
started+=($!)

ready() {
  [[ "$(curl -s -m 1 "http://$admin/ready" || true)" == LIVE ]] &&
    answers 10000 && answers 8081 && answers 8082
}
tries=0
until ready; do
  tries=$((tries + 1))
  for process in "${started[@]}"; do
    kill -0 "$process" 2>/dev/null || fail "ended before it was ready"
  done
  ((tries < 100)) || fail "not ready after 10 seconds"
  sleep 0.1
done

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
tail -n +1 -f "$work/log" &
started+=($!)
# Whichever of the three ends first ends the demo.
wait -n "${started[@]:0:3}" || true
fail "one of the three ended by itself"
