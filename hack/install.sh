#!/bin/bash
# install.sh [ROOT]: installs what `make` built below ROOT (DESTDIR): a runtime made for it, so that no JDK is needed, in
# $PREFIX/lib/buildd, programs in $PREFIX/bin, manual pages and completions in $PREFIX/share, and, unless they are there, systemd's
# units and an example configuration. PREFIX is /usr/local if nothing is said. The same sources, JDK and SOURCE_DATE_EPOCH (by default
# the last commit's time) give the same bytes; the AOT caches, which no two runs give alike, are made where it runs:
# /usr/lib/buildd/train.sh does that.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
root=${1:-}
prefix=${PREFIX:-/usr/local}
jdk=$("$here/hack/find-jdk.sh")
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$here" log -1 --format=%ct)}
umask 022
[ -f "$here/dist/lib/buildd-"[0-9]*.jar ] || { echo "install: there is nothing to install: run make first" >&2; exit 1; }
home=$root$prefix/lib/buildd
new=$home.new
trap 'rm -rf "$new"' EXIT
rm -rf "$new"
mkdir -p "$new/lib" "$new/bin" "$new/training" "$root$prefix/bin"

for module in buildd buildctl; do
  for jar in "$here/$module/target/lib/"*.jar; do
    name=${jar##*/}
    case "$name" in
      *-tests.jar) ;;
      *) cp "$here/dist/lib/$name" "$new/lib/" ;; # not target's: assemble.sh has raised some
    esac
  done
  cp "$here/dist/lib/$module-"[0-9]*.jar "$new/lib/"
done
cp "$here/dist/lib/librocksdbjni-linux64.so" "$new/lib/"
"$here/hack/programs.sh" "$new/bin" '$home' '$home/runtime' buildd buildkitd buildctl
install -m 755 "$here/packaging/buildctl-daemonless.sh" "$new/bin/buildctl-daemonless"
install -m 755 "$here/packaging/train.sh" "$new/train.sh"
"$here/hack/definitions.sh" "$new/training"
if [ -d "$here/dist/native" ]; then
  mkdir "$new/native"
  cp -P "$here/dist/native/"* "$new/native/"
fi
# What jdeps finds, less what only optional parts of libraries want (java.desktop and java.sql of jackson's).
modules=java.base,java.logging,java.management,java.naming,java.security.jgss,jdk.jfr,jdk.management,jdk.unsupported,jdk.zipfs
"$jdk/bin/jlink" --add-modules "$modules" --strip-debug --no-header-files --no-man-pages --compress zip-6 --output "$new/runtime"

rm -rf "$home"
mv "$new" "$home"
for name in buildd buildkitd buildctl buildctl-daemonless; do
  ln -sfn "../lib/buildd/bin/$name" "$root$prefix/bin/$name"
done
ln -sfn buildctl-daemonless "$root$prefix/bin/buildctl-daemonless.sh" # as the script of BuildKit's image is called
mkdir -p "$root$prefix/share"
cp -r "$here/dist/share/." "$root$prefix/share/"
units=$root$prefix/lib/systemd/system
[ "$prefix" = /usr ] && units=$root/lib/systemd/system
mkdir -p "$units" "$root/etc/buildkit"
for unit in buildd.service buildd.socket; do
  sed "s|/usr/lib/buildd/|$prefix/lib/buildd/|" "$here/packaging/systemd/$unit" > "$units/$unit"
done
[ -e "$root/etc/buildkit/buildkitd.toml" ] || install -m 644 "$here/packaging/buildkitd.toml" "$root/etc/buildkit/buildkitd.toml"
# nothing is newer than the sources
find "$home" "$units"/buildd.* -newermt "@$SOURCE_DATE_EPOCH" -exec touch -hd "@$SOURCE_DATE_EPOCH" {} +
if [ -z "$root" ]; then
  echo "making AOT caches"
  "$home/train.sh"
fi
