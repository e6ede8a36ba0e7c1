# Sourced by the examples that run in network namespaces of their own: what they need, the
# namespaces, and that nothing is left behind.
#
#   need EXAMPLE TOOL...          says that EXAMPLE is skipped, and ends, where a tool or root is missing
#   make_namespaces NAMESPACE...  each with its loopback interface up; gone at exit
#   cable A INTERFACE B INTERFACE between two of them, both ends up
#
# Afterwards $work is a folder for the run; what is in `started` is ended at exit.

skip() {
  echo "$example: skipped: $1"
  exit 0
}

clean_up() {
  local process namespace
  for process in "${started[@]}"; do kill "$process" 2>/dev/null || true; done
  for process in "${started[@]}"; do wait "$process" 2>/dev/null || true; done
  for namespace in "${namespaces[@]}"; do ip netns delete "$namespace" 2>/dev/null || true; done
  rm -rf "$work"
}

need() {
  example="$1"
  shift
  PATH="$PATH:/usr/sbin:/sbin"
  local tool
  for tool in "$@"; do
    command -v "$tool" >/dev/null || skip "there is no $tool here"
  done
  [[ "$(id -u)" == 0 ]] || skip "network namespaces need root"
  work="$(mktemp -d)"
  started=()
  namespaces=()
  trap clean_up EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
}

make_namespaces() {
  local namespace
  for namespace in "$@"; do
    ip netns add "$namespace" 2>"$work/error" ||
      skip "no network namespace can be made: $(cat "$work/error")"
    namespaces+=("$namespace")
    ip -n "$namespace" link set lo up
  done
}

cable() {
  ip -n "$1" link add name "$2" type veth peer name "$4" netns "$3"
  ip -n "$1" link set "$2" up
  ip -n "$3" link set "$4" up
}
