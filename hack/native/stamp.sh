#!/bin/sh
# Prints what tells one state of the client's jars, and of how the executable is built, from another.
set -e
home=$(cd "$(dirname "$0")/../.." && pwd)
cd "$home"
{
  cat buildctl/target/lib/*.jar buildctl/target/buildctl-[0-9]*.jar
  find hack/native -type f ! -name '*.md' | LC_ALL=C sort | xargs cat
} | sha256sum | cut -d ' ' -f 1
