#!/bin/sh
# train.sh BIN DIST DEFINITIONS
# Makes the AOT caches with which the programs in BIN start fast, in DIST: each runs once and what it loaded is kept.
# DEFINITIONS holds what is built meanwhile. An installed package's runs without arguments.
# Needs no root: the daemon that is trained serves a socket of its own and makes some files. With root
# it runs some steps too, so that profiles of that are kept as well.
here=$(cd "$(dirname "$0")" && pwd)
bin=${1:-$here/bin} dist=${2:-$here} definitions=${3:-$here/training}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
log=$scratch/log
umask 022
unset BUILDD_NATIVE
export BUILDCTL_JVM=1 # it is the JVM's programs that are trained
socket=unix://$scratch/buildd.sock
: >"$scratch/config" # not the machine's
snapshotter=native
[ "$(id -u)" = 0 ] && snapshotter=auto

BUILDD_AOT_OUTPUT=$scratch/dev.buildd.daemon.Main.aot \
  "$bin/buildd" --root "$scratch/root" --config "$scratch/config" --addr "$socket" --oci-worker-snapshotter="$snapshotter" \
  --group "$(id -g)" >"$log" 2>&1 &
daemon=$!
tries=0
while [ ! -S "$scratch/buildd.sock" ] && [ $tries -lt 100 ] && kill -0 $daemon 2>/dev/null; do
  sleep 0.1
  tries=$((tries + 1))
done
for again in 1 2; do
  "$bin/buildctl" --addr "$socket" build --progress=plain <"$definitions/files" >>"$log" 2>&1
done
if [ "$(id -u)" = 0 ] && command -v busybox >/dev/null; then
  mkdir -p "$scratch/rootfs/bin"
  cp "$(command -v busybox)" "$scratch/rootfs/bin/busybox"
  "$bin/buildctl" --addr "$socket" build --progress=plain --local rootfs="$scratch/rootfs" \
    <"$definitions/steps" >>"$log" 2>&1
fi
# a Dockerfile with something of most things
mkdir -p "$scratch/project"
{
  echo "ARG VERSION=1"
  for stage in a b c d e; do
    echo "FROM scratch AS $stage"
    echo "ARG VERSION"
    echo "ENV NAME=$stage VERSION=\${VERSION:-none}"
    echo "WORKDIR /src/$stage"
    echo "COPY --chmod=644 Dockerfile ./"
    printf 'COPY <<EOF text\n%s $NAME\nEOF\n' "$stage"
    echo "LABEL stage=$stage"
  done
  echo "COPY --from=a --link /src /all/"
  echo 'CMD ["/bin/sh"]'
} >"$scratch/project/Dockerfile"
for again in 1 2 3; do
  "$bin/buildctl" --addr "$socket" build --progress=plain --frontend dockerfile.v0 --opt build-arg:VERSION=2 \
    --local context="$scratch/project" --local dockerfile="$scratch/project" >>"$log" 2>&1
done
"$bin/buildctl" --addr "$socket" debug workers >>"$log" 2>&1
# files enough that what sends and receives them is hot, for profiles are kept of that alone
for d in 1 2 3 4 5 6 7 8 9 10; do
  mkdir -p "$scratch/context/$d"
  for f in $(seq 400); do echo "$d $f" >"$scratch/context/$d/$f"; done
done
head -c 150000000 /dev/zero >"$scratch/context/large"
BUILDD_AOT_OUTPUT=$scratch/dev.buildd.buildctl.Main.aot \
  "$bin/buildctl" --addr "$socket" build --progress=plain --local data="$scratch/context" \
  --output type=local,dest="$scratch/out" <"$definitions/local" >>"$log" 2>&1
kill -TERM $daemon
wait $daemon
for program in dev.buildd.daemon.Main dev.buildd.buildctl.Main; do
  if [ -f "$scratch/$program.aot" ]; then
    chmod 644 "$scratch/$program.aot"
    cp "$scratch/$program.aot" "$dist/.$program.new" && mv "$dist/.$program.new" "$dist/$program.aot"
  else
    echo "no AOT cache was made for $program; it will start more slowly" >&2
    tail -n 5 "$log" >&2
  fi
done
exit 0
