#!/usr/bin/env bash
# Starts the example's application and the proxy in front of it, and stops both at the end:
#   run.sh [--check] PROXY_BINARY
# --check asks what the page says to try, compares the answers, and ends; without it the example
# runs until Ctrl-C.
set -euo pipefail

source "$(dirname "${BASH_SOURCE[0]}")/../processes.sh" "$@"

begin quick_start 10000 9901 8081 8082
launch python3 "$here/app.py" blue:8081 green:8082
launch "$proxy" -c "$here/envoy.yaml"
await_ready

if [[ -z "$check" ]]; then
  cat <<EOF

Remora is up: $listener -> the application's instances "blue" and "green". Try in another terminal:

  curl -i http://$listener/                      answered by blue and green in turn
  curl -d 'some words' http://$listener/echo     a request with a body
  curl http://$listener/about                    answered by the proxy itself
  curl -i http://$listener/slow                  504: the route's timeout is shorter
  curl -i http://$listener/down                  503: nothing listens there
  curl http://$admin/stats?usedonly              what it counted
  curl http://$admin/clusters                    the endpoints behind it
  curl http://$admin/                            the admin interface; a browser works too

Its configuration: examples/quick_start/envoy.yaml. Ctrl-C stops everything.

EOF
  stay
fi

passed=0
# expect NAME STATUS TEXT curl-arguments...: the answer has this status and contains the text.
expect() {
  local name="$1" status="$2" text="$3" got
  shift 3
  got="$(curl -s -i -m 10 "$@" | tr -d '\r' || true)"
  [[ "$got" == "HTTP/1.1 $status "* ]] || fail "$name: wanted status $status, got: $got"
  [[ "$got" == *"$text"* ]] || fail "$name: wanted '$text', got: $got"
  passed=$((passed + 1))
}

for _ in 1 2 3 4 5 6 7 8; do expect "get" 200 "hello from" "http://$listener/"; done
instances="$(for _ in 1 2 3 4 5 6 7 8; do curl -s -m 10 "http://$listener/"; done)"
for instance in blue green; do
  [[ "$instances" == *"hello from $instance"* ]] || fail "round robin never chose $instance"
done
expect "headers to the application" 200 "x-forwarded-proto: http" "http://$listener/"
expect "request id" 200 "x-request-id: " "http://$listener/"
expect "filter" 200 "x-demo: quick-start" "http://$listener/"
expect "body" 200 "some words" -d 'some words' "http://$listener/echo"
expect "chunked body" 200 "some words" -H 'transfer-encoding: chunked' -d 'some words' \
  "http://$listener/echo"
expect "direct response" 200 "answered by the proxy itself" "http://$listener/about"
expect "timeout" 504 "upstream request timeout" "http://$listener/slow"
expect "connect failure" 503 "upstream connect error" "http://$listener/down"
expect "ready" 200 "LIVE" "http://$admin/ready"
expect "stats" 200 "http.ingress.downstream_rq_2xx: " "http://$admin/stats?usedonly"
expect "clusters" 200 "app::127.0.0.1:8081::" "http://$admin/clusters"
echo "quick_start: $passed answers as expected"
