#!/bin/sh
# Prints a Maven of at least 3.9.6: an installed one, else one unpacked into .tools by an older one.
set -e
wanted=3.9.16
new_enough() {
  v=$("$1" -v 2>/dev/null | sed 's/\x1b\[[0-9;]*m//g' | sed -n 's/^Apache Maven \([0-9.]*\).*/\1/p')
  [ -n "$v" ] && [ "$(printf '3.9.6\n%s\n' "$v" | sort -V | head -n 1)" = 3.9.6 ]
}
here=$(cd "$(dirname "$0")/.." && pwd)
own="$here/.tools/apache-maven-$wanted/bin/mvn"
if [ -x "$own" ]; then
  echo "$own"
elif command -v mvn >/dev/null && new_enough mvn; then
  command -v mvn
elif command -v mvn >/dev/null; then
  mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.8.1:unpack \
    -Dartifact="org.apache.maven:apache-maven:$wanted:zip:bin" \
    -DoutputDirectory="$here/.tools" >&2
  chmod +x "$own"
  echo "$own"
else
  echo "Maven was not found. Install it (Debian: apt-get install maven)." >&2
  exit 1
fi
