#!/usr/bin/env bash
# Builds the example's modules with g++, starts its application, its service of tenants, and the
# shipped proxy with the three filters:
#   run.sh [--check] PROXY_BINARY
# --check runs the modules' cases, asks what the page says to try, replaces a module under traffic,
# compares the answers, and ends; without it the example runs until Ctrl-C.
set -euo pipefail

source "$(dirname "${BASH_SOURCE[0]}")/../processes.sh" "$@"

begin loadable_filter 10000 9901 8081 8082
proxy="$(realpath "$proxy")"
begun=$EPOCHREALTIME
"$here/build.sh" "$work/modules"
echo "loadable_filter: three modules built in $(((${EPOCHREALTIME/./} - ${begun/./}) / 1000)) ms"
if [[ -n "$check" ]]; then
  for module in key_auth replace_text tenant_lookup; do
    "$proxy" filter-test "$work/modules/lib$module.so" "$here"/cases/"$module"*.yaml \
      || fail "a case of $module fails"
  done
fi
cp "$here/envoy.yaml" "$here/listener.yaml" "$work"
launch python3 "$here/../custom_filter/app.py" 8081 8082
cd "$work"
# A filter chain that was replaced, and so its module, goes after the drain time.
ENVOY_DYNAMIC_MODULES_SEARCH_PATH="$work/modules" launch "$proxy" -c envoy.yaml --drain-time-s 10
process="${started[-1]}"
await_ready

if [[ -z "$check" ]]; then
  cat <<EOF

The shipped proxy with three filters from shared objects is up: $listener. Try in another terminal:

  curl -i http://$listener/                                 401: no key
  curl -i -H 'x-api-key: open-sesame' http://$listener/     let in; "colour" is now "color"
  curl -H 'x-user: ada' http://$listener/public             the application hears of her tenant
  curl -i -H 'x-user: nobody' http://$listener/public       403: the service does not know them
  curl -s http://$admin/stats | grep -E 'key_auth|tenant'   what they have counted

Another version of a module, without touching a request:

  sed 's/config_\.replacement/"paint"/' $here/replace_text.cc >$work/replace_text-2.cc
  $here/build.sh $work/modules $work/replace_text-2.cc
  sed 's/name: replace_text }/name: replace_text-2 }/' $work/listener.yaml >$work/new
  mv $work/new $work/listener.yaml

Ctrl-C stops everything.

EOF
  stay
fi
python3 "$here/../custom_filter/check.py" "$process" || fail "see above"
python3 "$here/check.py" "$process" "$work" || fail "see above"
