#!/bin/sh
# @NAME@, written by hack/programs.sh
# what RocksDB allocates comes from few arenas; it need not start a program to know the C library
export MALLOC_ARENA_MAX="${MALLOC_ARENA_MAX:-2}" ROCKSDB_MUSL_LIBC=false
# the native executable, if there is one (make @TARGET@); @CHOICE@
@LOOKS@
native() { @ASKED@ && [ -x "@DIST@/native/@NATIVE@" ]@FITS@; }
home=${0%/*}/..
if [ ! -h "$0" ] && native; then
  @BOUND@exec "@DIST@/native/@NATIVE@" @HEAP@@ARGUMENTS@ "$@" # without starting another program before it
fi
self=$0
while [ -h "$self" ]; do
  link=$(readlink "$self")
  case "$link" in
    /*) self=$link ;;
    *) self=$(dirname "$self")/$link ;;
  esac
done
case "$self" in
  */*) self=${self%/*} ;;
  *) self=. ;;
esac
home=$(cd "$self/.." && pwd -P)
if native; then
  @BOUND@exec "@DIST@/native/@NATIVE@" @HEAP@@ARGUMENTS@ "$@"
fi
java=${BUILDD_JAVA_HOME:-@JAVA@}/bin/java
lib=@DIST@/lib
classpath=@CLASSPATH@
aot=
if [ -n "$BUILDD_AOT_OUTPUT" ]; then
  aot=-XX:AOTCacheOutput=$BUILDD_AOT_OUTPUT
elif [ -f "@DIST@/@MAIN@.aot" ]; then
  aot=-XX:AOTCache=@DIST@/@MAIN@.aot
fi
# file names are bytes; only with a UTF-8 locale does the JVM keep them
case "${LC_ALL:-${LC_CTYPE:-$LANG}}" in
  *UTF-8* | *utf8*) ;;
  *) export LC_ALL=C.UTF-8 ;;
esac
# what only root may ask for; others would be warned of it
asroot=
[ -O / ] && asroot="@ROOTOPTIONS@"
exec "$java" @OPTIONS@ $asroot $aot -XX:-UsePerfData --enable-native-access=ALL-UNNAMED "-Djava.library.path=$lib" \
  $BUILDD_JAVA_OPTIONS -cp "$classpath" @MAIN@ @ARGUMENTS@ "$@"
