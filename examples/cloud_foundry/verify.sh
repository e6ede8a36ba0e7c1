#!/usr/bin/env bash
# What CI runs: a Diego cell's sidecar in network namespaces of its own, with every promise of the
# platform's contract checked. Usage: verify.sh [--envoy] BINARY; see README.md.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
envoy=()
if [[ "${1:-}" == --envoy ]]; then
  envoy=(--envoy)
  shift
fi
proxy="$(realpath "${1:?usage: verify.sh [--envoy] PROXY_BINARY}")"

skip() {
  echo "cloud_foundry: skipped: $1"
  exit 0
}
for tool in ip iptables nsenter unshare openssl python3 haproxy; do
  PATH="$PATH:/usr/sbin:/sbin" command -v "$tool" >/dev/null || skip "there is no $tool here"
done
PATH="$PATH:/usr/sbin:/sbin"
[[ "$(id -u)" == 0 ]] || skip "network namespaces need root"

work="$(mktemp -d)"
router="remora-router-$$"
cell="remora-cell-$$"
export CONTAINER_NAMESPACE="remora-container-$$"
started=()

clean_up() {
  local process
  for process in "${started[@]}"; do kill "$process" 2>/dev/null || true; done
  for process in "${started[@]}"; do wait "$process" 2>/dev/null || true; done
  for namespace in "$router" "$cell" "$CONTAINER_NAMESPACE"; do
    ip netns delete "$namespace" 2>/dev/null || true
  done
  rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

in_namespace() {
  local namespace="$1"
  shift
  nsenter --net="/run/netns/$namespace" "$@"
}

# link NAMESPACE INTERFACE ADDRESS NAMESPACE INTERFACE ADDRESS: a cable between the two.
link() {
  ip -n "$1" link add name "$2" type veth peer name "$5" netns "$4"
  ip -n "$1" address add "$3" dev "$2"
  ip -n "$4" address add "$6" dev "$5"
  ip -n "$1" link set "$2" up
  ip -n "$4" link set "$5" up
}

for namespace in "$router" "$cell" "$CONTAINER_NAMESPACE"; do
  ip netns add "$namespace" 2>"$work/error" ||
    skip "no network namespace can be made: $(cat "$work/error")"
  ip -n "$namespace" link set lo up
done
link "$router" cell 10.240.0.2/24 "$cell" router 10.240.0.1/24
link "$cell" container 10.255.7.1/30 "$CONTAINER_NAMESPACE" cell 10.255.7.2/30
ip -n "$router" route add 10.255.7.0/30 via 10.240.0.1
ip -n "$CONTAINER_NAMESPACE" route add default via 10.255.7.1
in_namespace "$cell" sysctl -q -w net.ipv4.ip_forward=1

# The cell's rules of one container, as garden writes them: only TLS ports can be reached.
{
  echo "*nat"
  echo ":netin--instance - [0:0]"
  echo "-A PREROUTING --jump netin--instance"
  for port in 1 2 3; do
    echo "-A netin--instance -d 10.240.0.1 -p tcp -m tcp --dport 6110$port" \
      "--jump DNAT --to-destination 10.255.7.2:6100$port"
  done
  echo "COMMIT"
} | in_namespace "$cell" iptables-restore --noflush 2>"$work/error" ||
  skip "iptables cannot be used: $(cat "$work/error")"

nsenter --net="/run/netns/$CONTAINER_NAMESPACE" python3 "$here/app.py" 10.255.7.2 &
started+=($!)

status=0
PYTHONDONTWRITEBYTECODE=1 timeout --foreground -k 5 120 \
  nsenter --net="/run/netns/$router" python3 "$here/checks.py" "${envoy[@]}" "$proxy" "$work" ||
  status=$?
exit "$status"
