# Sourced by the demos on fixed ports with their arguments, [--check] PROXY_BINARY [OTHER_BINARY]:
# starts their processes, waits until they serve, and leaves nothing behind at exit.
#
#   $here $check $proxy $other   the demo's folder, and its arguments
#   $listener $admin             where the proxy listens
#   begin DEMO PORT...   what it is called in messages; fails if one of its ports is in use
#   launch COMMAND...    in the background; what it says goes to $work/log
#   await_ready          until all ports answer and the proxy at $admin is ready
#   stay                 shows the log until Ctrl-C; fails if one of the processes ends
#   fail REASON          with the end of the log
#
# Afterwards $work is a folder for the run.

here="$(cd "$(dirname "${BASH_SOURCE[1]}")" && pwd)"
check=""
if [[ "${1:-}" == --check ]]; then
  check=yes
  shift
fi
proxy="${1:?usage: run.sh [--check] PROXY_BINARY [OTHER_BINARY]}"
other="${2:-}"
listener=127.0.0.1:10000
admin=127.0.0.1:9901

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
  echo "$demo: $1" >&2
  if [[ -s "$work/log" ]]; then
    echo "Its processes said at last:" >&2
    tail -n 15 "$work/log" >&2
  fi
  exit 1
}

answers() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

begin() {
  demo="$1"
  ports=("${@:2}")
  local port
  for port in "${ports[@]}"; do
    ! answers "$port" || fail "port $port is in use: this demo needs ${ports[*]} on 127.0.0.1"
  done
}

launch() {
  "$@" >>"$work/log" 2>&1 &
  started+=($!)
}

ready() {
  local port
  [[ "$(curl -s -m 1 "http://$admin/ready" || true)" == LIVE ]] || return 1
  for port in "${ports[@]}"; do answers "$port" || return 1; done
}

await_ready() {
  local tries=0 process
  until ready; do
    tries=$((tries + 1))
    for process in "${started[@]}"; do
      kill -0 "$process" 2>/dev/null || fail "ended before it was ready"
    done
    ((tries < 100)) || fail "not ready after 10 seconds"
    sleep 0.1
  done
}

stay() {
  local demo_processes=("${started[@]}")
  tail -n +1 -f "$work/log" &
  started+=($!)
  # Whichever of them ends first ends the demo.
  wait -n "${demo_processes[@]}" || true
  fail "one of its processes ended by itself"
}
