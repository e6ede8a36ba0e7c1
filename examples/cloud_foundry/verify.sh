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

source "$here/../namespaces.sh"
need cloud_foundry ip iptables nsenter unshare openssl python3 haproxy

router="remora-router-$$"
cell="remora-cell-$$"
export CONTAINER_NAMESPACE="remora-container-$$"

in_namespace() {
  local namespace="$1"
  shift
  nsenter --net="/run/netns/$namespace" "$@"
}

# link NAMESPACE INTERFACE ADDRESS NAMESPACE INTERFACE ADDRESS: a cable between the two.
link() {
  cable "$1" "$2" "$4" "$5"
  ip -n "$1" address add "$3" dev "$2"
  ip -n "$4" address add "$6" dev "$5"
}

make_namespaces "$router" "$cell" "$CONTAINER_NAMESPACE"
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
