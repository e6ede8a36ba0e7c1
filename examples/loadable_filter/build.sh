#!/usr/bin/env bash
# Builds modules, one for each source, with the compiler alone:
#   build.sh FOLDER [SOURCE...]
# FOLDER gets lib<source>.so of each; without sources, those of this example. CXX: the compiler.
#
# What a module wants besides -shared -fPIC: nothing of it but its one function is seen from outside,
# -fno-gnu-unique lets it be unloaded, and with libstdc++ inside it runs where there is none.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
folder="${1:?usage: build.sh FOLDER [SOURCE...]}"
shift
(($#)) || set -- "$here"/{key_auth,replace_text,tenant_lookup}.cc

mkdir -p "$folder"
for source in "$@"; do
  name="$(basename "$source" .cc)"
  "${CXX:-g++}" -std=c++20 -O2 -Wall -Wextra -shared -fPIC -fvisibility=hidden -fno-gnu-unique \
    -static-libstdc++ -static-libgcc -Wl,--exclude-libs,ALL \
    -I "$here/../../source/sdk" "$source" -o "$folder/.lib$name.so.new"
  # In one step: whoever opens the file sees all of it.
  mv "$folder/.lib$name.so.new" "$folder/lib$name.so"
done
