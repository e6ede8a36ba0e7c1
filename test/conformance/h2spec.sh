#!/usr/bin/env bash
# Runs h2spec against Remora without TLS: see README.md. Usage: h2spec.sh path/to/remora
set -euo pipefail

remora="$(realpath "${1:?usage: h2spec.sh path/to/remora}")"
work="$(mktemp -d)"
pid=""
cleanup() {
  [[ -n "$pid" ]] && kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null
  rm -rf "$work"
}
trap cleanup EXIT

h2spec="$(command -v h2spec || true)"
if [[ -z "$h2spec" ]]; then
  cache="${XDG_CACHE_HOME:-$HOME/.cache}/remora/h2spec"
  h2spec="$cache/h2spec"
  if [[ ! -x "$h2spec" ]]; then
    command -v go >/dev/null || { echo "h2spec: neither h2spec nor go is installed" >&2; exit 77; }
    GOFLAGS=-mod=mod GOBIN="$cache" go install github.com/summerwind/h2spec/cmd/h2spec@latest
  fi
fi

# h2spec wants a body that is longer than its smallest windows.
cat >"$work/remora.yaml" <<'EOT'
static_resources:
  listeners:
  - address: {socket_address: {address: 127.0.0.1, port_value: 0}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: h2spec
          http2_protocol_options: {max_concurrent_streams: 100}
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes:
              - match: {prefix: "/"}
                direct_response:
                  status: 200
                  body: {inline_string: "The quick brown fox jumps over the lazy dog, twice."}
          http_filters:
          - name: envoy.filters.http.router
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
admin: {address: {socket_address: {address: 127.0.0.1, port_value: 0}}}
EOT
"$remora" -c "$work/remora.yaml" --concurrency 1 --admin-address-path "$work/admin" \
  >"$work/log" 2>&1 &
pid=$!
for _ in $(seq 100); do
  [[ -s "$work/admin" ]] && break
  kill -0 "$pid" || { cat "$work/log" >&2; exit 1; }
  read -rt 0.1 <> <(:) || true
done
port="$(curl -s "http://$(cat "$work/admin")/listeners?format=json" |
  python3 -c 'import json, sys
print(json.load(sys.stdin)["listener_statuses"][0]["local_address"]["socket_address"]["port_value"])')"

"$h2spec" --host 127.0.0.1 --port "$port" --timeout 3 --max-header-length 4000
