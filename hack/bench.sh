#!/bin/bash
# Measures whole processes, as a user would see them; figures of a run go to docs/performance.md.
# Another daemon and client can be measured the same way:
#   BENCH_BUILDD="buildkitd --oci-worker-net host --containerd-worker=false" BENCH_BUILDCTL=buildctl hack/bench.sh
# BENCH_ROWS picks rows by a regular expression; BENCH_SIZES and BENCH_CLIENTS are the numbers of vertices and of builds at once.
# BENCH_DIR is where the files are. The rows "upload" want a filesystem made for the run: where files were deleted shortly before,
# making new ones was several times slower with every daemon (ext4's recently_deleted is suspected).
set -u
here=$(cd "$(dirname "$0")/.." && pwd)
buildd=${BENCH_BUILDD:-$here/bin/buildd}
buildctl=${BENCH_BUILDCTL:-$here/bin/buildctl}
rows=${BENCH_ROWS:-.}
work=$(mktemp -d "${BENCH_DIR:-/var/tmp}/buildd-bench.XXXXXX")
socket=$work/buildd.sock
address=unix://$socket
trap 'stop; rm -rf "$work"' EXIT
daemon=

now() { date +%s%N; }
row() { printf '%-58s %s\n' "$1" "$2"; }
wanted() { [[ $1 =~ $rows ]]; }
start() {
  $buildd --root "$work/root" --addr "$address" >"$work/log" 2>&1 &
  daemon=$!
  until [ -S "$socket" ] && $probe; do sleep 0.01; done
}
probe=true
stop() {
  [ -n "$daemon" ] && kill -TERM "$daemon" 2>/dev/null && wait "$daemon" 2>/dev/null
  daemon=
}
fresh() { stop; rm -rf "$work/root"; start; }
# seconds that a command takes
seconds() {
  local from to
  from=$(now)
  "$@" >"$work/out" 2>&1 || { cat "$work/out" >&2; echo failed; return; }
  to=$(now)
  elapsed "$from" "$to"
}
elapsed() { awk -v ns=$(($2 - $1)) 'BEGIN { printf "%.3f", ns / 1e9 }'; }
build() { "$buildctl" --addr "$address" build --progress=plain "${@:2}" < "$1"; }
concurrent() { # FILE-PREFIX N
  local i pids=()
  for i in $(seq "$2"); do build "$1.$i" & pids+=($!); done
  for i in "${pids[@]}"; do wait "$i" || return 1; done
}
graph() { "$here/bin/workload" --kind "$1" --count "$2" --salt "$3"; }
rss() { awk '/VmRSS/ { printf "%d MB", $2 / 1024 }' "/proc/$daemon/status"; }
written() { awk '/^write_bytes/ { print $2 }' "/proc/$daemon/io"; }

mkdir -p "$work/rootfs/bin"
cp "$(command -v busybox)" "$work/rootfs/bin/busybox"

if wanted start; then
  for i in 1 2 3; do
    stop; rm -rf "$work/root" "$socket"
    from=$(now)
    start
    row "start: to a serving socket, $i" "$(elapsed "$from" "$(now)") s"
  done
fi
fresh
if wanted du; then
  for i in 1 2 3; do row "du: wall, $i" "$(seconds "$buildctl" --addr "$address" du) s"; done
fi
if wanted idle; then row "idle: resident memory" "$(rss)"; fi
if wanted warm; then
  graph files 2000 warm > "$work/warm"; build "$work/warm" >/dev/null 2>&1
  graph steps 10 warm > "$work/warm"; build "$work/warm" --local rootfs="$work/rootfs" >/dev/null 2>&1
fi
for n in 1 50; do
  if wanted "steps"; then
    graph steps $n "s$RANDOM" > "$work/g"
    row "steps: $n exec one after another, cold" "$(seconds build "$work/g" --local rootfs="$work/rootfs") s"
    row "steps: $n exec one after another, cached" "$(seconds build "$work/g" --local rootfs="$work/rootfs") s"
  fi
done
for n in ${BENCH_SIZES:-100 1000 10000}; do
  for c in ${BENCH_CLIENTS:-1 4 16}; do
    if wanted "files"; then
      [ $n = 10000 ] && [ $c = 16 ] && [ -z "${BENCH_ALL:-}" ] && continue
      for i in $(seq $c); do graph files $n "f$RANDOM$i" > "$work/g.$i"; done
      before=$(written)
      cold=$(seconds concurrent "$work/g" $c)
      after=$(written)
      row "files: $n vertices × $c builds, cold" \
        "$cold s, $(awk -v n=$((n * c)) -v s="$cold" 'BEGIN { printf "%d vertices/s", (s > 0 ? n / s : 0) }'), $(((after - before) / (n * c))) bytes each"
      row "files: $n vertices × $c builds, cached" "$(seconds concurrent "$work/g" $c) s"
    fi
  done
done
if wanted memory; then row "memory: resident after all that" "$(rss)"; fi
if wanted upload; then
  mkdir -p "$work/big" "$work/small"
  head -c 500000000 /dev/urandom > "$work/big/file"
  for d in $(seq 200); do
    mkdir -p "$work/small/$d"
    for f in $(seq 100); do echo "$d $f" > "$work/small/$d/$f"; done
  done
  graph local 1 x > "$work/g"
  row "upload: one file of 500 MB, first" "$(seconds build "$work/g" --local data="$work/big") s"
  row "upload: one file of 500 MB, unchanged" "$(seconds build "$work/g" --local data="$work/big") s"
  row "upload: 20,000 small files, first" "$(seconds build "$work/g" --local data="$work/small") s"
  row "upload: 20,000 small files, unchanged" "$(seconds build "$work/g" --local data="$work/small") s"
fi
