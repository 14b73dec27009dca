#!/bin/bash
# test-system.sh SYSTEM INSTALLED: makes in the directory SYSTEM the least system in which what install.sh put below INSTALLED runs
# steps: in tests it stands in for the packages of packaging/Dockerfile, and needs no network.
set -euo pipefail
system=$1
installed=$(cd "$2" && pwd -P)
mkdir -p "$system"/{bin,usr/bin,tmp,proc,sys,dev,lib64}
cp /bin/busybox "$system/bin/busybox"
for applet in sh readlink dirname id mkdir; do ln -s busybox "$system/bin/$applet"; done
runc=$(command -v runc)
cp "$runc" "$system/usr/bin/runc"
lib=$installed/usr/lib/buildd
# of each library that is no program's own: where it is
for file in "$lib"/runtime/bin/java "$lib"/runtime/lib/*.so "$lib"/runtime/lib/server/*.so "$lib"/lib/*.so "$runc"; do
  ldd "$file" 2>/dev/null || true # says so and fails if there is nothing to link
done | awk '$2 == "=>" && $3 ~ "^/" { print $3 } /^[ \t]+\/lib/ { print $1 }' | grep -v "^$installed" | sort -u | while read -r library; do
  install -D "$library" "$system$library"
done
