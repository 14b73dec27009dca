#!/bin/bash
# Makes dist/native: the command line as a native executable, of the jars that `make` left in
# buildctl/target. With the native-image of a GraalVM 25 where one is installed (GRAALVM_HOME, JAVA_HOME or
# PATH), else with a builder made of packages (builder.sh). It takes five minutes of processor time and 5 GiB of
# memory; XMX bounds the heap (6g). The executable and the libraries beside it belong together.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
home=$(cd "$here/../.." && pwd)
out=$home/dist/native
scratch=$(mktemp -d)
trap 'rm -rf "$scratch" "$out.new"' EXIT
fail() { echo "native: $*" >&2; exit 1; }

jars=$(ls "$home"/buildctl/target/lib/*.jar "$home"/buildctl/target/buildctl-[0-9]*.jar 2>/dev/null | grep -v -- '-tests\.jar$') \
  || fail "there are no jars yet: run make first"
stamp=$("$here/stamp.sh")
if [ "$(cat "$out/stamp" 2>/dev/null)" = "$stamp" ]; then
  echo "native: $out is up to date"
  exit 0
fi
command -v gcc >/dev/null && command -v ar >/dev/null || fail "gcc with binutils is needed"
command -v unzip >/dev/null || fail "unzip is needed"

# the part that is written in C
gcc -O2 -fPIC -Wall -Werror -c "$here/c/libc.c" -o "$scratch/libc.o"
ar rcs "$scratch/libbuildd_libc.a" "$scratch/libc.o"

# debug dump-llb prints messages by their descriptors, which reach getters by reflection
metadata=$scratch/metadata/META-INF/native-image/dev.buildd/proto
mkdir -p "$metadata"
{
  echo '{"reflection":['
  unzip -Z1 "$(echo "$jars" | grep '/proto-[0-9][^/]*\.jar$')" 'dev/buildd/proto/pb/*.class' \
    | grep -vE 'OrBuilder|Grpc|\$[0-9]' \
    | sed -e 's|/|.|g' -e 's|\(.*\)\.class$|{"type":"\1","allPublicMethods":true},|' -e '$s/,$//'
  echo ']}'
} > "$metadata/reachability-metadata.json"
classpath=$(echo "$jars" | paste -sd:):$scratch/metadata

# With either builder: no -X and -D options of the JVM on the command line, which is the program's own; a young generation that
# stays in the processor's cache; code for any processor of the kind; none of Netty's list of handlers, of which we use three. RocksDB's
# library is loaded without a warning (illegal-native-access, as the builder's JVM has it); a program that had native access enabled
# would have foreign functions of Netty's in it.
main=dev.buildd.buildctl.Main
options=(-H:+UnlockExperimentalVMOptions -H:-ParseRuntimeOptions -R:MaxNewSize=8m "-H:NativeLinkerOption=$scratch/libbuildd_libc.a")

graalvm() {  # prints the native-image of a GraalVM 25
  for candidate in "${GRAALVM_HOME:-}/bin/native-image" "${JAVA_HOME:-}/bin/native-image" "$(command -v native-image || true)"; do
    if [ -x "$candidate" ] && "$candidate" --version 2>/dev/null | head -n 1 | grep -q -E '^native-image 25[. ]'; then
      echo "$candidate"
      return
    fi
  done
}

rm -rf "$out.new"
mkdir -p "$out.new"
native_image=$(graalvm)
if [ -n "$native_image" ]; then
  echo "native: with $native_image"
  LC_ALL=C.UTF-8 "$native_image" -cp "$classpath" --no-fallback -march=compatibility -J-Xmx"${XMX:-6g}" -J--illegal-native-access=allow \
    --exclude-config 'netty-.*' 'META-INF/native-image/.*/generated/handlers/.*' \
    "${options[@]}" -o "$out.new/buildctl" "$main"
else
  JAVA_HOME=$("$home/hack/find-jdk.sh")
  MVN=$("$home/hack/find-maven.sh")
  export JAVA_HOME MVN
  builder=$home/.tools/native
  echo "native: with a builder of packages, in $builder"
  "$here/builder.sh" "$builder"
  SKIP_METADATA='netty-.*/generated/handlers/' \
    "$here/image.sh" "$builder" "$classpath" "$main" "$out.new/buildctl" \
    -H:MicroArchitecture=compatibility "${options[@]}" '-H:NativeLinkerOption=-Wl,-rpath,$ORIGIN'
  # of the JDK's libraries those that it needs, and what those need
  for name in $(ldd "$out.new/buildctl" | awk '{ print $1 }') libjava.so libjvm.so; do
    if [ -f "$builder/runtime/$name" ]; then
      cp "$builder/runtime/$name" "$out.new/"
    fi
  done
fi
# debug dump-metadata reads the daemon's store with it; assemble.sh unpacks it
ln -s ../lib/librocksdbjni-linux64.so "$out.new/"
"$out.new/buildctl" --version >/dev/null || fail "the executable does not run"
echo "$stamp" > "$out.new/stamp"
rm -rf "$out"
mv "$out.new" "$out"
echo "native: $out/buildctl, $(du -m "$out/buildctl" | cut -f 1) MiB; bin/buildctl runs it"
