#!/usr/bin/env bash
# What CI runs: a client, a router and an application with Remora beside it, each in a network
# namespace of its own; connections reach Remora by the rules of `remora intercept`.
# Usage: verify.sh PROXY_BINARY
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
proxy="$(realpath "${1:?usage: verify.sh PROXY_BINARY}")"
source "$here/../namespaces.sh"
need sidecar ip iptables ip6tables nsenter setpriv sysctl curl python3

chmod 755 "$work"
client="remora-client-$$"
router="remora-router-$$"
pod="remora-pod-$$"
proxy_user=1337

fail() {
  echo "sidecar: $1" >&2
  if [[ -s "$work/log" ]]; then
    echo "The proxy and the applications said at last:" >&2
    tail -n 15 "$work/log" >&2
  fi
  exit 1
}

# In the pod, the application is root and the proxy is the user that the rules leave alone. Arrays,
# so that what runs in the background is the command itself and can be ended.
client_command=(nsenter --net="/run/netns/$client")
pod_command=(nsenter --net="/run/netns/$pod")
proxy_command=("${pod_command[@]}" setpriv --reuid="$proxy_user" --regid="$proxy_user"
  --clear-groups)
in_client() { "${client_command[@]}" "$@"; }
in_pod() { "${pod_command[@]}" "$@"; }
as_proxy() { "${proxy_command[@]}" "$@"; }

# link NAMESPACE INTERFACE NET.HOST NAMESPACE INTERFACE NET.HOST: a cable between the two, with
# the addresses 10.50.NET.HOST and fd50:NET::HOST.
link() {
  cable "$1" "$2" "$4" "$5"
  local side namespace interface address
  for side in "$1 $2 $3" "$4 $5 $6"; do
    read -r namespace interface address <<<"$side"
    ip -n "$namespace" address add "10.50.$address/24" dev "$interface"
    ip -n "$namespace" address add "fd50:${address%.*}::${address#*.}/64" dev "$interface" nodad
  done
}

make_namespaces "$client" "$router" "$pod"
link "$client" router 1.2 "$router" client 1.1
link "$router" pod 2.1 "$pod" router 2.2
for family in -4 -6; do
  nets=(10.50.1.1 10.50.2.1)
  [[ "$family" == -4 ]] || nets=(fd50:1::1 fd50:2::1)
  ip "$family" -n "$client" route add default via "${nets[0]}"
  ip "$family" -n "$pod" route add default via "${nets[1]}"
done
nsenter --net="/run/netns/$router" sysctl -q -w net.ipv4.ip_forward=1 \
  net.ipv6.conf.all.forwarding=1

intercept() { in_pod "$proxy" intercept "$@"; }
rules=(--inbound-ports all --inbound-except-ports 8081,22
  --outbound-ports all --outbound-except-destinations 10.50.1.99,fd50:1::99
  --proxy-user "$proxy_user")
intercept "${rules[@]}" >"$work/error" 2>&1 || skip "no rules can be made: $(cat "$work/error")"
intercept --remove >/dev/null

"${client_command[@]}" python3 "$here/web.py" catalogue 80 8000 >>"$work/log" 2>&1 &
started+=($!)
"${pod_command[@]}" python3 "$here/web.py" app 8080 8081 9090 9091 >>"$work/log" 2>&1 &
started+=($!)
# The proxy's file is read by another user: from a copy, wherever it lies.
install -m 755 "$proxy" "$work/remora"
install -m 644 "$here/envoy.yaml" "$work/envoy.yaml"
"${proxy_command[@]}" "$work/remora" -c "$work/envoy.yaml" --concurrency 1 >>"$work/log" 2>&1 &
started+=($!)

ready() {
  [[ "$(as_proxy curl -s -m 1 http://127.0.0.1:15000/ready || true)" == LIVE ]] &&
    in_pod curl -s -m 1 -o "$work/page" http://127.0.0.1:8081/ &&
    in_client curl -s -m 1 -o "$work/page" http://127.0.0.1:8000/
}
tries=0
until ready; do
  tries=$((tries + 1))
  for process in "${started[@]}"; do
    kill -0 "$process" 2>/dev/null || fail "something ended before it was ready"
  done
  ((tries < 100)) || fail "not ready after 10 seconds"
  sleep 0.1
done

passed=0
# expect NAME THROUGH TEXT COMMAND...: the answer contains the text, and came through the sidecar's
# listener of that name ("nothing": past the sidecar).
expect() {
  local name="$1" through="$2" text="$3" got
  shift 3
  got="$("$@" curl -s -i -m 10 "${url[@]}" | tr -d '\r' || true)"
  [[ "$got" == *"$text"* ]] || fail "$name: wanted '$text', got: $got"
  if [[ "$through" == nothing ]]; then
    [[ "$got" != *x-answered-through* ]] || fail "$name: wanted it past the sidecar, got: $got"
  else
    [[ "$got" == *"x-answered-through: $through"* ]] ||
      fail "$name: wanted it through $through, got: $got"
  fi
  passed=$((passed + 1))
}
says() {
  local name="$1" wanted="$2" got
  shift 2
  got="$("$@" 2>&1 || true)"
  [[ "$got" == "$wanted" ]] || fail "$name: wanted '$wanted', got: $got"
  passed=$((passed + 1))
}

url=(http://10.50.2.2:8080/)
expect "without rules" nothing "app here" in_client
says "install" $'IPv4: rules installed\nIPv6: rules installed' intercept "${rules[@]}"
says "install again" $'IPv4: rules are installed already\nIPv6: rules are installed already' \
  intercept "${rules[@]}"

expect "inbound" inbound "x-through: inbound" in_client
expect "inbound: who asks" inbound "x-forwarded-for: 10.50.1.2" in_client
url=("http://[fd50:2::2]:8080/")
expect "inbound, IPv6" inbound "x-forwarded-for: fd50:1::2" in_client
url=(http://10.50.2.2:8081/)
expect "inbound, excepted port" nothing $'port 8081\nasked by 10.50.1.2' in_client
url=(http://10.50.2.2:9090/)
expect "inbound, second port" metrics "app here, at 127.0.0.1 port 9090" in_client
url=("http://[fd50:2::2]:9090/")
expect "inbound, second port, IPv6" metrics "app here, at 127.0.0.1 port 9090" in_client
says "inbound, a port without a chain" "" in_client curl -s -m 10 http://10.50.2.2:9091/

# The application knows an old address of the catalogue; the sidecar knows where it is.
url=(--resolve "catalogue:80:10.50.1.77" http://catalogue/)
expect "outbound" outbound "x-through: outbound" in_pod
expect "outbound: who is asked" outbound "catalogue here, at 10.50.1.2 port 80" in_pod
url=(--resolve "catalogue:80:[fd50:1::77]" http://catalogue/)
expect "outbound, IPv6" outbound "catalogue here" in_pod
url=(http://10.50.1.2/)
expect "outbound, no such service" outbound "the sidecar knows no such service" in_pod
url=(http://10.50.1.2:8000/)
expect "outbound, another port" "other ports" "the sidecar knows no such port" in_pod
url=("http://[fd50:1::2]:8000/")
expect "outbound, another port, IPv6" "other ports" "the sidecar knows no such port" in_pod
url=(http://10.50.1.2/)
expect "the proxy's own user" nothing "catalogue here" as_proxy
ip -n "$client" address add 10.50.1.99/24 dev router
url=(http://10.50.1.99:8000/)
expect "outbound, excepted destination" nothing "at 10.50.1.99 port 8000" in_pod
url=(http://127.0.0.1:8080/)
expect "loopback" nothing "app here" in_pod
url=(http://10.50.2.2:8080/)
expect "the pod's own address" nothing "app here" in_pod

says "other rules" $'IPv4: rules replaced\nIPv6: rules replaced' intercept --inbound-ports 9090
expect "a port that is no longer taken" nothing "app here" in_client
url=(http://10.50.2.2:9090/)
expect "a port that is taken now" metrics "app here, at 127.0.0.1 port 9090" in_client
says "remove" $'IPv4: rules removed\nIPv6: rules removed' intercept --remove
expect "after removal" nothing "at 10.50.2.2 port 9090" in_client
echo "sidecar: $passed answers as expected"
