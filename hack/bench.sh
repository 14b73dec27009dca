#!/bin/bash
# Measures whole processes, as a user would see them; figures of a run go to docs/performance.md.
# Another daemon and client can be measured the same way:
#   BENCH_BUILDD="buildkitd --oci-worker-net host --containerd-worker=false" BENCH_BUILDCTL=buildctl hack/bench.sh
# BENCH_ROWS picks rows by a regular expression; BENCH_SIZES and BENCH_CLIENTS are the numbers of vertices and of builds at once.
# The rows "pull", "export", "push" and "cache" need docker-registry, skopeo and umoci, and 5 GB.
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
trap 'stop; [ -n "$registry" ] && kill "$registry"; rm -rf "$work"' EXIT
daemon=
registry=

now() { date +%s%N; }
row() { printf '%-58s %s\n' "$1" "$2"; }
wanted() { [[ $1 =~ $rows ]]; }
start() {
  $buildd --root "$work/root" --addr "$address" >"$work/log" 2>&1 &
  daemon=$!
  until [ -S "$socket" ] && $probe; do
    kill -0 "$daemon" 2>/dev/null || { cat "$work/log" >&2; exit 1; }
    sleep 0.01
  done
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
if wanted chain; then
  graph chain 1000 "c$RANDOM" > "$work/g"
  row "chain: 1,000 files one after another, cold" "$(seconds build "$work/g") s"
  row "chain: 1,000 files one after another, cached" "$(seconds build "$work/g") s"
fi
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
# a store of many steps: BENCH_STEPS, and a hundredth of that (but 100,000 at least) to prune
if wanted scale; then
  steps=${BENCH_STEPS:-2000000}
  load() { rm -rf "$work/root"; mkdir -m 0700 "$work/root" # the daemon has been stopped: a subshell cannot wait for it
    "${JAVA_HOME:+$JAVA_HOME/bin/}java" --enable-native-access=ALL-UNNAMED -cp "$here/buildd/target/test-classes:$here/dist/lib/*" dev.buildd.daemon.StoreLoader "$work/root" "$1"; }
  heap() { "${JAVA_HOME:+$JAVA_HOME/bin/}jcmd" "$daemon" GC.run >/dev/null; "${JAVA_HOME:+$JAVA_HOME/bin/}jcmd" "$daemon" GC.heap_info | grep -o 'used [0-9]*K' | head -1; }
  graph files 100 "scale$RANDOM" > "$work/g"
  fresh; build "$work/g" >/dev/null 2>&1
  row "scale: empty store, heap after a collection" "$(heap)"
  for i in 1 2 3; do row "scale: empty store, 100 cached steps, $i" "$(seconds build "$work/g") s"; done
  stop; row "scale: loading $steps steps" "$(load "$steps")"
  rm -f "$socket"; from=$(now); start
  row "scale: $steps steps, to a serving socket" "$(elapsed "$from" "$(now)") s"
  build "$work/g" >/dev/null 2>&1
  row "scale: $steps steps, heap after a collection" "$(heap)"
  for i in 1 2 3; do row "scale: $steps steps, 100 cached steps, $i" "$(seconds build "$work/g") s"; done
  row "scale: $steps steps, resident memory" "$(rss)"
  row "scale: $steps steps, on disk" "$(du -sm "$work/root/metadata" | cut -f1) MB"
  for n in 4000 100000; do
    stop; load $n >/dev/null; rm -f "$socket"; start
    graph files 2000 "prune$RANDOM" > "$work/g"; build "$work/g" >/dev/null 2>&1 # the daemon is warm then
    for i in 1 2; do graph files 2000 "prune$RANDOM" > "$work/g"; row "scale: 2,000 files alone, $i" "$(seconds build "$work/g") s"; done
    graph files 2000 "prune$RANDOM" > "$work/g"
    (seconds build "$work/g" > "$work/beside") & beside=$!
    row "scale: prune of $n records" "$(seconds "$buildctl" --addr "$address" prune --all) s"
    wait $beside; row "scale: 2,000 files meanwhile" "$(cat "$work/beside") s"
  done
  fresh
fi
if wanted memory; then row "memory: resident after all that" "$(rss)"; fi
if wanted upload; then
  mkdir -p "$work/big" "$work/small"
  head -c 500000000 /dev/urandom > "$work/big/file"
  for d in $(seq 200); do
    mkdir -p "$work/small/$d"
    for f in $(seq 100); do echo "$d $f" > "$work/small/$d/$f"; done
  done
  graph local 1 "" > "$work/g"
  row "upload: one file of 500 MB, first" "$(seconds build "$work/g" --local data="$work/big") s"
  row "upload: one file of 500 MB, unchanged" "$(seconds build "$work/g" --local data="$work/big") s"
  row "upload: 20,000 small files, first" "$(seconds build "$work/g" --local data="$work/small") s"
  row "upload: 20,000 small files, unchanged" "$(seconds build "$work/g" --local data="$work/small") s"
fi

# Dockerfiles, by the daemon's own frontend: of 2,000 lines and of one, and of ten stages that are built for real
if wanted dockerfile; then
  project=$work/project
  mkdir -p "$project/bin" "$project/src"
  cp "$(command -v busybox)" "$project/bin/busybox"
  for d in $(seq 200); do
    mkdir -p "$project/src/$d"
    for f in $(seq 100); do echo "$d $f" > "$project/src/$d/$f"; done
  done
  dockerfile() { build /dev/null --frontend dockerfile.v0 --local context="$project" --local dockerfile="$project" "$@"; }
  {
    echo "FROM scratch"
    for i in $(seq 500); do
      printf 'ARG A%d=%d\nLABEL l%d=$A%d\nCOPY bin/busybox /bin/b%d\nWORKDIR /w/%d\n' $((i % 50)) $i $i $((i % 50)) $i $i
    done
  } > "$project/long.Dockerfile"
  echo "FROM scratch" > "$project/short.Dockerfile"
  # what is asked for needs the conversion, and is answered with a few words; the short one shows what the rest costs
  for file in long short; do
    dockerfile --opt filename=$file.Dockerfile --opt requestid=frontend.lint >/dev/null 2>&1
    for i in $(seq 15); do seconds dockerfile --opt filename=$file.Dockerfile --opt requestid=frontend.lint; echo; done > "$work/times"
    row "dockerfile: $file one checked, after one / the last of fifteen" "$(head -n 1 "$work/times") / $(tail -n 1 "$work/times") s"
  done
  {
    printf 'FROM scratch AS base\nCOPY bin/busybox /bin/busybox\nRUN ["/bin/busybox", "--install", "-s", "/bin"]\nENV PATH=/bin\n'
    for i in 1 2 3 4 5 6 7 8; do
      printf 'FROM base AS s%d\nWORKDIR /work\nCOPY src/%d ./src\nRUN cat src/* > all && wc -l all > /out%d\n' $i $i $i
    done
    printf 'FROM base\n'
    for i in 1 2 3 4 5 6 7 8; do printf 'COPY --from=s%d /out%d /\n' $i $i; done
    printf 'COPY src /src\n'
  } > "$project/Dockerfile"
  row "dockerfile: ten stages, 20,000 files, cold" "$(seconds dockerfile) s"
  for i in 1 2 3; do row "dockerfile: ten stages, 20,000 files, cached, $i" "$(seconds dockerfile) s"; done
  for i in 1 2 3; do
    echo "changed $i" > "$project/src/3/7"
    row "dockerfile: ten stages, one source file changed, $i" "$(seconds dockerfile) s"
  done
  buildx=${BENCH_BUILDX:-$here/.tools/docker-buildx}
  if [ -x "$buildx" ]; then
    export HOME=$work/home BUILDX_BUILDER=bench
    "$buildx" create --name bench --driver remote "$address" >/dev/null
    for i in 1 2 3; do row "dockerfile: the same by docker buildx, cached, $i" "$(seconds "$buildx" build --progress=plain "$project") s"; done
  fi
fi

# Debian's registry on loopback, which every daemon here takes for one without TLS
serve_registry() {
  host=localhost:$((20000 + RANDOM % 20000))
  cat > "$work/registry.yml" <<END
version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: $work/registry}}
http: {addr: "$host"}
END
  docker-registry serve "$work/registry.yml" >"$work/registry.log" 2>&1 &
  registry=$!
  until (exec 3<>"/dev/tcp/${host%:*}/${host#*:}") 2>/dev/null; do sleep 0.05; done
}
# ten lists of files of this machine, 100 MB each: what images are made of
lists() {
  find /usr -xdev -type f -size -20M -printf '%s %P\n' | LC_ALL=C sort -k2 |
    awk -v to="$work/list" '{ at += $1; n = 1 + int(at / 1e8); if (n > 10) exit; sub(/^[0-9]+ /, ""); print > (to "." n) }'
}
image_of_ten_layers() {
  local i
  umoci init --layout "$work/oci"
  umoci new --image "$work/oci:ten"
  for i in 1 2 3 4 5 6 7 8 9 10; do
    tar -C /usr -cf "$work/layer.tar" -T "$work/list.$i"
    umoci raw add-layer --image "$work/oci:ten" "$work/layer.tar"
  done
  rm "$work/layer.tar"
  skopeo copy --quiet --dest-tls-verify=false "oci:$work/oci:ten" "docker://$host/ten:1"
  rm -rf "$work/oci"
}
if wanted pull || wanted export || wanted push || wanted cache; then serve_registry; fi
if wanted pull || wanted export || wanted push; then lists; fi
if wanted pull; then
  image_of_ten_layers >/dev/null
  for i in 1 2 3; do
    fresh
    "$here/bin/workload" --kind image --image "$host/ten:1" --salt "$i" > "$work/g"
    row "pull: image of 1 GB in 10 layers, fetched and unpacked, $i" "$(seconds build "$work/g") s"
  done
fi
if wanted export || wanted push; then
  mkdir "$work/layer"
  cat "$work"/list.* | tar -C /usr -cf - -T - | tar -C "$work/layer" -xf -
  for i in 1 2; do
    fresh
    for compression in gzip zstd; do
      graph local 1 "$compression" > "$work/$compression"
      build "$work/$compression" --local data="$work/layer" >/dev/null 2>&1
      row "export: layer of 1 GB as $compression, $i" "$(seconds build "$work/$compression" --local data="$work/layer" \
        --output "type=image,name=$host/$compression,compression=$compression,force-compression=true") s"
    done
  done
  # both have what the client sent by now; how long a client takes to say that nothing has changed is in each row
  row "export: unchanged" "$(seconds build "$work/gzip" --local data="$work/layer" --output "type=image,name=$host/gzip") s"
fi
if wanted push; then
  pushed() { seconds build "$work/gzip" --local data="$work/layer" --output "type=image,name=$host/gzip,push=true"; }
  row "push: layer of 1 GB, first" "$(pushed) s"
  row "push: unchanged" "$(pushed) s"
fi
if wanted cache; then
  fresh
  graph files 1000 "c$RANDOM" > "$work/g"
  build "$work/g" >/dev/null 2>&1
  row "cache: export of 1,000 steps" "$(seconds build "$work/g" --export-cache "type=registry,ref=$host/cache,mode=max") s"
  row "cache: export again" "$(seconds build "$work/g" --export-cache "type=registry,ref=$host/cache,mode=max") s"
  fresh
  row "cache: import of 1,000 steps" "$(seconds build "$work/g" --import-cache "type=registry,ref=$host/cache") s"
fi
