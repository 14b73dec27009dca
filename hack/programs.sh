#!/bin/sh
# programs.sh BIN DIST JAVA PROGRAM...
# Writes launchers of the programs (all, or those named) into the directory BIN. DIST is where jars and AOT caches are and JAVA the
# runtime's home: absolute, or beginning with $home, which is the directory that BIN is in.
# The class path is written out, in one order, because an AOT cache is good for one class path only.
set -e
here=$(cd "$(dirname "$0")/.." && pwd)
bin=$1 dist=$2 java=$3
shift 3
wanted=" $* "
# NAME MAIN-CLASS JVM-OPTIONS MODULE FIXED-ARGUMENTS
program() {
  case "$wanted" in
    "  " | *" $1 "*) ;;
    *) return 0 ;;
  esac
  classpath=
  for jar in $(ls "$here/$4/target/lib" | LC_ALL=C sort) "$4"; do
    case "$jar" in
      *.jar) classpath="$classpath:\$lib/$jar" ;;
      *) classpath="$classpath:\$lib/$(cd "$here/dist/lib" && ls "$jar"-[0-9]*.jar)" ;;
    esac
  done
  # the client is the native executable where there is one, the daemon where it is asked for
  case $4 in
    buildd)
      native=buildd target=native-daemon choice="BUILDD_NATIVE=1 asks for it, options for the JVM ask for the JVM's"
      asked='[ -n "$BUILDD_NATIVE" ] \&\& [ -z "$BUILDD_JAVA_OPTIONS" ]'
      fits=' \&\& fits' looks=$here/packaging/native.sh bound='bound; ' heap='$heap '
      ;;
    *)
      native=$1 target=native choice="BUILDCTL_JVM=1 asks for the JVM's" asked='[ -z "$BUILDCTL_JVM" ]'
      fits='' looks=/dev/null bound='' heap=''
      ;;
  esac
  sed -e "s|@MAIN@|$2|" -e "s|@OPTIONS@|$3|" -e "s|@ROOTOPTIONS@|$root|" -e "s|@CLASSPATH@|\"${classpath#:}\"|" \
    -e "s|@NAME@|$1|" -e "s|@ARGUMENTS@|$5|" -e "s|@JAVA@|$java|" -e "s|@DIST@|$dist|" \
    -e "s|@NATIVE@|$native|" -e "s|@TARGET@|$target|" -e "s|@CHOICE@|$choice|" -e "s|@ASKED@|$asked|" \
    -e "s|@FITS@|$fits|" -e "s|@BOUND@|$bound|" -e "s|@HEAP@|$heap|" \
    -e "/@LOOKS@/{r $looks
d;}" "$here/packaging/launcher.sh" > "$bin/$1"
  chmod 755 "$bin/$1"
}
daemon=$(grep -v "^#" "$here/packaging/buildd.options" | paste -sd " " -)
# what is compiled behind the back at a start waits for what the start waits for
root="-XX:ThreadPriorityPolicy=1 -XX:CompilerThreadPriority=5"
client="-XX:+UseSerialGC -XX:TieredStopAtLevel=1"
for name in buildd buildkitd; do
  program $name dev.buildd.daemon.Main "$daemon" buildd ""
done
program buildd-standalone dev.buildd.daemon.Main "$daemon" buildd \
  "--oci-worker=true --containerd-worker=false"
program buildd-containerd dev.buildd.daemon.Main "$daemon" buildd \
  "--oci-worker=false --containerd-worker=true"
program buildctl dev.buildd.buildctl.Main "$client" buildctl ""
for example in $(cat "$here/examples/programs"); do
  program "${example%%=*}" "${example#*=}" "$client" examples ""
done
