#!/bin/sh
# Gathers what `mvn package` made: dist/lib with all jars, the programs in bin, and in
# dist/share their manual pages and completions.
set -e
here=$(cd "$(dirname "$0")/.." && pwd)
jdk=$("$here/hack/find-jdk.sh")
rm -rf "$here/dist.new"
mkdir -p "$here/dist.new/lib" "$here/bin"
for module in buildd buildctl examples; do
  cp "$here/$module/target/lib/"*.jar "$here/dist.new/lib/"
done
for module in base proto snapshot session registry cache llb-client frontend-dockerfile solver worker-runc buildd buildctl examples; do
  cp "$here/$module/target/$module-"[0-9]*.jar "$here/dist.new/lib/"
done
rm -f "$here/dist.new/lib/"*-tests.jar
# beside the jars, where the daemon looks for it: unpacked at each start it would cost more than the rest
(cd "$here/dist.new/lib" && "$jdk/bin/jar" --extract --file rocksdbjni-*.jar librocksdbjni-linux64.so)
# or no start would find its classes in the AOT cache
"$jdk/bin/java" -cp "$(echo "$here/dist.new/lib/"asm-[0-9]*.jar)" "$here/hack/RaiseClassFiles.java" \
  "$(echo "$here/dist.new/lib/"picocli-[0-9]*.jar)"
# manual pages and completions: the programs know their flags best
reference() {
  "$jdk/bin/java" -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp "$here/dist.new/lib/*" \
    "$1.ReferencePages" "$here/dist.new/share" "$here/docs/configuration.md"
}
reference dev.buildd.buildctl
reference dev.buildd.daemon
# native executables stay as long as they are of these jars
for program in buildctl buildd; do
  stamp=$here/dist/native/$program.stamp
  again="make native"
  [ $program = buildctl ] || again="make native-daemon"
  if [ -f "$stamp" ] && [ "$("$here/hack/native/stamp.sh" $program)" != "$(cat "$stamp")" ]; then
    echo "dist/native/$program is of another state of the sources and goes; $again builds it anew" >&2
    rm "$here/dist/native/$program" "$stamp"
  fi
done
if ls "$here"/dist/native/*.stamp >/dev/null 2>&1; then
  mv "$here/dist/native" "$here/dist.new/native"
fi
rm -rf "$here/dist"
mv "$here/dist.new" "$here/dist"

"$here/hack/programs.sh" "$here/bin" '$home/dist' "$jdk"
