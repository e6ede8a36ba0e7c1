#!/usr/bin/env bash
# Runs h2spec against Remora, without TLS and with it by ALPN: see README.md.
# Usage: h2spec.sh path/to/remora. Exit status 0 also where h2spec cannot be had, and says so.
set -euo pipefail

remora="$(realpath "${1:?usage: h2spec.sh path/to/remora}")"
work="$(mktemp -d)"
pid=""
cleanup() {
  [[ -n "$pid" ]] && kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null
  rm -rf "$work"
}
trap cleanup EXIT

# One that is installed, or one that Go builds, once.
h2spec="$(command -v h2spec || true)"
if [[ -z "$h2spec" ]]; then
  cache="${REMORA_CACHE:-$HOME/.cache/remora}/h2spec"
  h2spec="$cache/h2spec"
  go="$(command -v go || echo /usr/local/go/bin/go)"
  if [[ ! -x "$h2spec" ]] &&
    ! GOBIN="$cache" timeout 60 "$go" install github.com/summerwind/h2spec/cmd/h2spec@latest \
      >"$work/go" 2>&1; then
    tail -n 1 "$work/go"
    echo "h2spec: SKIPPED: it is not installed, and Go could not build it"
    exit 0
  fi
fi

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
  -keyout "$work/key.pem" -out "$work/certificate.pem" 2>/dev/null

# The request is buffered: an answer that comes before its end would hide what h2spec waits for.
# The body is longer than h2spec's smallest windows.
filters() {
  cat <<EOT
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: h2spec
          codec_type: $1
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
          - name: envoy.filters.http.buffer
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer
              max_request_bytes: 1000000
          - name: envoy.filters.http.router
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
EOT
}
cat >"$work/remora.yaml" <<EOT
static_resources:
  listeners:
  - address: {socket_address: {address: 127.0.0.1, port_value: 0}}
    filter_chains:
    - filters:
$(filters HTTP2)
  - address: {socket_address: {address: 127.0.0.1, port_value: 0}}
    filter_chains:
    - filters:
$(filters AUTO)
      transport_socket:
        name: envoy.transport_sockets.tls
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
          common_tls_context:
            alpn_protocols: [h2, http/1.1]
            tls_certificates:
            - certificate_chain: {filename: "$work/certificate.pem"}
              private_key: {filename: "$work/key.pem"}
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
read -r plain tls < <(curl -s "http://$(cat "$work/admin")/listeners?format=json" |
  python3 -c 'import json, sys
print(*(listener["local_address"]["socket_address"]["port_value"]
        for listener in json.load(sys.stdin)["listener_statuses"]))')

# run NAME OPTION...: the findings, and a line that counts.
run() {
  local name="$1" status=0
  shift
  "$h2spec" --host 127.0.0.1 --timeout 2 --max-header-length 4000 "$@" >"$work/$name" 2>&1 ||
    status=1
  if ((status != 0)); then sed -n '/^Failures:/,$p' "$work/$name"; fi
  echo "h2spec, $name: $(grep -a ' tests, ' "$work/$name" || tail -n 1 "$work/$name")"
  return "$status"
}
run cleartext --port "$plain" &
cleartext=$!
failed=0
run tls --port "$tls" --tls --insecure || failed=1
wait "$cleartext" || failed=1
exit "$failed"
