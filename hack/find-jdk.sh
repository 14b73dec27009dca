#!/bin/sh
# Prints the home of a JDK 25 or newer: JAVA_HOME if it is one, else one of those installed.
version() {
  [ -x "$1/bin/javac" ] || return 1
  v=$("$1/bin/javac" -version 2>&1 | sed -n 's/^javac \([0-9]*\).*/\1/p')
  [ -n "$v" ] && [ "$v" -ge 25 ]
}
for home in "$JAVA_HOME" /usr/lib/jvm/*25* /usr/lib/jvm/* /opt/jdk* /opt/java*; do
  if [ -n "$home" ] && version "$home"; then
    echo "$home"
    exit 0
  fi
done
echo "No JDK 25 or newer was found. Install one (for example Debian's openjdk-25-jdk-headless or" >&2
echo "Eclipse Temurin 25) and, if it is not below /usr/lib/jvm, set JAVA_HOME." >&2
exit 1
