#!/bin/sh
# A daemon with its state in .dev, a build of an example, and a look at what it left.
set -e
here=$(cd "$(dirname "$0")/.." && pwd)
cd "$here"
if [ "$(id -u)" != 0 ]; then
  echo "buildd runs build steps in containers and needs root: sudo make quickstart" >&2
  exit 1
fi
work=$here/.dev
mkdir -p "$work/rootfs/bin"
cp "$(command -v busybox)" "$work/rootfs/bin/busybox"
socket=unix://$work/quickstart.sock
bin/buildd --root "$work/quickstart" --addr "$socket" >"$work/quickstart.log" 2>&1 &
daemon=$!
trap 'kill -TERM $daemon 2>/dev/null; wait $daemon' EXIT
tries=0
while [ ! -S "$work/quickstart.sock" ]; do
  if [ $tries -ge 100 ] || ! kill -0 $daemon 2>/dev/null; then
    cat "$work/quickstart.log" >&2
    exit 1
  fi
  sleep 0.1
  tries=$((tries + 1))
done
rm -rf "$work/out"
echo "\$ bin/busybox-local | bin/buildctl build --local rootfs=.dev/rootfs --output type=local,dest=.dev/out"
bin/busybox-local | bin/buildctl --addr "$socket" build --progress=plain \
  --local rootfs="$work/rootfs" --output type=local,dest="$work/out"
echo
echo "\$ ls -lR .dev/out"
ls -lR "$work/out"
cat > "$work/rootfs/Dockerfile" <<'DOCKERFILE'
FROM scratch
COPY bin/busybox /bin/sh
RUN echo "built of a Dockerfile" > /greeting
DOCKERFILE
echo
echo "\$ bin/buildctl build --frontend dockerfile.v0 --local context=.dev/rootfs --local dockerfile=.dev/rootfs --output type=local,dest=.dev/out"
bin/buildctl --addr "$socket" build --progress=plain --frontend dockerfile.v0 \
  --local context="$work/rootfs" --local dockerfile="$work/rootfs" --output type=local,dest="$work/out"
echo
echo "\$ cat .dev/out/greeting"
cat "$work/out/greeting"
echo
echo "\$ bin/buildctl du"
bin/buildctl --addr "$socket" du
