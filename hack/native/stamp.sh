#!/bin/sh
# stamp.sh PROGRAM: prints what tells one state of a program's jars, and of how its executable is built, from another.
set -e
home=$(cd "$(dirname "$0")/../.." && pwd)
cd "$home"
{
  cat "$1"/target/lib/*.jar "$1/target/$1"-[0-9]*.jar
  find hack/native -type f ! -name '*.md' | LC_ALL=C sort | xargs cat
} | sha256sum | cut -d ' ' -f 1
