#!/bin/sh
# buildctl-daemonless ARGUMENTS: runs buildctl with the arguments against a daemon that lives as long as it does, at a socket
# that nobody else knows.
#
# BUILDKITD_FLAGS  flags for the daemon; without --root its cache is the usual one, /var/lib/buildkit
# BUILDCTL, BUILDKITD  the programs, if they are not in PATH
# BUILDCTL_CONNECT_RETRIES_MAX  how often it is looked whether the daemon serves, five times a second: 50 by default
set -u
: "${BUILDCTL=buildctl}" "${BUILDKITD=buildkitd}" "${BUILDKITD_FLAGS=}" "${BUILDCTL_CONNECT_RETRIES_MAX=50}"

scratch=$(mktemp -d "${TMPDIR:-/tmp}/buildctl-daemonless.XXXXXX") || exit 1
daemon=
client=
end() {
  trap '' INT TERM HUP
  if [ -n "$daemon" ]; then
    kill -TERM "$daemon" 2>/dev/null
    wait "$daemon" 2>/dev/null
  fi
  rm -rf "$scratch"
}
trap end EXIT
# the client tells the daemon that the build is given up
interrupt() {
  if [ -n "$client" ]; then
    kill -TERM "$client" 2>/dev/null
  else
    exit 130
  fi
}
trap interrupt INT TERM HUP

address=unix://$scratch/buildkitd.sock
# the words of BUILDKITD_FLAGS are meant to be split
$BUILDKITD $BUILDKITD_FLAGS --addr "$address" >"$scratch/log" 2>&1 &
daemon=$!
tries=0
until [ -S "$scratch/buildkitd.sock" ]; do
  if ! kill -0 $daemon 2>/dev/null || [ $tries -ge "$BUILDCTL_CONNECT_RETRIES_MAX" ]; then
    echo "buildctl-daemonless: the daemon does not serve; it said:" >&2
    cat "$scratch/log" >&2
    exit 1
  fi
  tries=$((tries + 1))
  sleep 0.2
done
exec 3<&0
$BUILDCTL --addr "$address" "$@" <&3 3<&- &
client=$!
exec 3<&-
while :; do
  wait "$client"
  status=$?
  kill -0 "$client" 2>/dev/null || break # a signal ended the waiting, not the client
done
exit $status
