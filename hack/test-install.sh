#!/bin/bash
# Installs the Debian package in a copy of this system, whose changes are kept in memory, runs the daemon as its unit says with a script
# in systemd's place, builds, upgrades with the cache kept, and removes it without leftovers. Needs root; touches nothing outside.
# test-install.sh [PACKAGE]   without one, the package is made, twice, to see that both are the same
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
if [ "${1:-}" = inside ]; then
  fail() { echo "test-install: $*" >&2; exit 1; }
  export BUILDD_NO_TRAINING=1 LC_ALL=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive
  unset JAVA_HOME BUILDD_JAVA_HOME BUILDD_JAVA_OPTIONS BUILDKIT_HOST
  exec </dev/null
  manager=
  # whatever fails, no daemon outlives the trial
  trap '[ -z "$manager" ] || kill -9 "$manager" $(sed -n "s/^pid //p" /trial/told) 2>/dev/null || true' EXIT
  # other programs' log of the package manager is none of ours
  dpkg -i /trial/1.deb >/dev/null
  buildd --version && buildctl --version
  command=$(sed -n 's/^ExecStart=//p' /lib/systemd/system/buildd.service)
  if command -v systemd-analyze >/dev/null; then
    # pages are read by man, which need not be here
    told=$(systemd-analyze verify --man=no /lib/systemd/system/buildd.service /lib/systemd/system/buildd.socket 2>&1 | grep buildd || true)
    [ -z "$told" ] || fail "systemd-analyze says: $told"
  fi
  [ -h /etc/systemd/system/sockets.target.wants/buildd.socket ] || fail "the socket unit is not enabled"
  start() {
    mkdir -p /run/buildkit
    # shellcheck disable=SC2086 # words of a unit
    perl /trial/service-manager.pl /run/buildkit/buildkitd.sock 0 /run/notify 10000000 $command >/trial/told 2>/trial/log &
    manager=$!
    for _ in $(seq 300); do
      grep -q "told READY=1" /trial/told 2>/dev/null && return 0
      sleep 0.1
    done
    fail "the daemon is not ready: $(cat /trial/told /trial/log)"
  }
  stop() {
    daemon=$(sed -n 's/^pid //p' /trial/told)
    kill -TERM "$daemon"
    for _ in $(seq 200); do
      grep -q ') Z ' "/proc/$daemon/stat" 2>/dev/null && break
      sleep 0.1
    done
    grep -q ') Z ' "/proc/$daemon/stat" || fail "the daemon does not end: $(cat /trial/log)"
    kill "$manager"
    wait "$manager" 2>/dev/null || true
    manager=
    rm -rf /run/buildkit/* /run/notify
  }
  build() {
    buildctl build --progress=plain --frontend dockerfile.v0 --local context=/trial/project --local dockerfile=/trial/project \
      --output type=local,dest=/trial/out 2>&1
  }
  start
  first=$(build) || fail "the first build: $first"
  [ "$(cat /trial/out/made)" = "by busybox" ] || fail "the step made something else: $first"
  echo "$first" | grep -q CACHED && fail "a first build has nothing cached: $first"
  readlink "/proc/$(sed -n 's/^pid //p' /trial/told)/exe" | grep -q '^/usr/lib/buildd/runtime/' || fail "it is another Java that runs"
  stop
  echo "# mine" >> /etc/buildkit/buildkitd.toml
  dpkg -i /trial/2.deb >/dev/null
  grep -q "# mine" /etc/buildkit/buildkitd.toml || fail "the upgrade has changed the configuration"
  start
  again=$(build) || fail "the build after the upgrade: $again"
  [ "$(echo "$again" | grep -c '^#[0-9]* CACHED')" = 2 ] || fail "the upgrade has lost the cache: $again"
  stop
  start
  # the image of the daemon, on a small system in place of Debian's
  image=$(buildctl build --progress=plain --frontend dockerfile.v0 --local context=/trial/release --local dockerfile=/trial/image \
    --local system=/trial/system --opt context:system=local:system --opt build-arg:SYSTEM=system --opt build-arg:BUILDD_NO_TRAINING=1 \
    --output type=local,dest=/trial/root --output type=oci,dest=/trial/image.tar 2>&1) || fail "the image: $image"
  mount --rbind /proc /trial/root/proc # where programs find what lies beside them
  for program in buildkitd buildctl; do
    chroot /trial/root /usr/bin/$program --version | grep -q dev.buildd || fail "$program does not run in the image"
  done
  umount -l /trial/root/proc
  mkdir /trial/layout && tar -C /trial/layout -xf /trial/image.tar
  grep -laF '"Entrypoint":["/usr/bin/buildkitd"]' /trial/layout/blobs/sha256/* | xargs grep -qF '"Volumes":{"/var/lib/buildkit":{}}' \
    || fail "the image's configuration is another"
  rm -rf /trial/root /trial/layout
  stop
  # as a caller of docker run would: a daemon for one build
  echo "FROM scratch" > /trial/project/Dockerfile
  BUILDKITD_FLAGS="--root /trial/other" buildctl-daemonless build --progress=plain --frontend dockerfile.v0 \
    --local context=/trial/project --local dockerfile=/trial/project </dev/null 2>&1 | grep -q DONE || fail "buildctl-daemonless"
  if BUILDKITD_FLAGS="--no-such-flag" buildctl-daemonless build 2>/trial/errors; then fail "a daemon that does not start is no success"; fi
  grep -q no-such-flag /trial/errors || fail "what the daemon said is not told: $(cat /trial/errors)"
  ls -d /tmp/buildctl-daemonless.* 2>/dev/null && fail "buildctl-daemonless leaves something behind"
  dpkg -r buildd-jvm >/dev/null 2>&1
  [ -d /var/lib/buildkit/cache ] || [ -n "$(ls /var/lib/buildkit)" ] || fail "removing has taken the cache"
  umount /var/lib/buildkit # a disk of its own is the test's
  mkdir -p /var/lib/buildkit/something
  dpkg -P buildd-jvm >/dev/null 2>&1
  exit 0
fi

[ "$(id -u)" = 0 ] || { echo "test-install: root is needed" >&2; exit 1; }
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
if [ -n "${1:-}" ]; then
  package=$1
else
  "$here/hack/release.sh" >/dev/null
  cp -r "$here/dist/release" "$scratch/first"
  "$here/hack/release.sh" >/dev/null
  cmp "$scratch/first/SHA256SUMS" "$here/dist/release/SHA256SUMS" || { echo "test-install: two releases differ" >&2; exit 1; }
  package=$(echo "$here/dist/release/"*.deb)
fi
mkdir -p "$scratch/trial/"{project,image,release,system} "$scratch/memory"
cp "$package" "$scratch/trial/1.deb"
cp "$here/hack/test-install.sh" "$here/buildd/src/test/resources/service-manager.pl" /bin/busybox "$scratch/trial/"
cp /bin/busybox "$scratch/trial/project/"
cat > "$scratch/trial/project/Dockerfile" <<'D'
FROM scratch
COPY busybox /bin/sh
RUN echo "by busybox" > /made
D
cp "$here/packaging/Dockerfile" "$scratch/trial/image/"
cp "${package%.deb}.tar.gz" "$scratch/trial/release/"
dpkg-deb -x "$package" "$scratch/x"
"$here/hack/test-system.sh" "$scratch/trial/system" "$scratch/x"
rm -rf "$scratch/x"
dpkg-deb -R "$package" "$scratch/next"
sed -i 's/^Version: .*/&+next/' "$scratch/next/DEBIAN/control"
dpkg-deb --root-owner-group -Zgzip -z1 --build "$scratch/next" "$scratch/trial/2.deb" >/dev/null
rm -rf "$scratch/next"
export scratch
unshare --mount --propagation private bash -euc '
  cd "$scratch"
  mount -t tmpfs none memory
  mkdir memory/upper memory/work memory/merged
  mount -t overlay -o lowerdir=/,upperdir=memory/upper,workdir=memory/work none memory/merged
  cd memory/merged
  for at in proc sys dev; do mount --rbind /$at $at; done
  mount -t tmpfs none run
  mount -t tmpfs none tmp
  mkdir -p trial var/lib/buildkit
  mount --bind "$scratch/trial" trial
  mount -t tmpfs none var/lib/buildkit
  chroot . bash /trial/test-install.sh inside
  # what is left of it in the copy
  cd ../upper
  rmdir trial
  left=$(find . -mindepth 1 ! -type d ! -path "./var/lib/dpkg/*" ! -path "./var/log/*" ! -path "./var/cache/*" ! -path "./root/*";
    find . -mindepth 1 \( -name "*buildd*" -o -name "*buildctl*" -o -name "*buildkit*" \) ! -path "./var/lib/dpkg/*")
  [ -z "$left" ] || { echo "test-install: left behind: $left" >&2; exit 1; }
'
echo "test-install: installed, built, upgraded with the cache kept, removed without leftovers"
