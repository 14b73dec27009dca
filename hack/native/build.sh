#!/bin/bash
# build.sh PROGRAM...: puts native executables into dist/native, of buildctl, buildd or both, of the jars that `make` left in their
# target. With the native-image of a GraalVM 25 where one is installed (GRAALVM_HOME, JAVA_HOME or
# PATH), else with a builder made of packages (builder.sh). Each takes five minutes of two processors and 5 GiB of
# memory; XMX bounds the heap (6g). The executables and the libraries beside them belong together.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
home=$(cd "$here/../.." && pwd)
out=$home/dist/native
scratch=$(mktemp -d)
trap 'rm -rf "$scratch" "$out.new"' EXIT
fail() { echo "native: $*" >&2; exit 1; }

[ $# -gt 0 ] || fail "which program? There are buildctl and buildd"
wanted=
for program in "$@"; do
  case $program in
    buildctl | buildd) ;;
    *) fail "there is no native $program; there are buildctl and buildd" ;;
  esac
  ls "$home/$program/target/$program-"[0-9]*.jar >/dev/null 2>&1 || fail "there are no jars yet: run make first"
  if [ "$(cat "$out/$program.stamp" 2>/dev/null)" = "$("$here/stamp.sh" "$program")" ]; then
    echo "native: $out/$program is up to date"
  else
    wanted="$wanted $program"
  fi
done
[ -n "$wanted" ] || exit 0
command -v gcc >/dev/null && command -v ar >/dev/null || fail "gcc with binutils is needed"
command -v unzip >/dev/null || fail "unzip is needed"

# the part that is written in C
gcc -O2 -fPIC -Wall -Werror -c "$here/c/libc.c" -o "$scratch/libc.o"
ar rcs "$scratch/libbuildd_libc.a" "$scratch/libc.o"

graalvm() {  # prints the native-image of a GraalVM 25
  for candidate in "${GRAALVM_HOME:-}/bin/native-image" "${JAVA_HOME:-}/bin/native-image" "$(command -v native-image || true)"; do
    if [ -x "$candidate" ] && "$candidate" --version 2>/dev/null | head -n 1 | grep -q -E '^native-image 25[. ]'; then
      echo "$candidate"
      return
    fi
  done
}
native_image=$(graalvm)
if [ -n "$native_image" ]; then
  echo "native: with $native_image"
else
  JAVA_HOME=$("$home/hack/find-jdk.sh")
  MVN=$("$home/hack/find-maven.sh")
  export JAVA_HOME MVN
  builder=$home/.tools/native
  echo "native: with a builder of packages, in $builder"
  "$here/builder.sh" "$builder"
fi

# the classes of messages in a jar, as metadata that lets their getters be reached by reflection: JAR PATTERN
messages() {
  unzip -Z1 "$1" "$2" \
    | grep -vE 'OrBuilder|Grpc|\$[0-9]' \
    | sed -e 's|/|.|g' -e 's|\(.*\)\.class$|{"type":"\1","allPublicMethods":true},|'
}

# PROGRAM MAIN-CLASS MESSAGES PROCESSOR OPTION...: its executable and the libraries that it needs, in $out.new; messages of the
# packages that match may be printed by their descriptors; PROCESSOR is what it is compiled for
image() {
  local program=$1 main=$2 printed=$3 processor=$4
  shift 4
  local jars metadata classpath
  jars=$(ls "$home/$program"/target/lib/*.jar "$home/$program/target/$program"-[0-9]*.jar | grep -v -- '-tests\.jar$')
  metadata=$scratch/metadata/META-INF/native-image/dev.buildd/proto
  mkdir -p "$metadata"
  {
    echo '{"reflection":['
    messages "$(echo "$jars" | grep '/proto-[0-9][^/]*\.jar$')" "$printed"
    messages "$(echo "$jars" | grep '/proto-google-common-protos-[^/]*\.jar$')" 'com/google/rpc/*.class'
    # options of fields, which text of any message asks for, and what messages hold of protobuf's own
    messages "$(echo "$jars" | grep '/protobuf-java-[0-9][^/]*\.jar$')" 'com/google/protobuf/DescriptorProtos*.class'
    for name in Any Timestamp Duration; do
      messages "$(echo "$jars" | grep '/protobuf-java-[0-9][^/]*\.jar$')" "com/google/protobuf/$name*.class"
    done
    echo '{"type":"com.google.protobuf.Empty"}]}'
  } > "$metadata/reachability-metadata.json"
  classpath=$(echo "$jars" | paste -sd:):$scratch/metadata
  # With either builder: none of Netty's list of handlers, of which we use three. RocksDB's
  # library is loaded without a warning (illegal-native-access, as the builder's JVM has it); a program that had native access enabled
  # would have foreign functions of Netty's in it. Netty's classes are initialized here: their loggers are java.util.logging's, whose
  # lines a daemon makes its own, for those of the daemon begin with it (NOP).
  local logger=-Dslf4j.provider=org.slf4j.helpers.NOP_FallbackServiceProvider
  set -- -H:+UnlockExperimentalVMOptions "-H:NativeLinkerOption=$scratch/libbuildd_libc.a" "$@"
  echo "native: $program"
  if [ -n "$native_image" ]; then
    # its monitors, as builder.sh does
    local jdk svm
    jdk=$("$home/hack/find-jdk.sh")
    svm=$(find "$(dirname "$(readlink -f "$native_image")")/.." -name svm.jar | head -n 1)
    "$jdk/bin/javac" -nowarn -d "$scratch/patch" "$here"/java/com/oracle/svm/core/monitor/*.java
    "$jdk/bin/java" "$here/PatchMonitors.java" "$svm" "$scratch/patch"
    LC_ALL=C.UTF-8 "$native_image" -cp "$classpath" --no-fallback -march="$processor" -J-Xmx"${XMX:-6g}" \
      "-J--patch-module=org.graalvm.nativeimage.builder=$scratch/patch" -J--illegal-native-access=allow "-J$logger" --add-exports=java.base/jdk.internal.vm=ALL-UNNAMED \
      --exclude-config 'netty-.*' 'META-INF/native-image/.*/generated/handlers/.*' \
      "$@" -o "$out.new/$program" "$main"
  else
    SKIP_METADATA='netty-.*/generated/handlers/' BUILDER_OPTIONS=$logger \
      "$here/image.sh" "$builder" "$classpath" "$main" "$out.new/$program" \
      -H:MicroArchitecture="$processor" "$@" '-H:NativeLinkerOption=-Wl,-rpath,$ORIGIN'
    # of the JDK's libraries those that it needs, and what those need
    for name in $(ldd "$out.new/$program" | awk '{ print $1 }') libjava.so libjvm.so; do
      if [ -f "$builder/runtime/$name" ]; then
        cp "$builder/runtime/$name" "$out.new/"
      fi
    done
  fi
  "$out.new/$program" --version >/dev/null || fail "the executable $program does not run"
  "$here/stamp.sh" "$program" > "$out.new/$program.stamp"
  echo "native: $out/$program, $(du -m "$out.new/$program" | cut -f 1) MiB; bin/$program runs it"
}

rm -rf "$out.new"
mkdir -p "$out.new"
if [ -d "$out" ]; then
  cp -P "$out"/* "$out.new/"
fi
for program in $wanted; do
  case $program in
    # for any processor; no -X and -D options of the JVM on the command line, which is the program's own; a young generation that
    # stays in the processor's cache
    buildctl)
      image buildctl dev.buildd.buildctl.Main 'dev/buildd/proto/*.class' compatibility -H:-ParseRuntimeOptions -R:MaxNewSize=8m
      ;;
    # the instructions for hashing come only with those of this kind of processor, which the launcher looks for (packaging/native.sh). As
    # packaging/buildd.options has it for the JVM: half of the memory, and an end to a daemon whose heap is full
    buildd)
      image buildd dev.buildd.daemon.Main 'dev/buildd/proto/*.class' x86-64-v3 \
        -R:MaximumHeapSizePercent=50 -R:MaxNewSize=64m -R:+ExitOnOutOfMemoryError
      # its own way of unpacking it wants /tmp
      unzip -o -q -j "$(ls "$home"/buildd/target/lib/zstd-jni-*.jar)" 'linux/amd64/*.so' -d "$out.new"
      ;;
  esac
done
# the daemon's store; of the client, debug dump-metadata reads it. assemble.sh unpacks it
ln -sf ../lib/librocksdbjni-linux64.so "$out.new/"
rm -rf "$out"
mv "$out.new" "$out"
