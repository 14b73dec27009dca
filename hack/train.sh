#!/bin/sh
# Makes the AOT caches with which the programs start fast: each runs once and what it loaded is kept.
# Needs no root: the daemon that is trained serves a socket of its own and builds nothing.
here=$(cd "$(dirname "$0")/.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
log=$scratch/log
socket=unix://$scratch/buildd.sock

BUILDD_AOT_OUTPUT=$here/dist/dev.buildd.daemon.Main.aot \
  "$here/bin/buildd" --root "$scratch/root" --addr "$socket" --oci-worker-snapshotter=native \
  --group "$(id -g)" >"$log" 2>&1 &
daemon=$!
tries=0
while [ ! -S "$scratch/buildd.sock" ] && [ $tries -lt 100 ] && kill -0 $daemon 2>/dev/null; do
  sleep 0.1
  tries=$((tries + 1))
done
BUILDD_AOT_OUTPUT=$here/dist/dev.buildd.buildctl.Main.aot \
  "$here/bin/buildctl" --addr "$socket" du >>"$log" 2>&1
"$here/bin/buildctl" --addr "$socket" debug workers >>"$log" 2>&1
kill -TERM $daemon
wait $daemon
for program in dev.buildd.daemon.Main dev.buildd.buildctl.Main; do
  if [ ! -f "$here/dist/$program.aot" ]; then
    echo "no AOT cache was made for $program; it will start more slowly" >&2
    tail -n 5 "$log" >&2
  fi
done
exit 0
