#!/bin/bash
# image.sh BUILDER CLASSPATH MAIN OUTPUT [ARG...]: builds the executable OUTPUT of MAIN with the
# builder that builder.sh put into BUILDER. ARG goes to the builder as it is (-H:..., -R:...); XMX
# bounds its heap; SKIP_METADATA is a pattern of JAR!FILE whose metadata is left out.
set -euo pipefail
sdk=$(cd "$1" && pwd); cp=$2 main=$3 out=$4; shift 4
: "${JAVA_HOME:?JAVA_HOME has to name a JDK 25}"
export LC_ALL=C.UTF-8 JVMCI_VERSION_CHECK=ignore  # the executable keeps the encoding of file names
modules=$(printf '%s\n' "$sdk"/lib/*.jar | paste -sd:)
upgrade=$(printf '%s\n' "$sdk"/lib/{compiler,word,collections,truffle-compiler}-[0-9]*.jar | paste -sd:)
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT

# What the native-image command does and the builder alone does not: hand over the metadata under
# META-INF/native-image of each class path entry.
args=()
entry_list() { if [ -d "$1" ]; then (cd "$1" && find META-INF/native-image -type f 2>/dev/null); else unzip -Z1 "$1" 'META-INF/native-image/*' 2>/dev/null; fi || true; }
entry_text() { if [ -d "$1" ]; then cat "$1/$2"; else unzip -p "$1" "$2"; fi; }
initialize() {  # TIME CLASS,CLASS...: one option for the lot
    args+=("-H:ClassInitialization=$(echo "$2" | sed "s/,/:$1,/g; s/\$/:$1/")")
}
IFS=: read -r -a entries <<< "$cp"
for entry in "${entries[@]}"; do
    while read -r file; do
        [[ -n ${SKIP_METADATA:-} && "${entry##*/}!$file" =~ $SKIP_METADATA ]] && continue
        case $file in
            */reachability-metadata.json) args+=("-H:ReachabilityMetadataResources=$file") ;;
            */reflect-config.json) args+=("-H:ReflectionConfigurationResources=$file") ;;
            */jni-config.json) args+=("-H:JNIConfigurationResources=$file") ;;
            */proxy-config.json) args+=("-H:DynamicProxyConfigurationResources=$file") ;;
            */resource-config.json) args+=("-H:ResourceConfigurationResources=$file") ;;
            */serialization-config.json) args+=("-H:SerializationConfigurationResources=$file") ;;
            */native-image.properties)
                for option in $(entry_text "$entry" "$file" | sed -e ':a' -e '/\\$/{N;s/\\\n//;ba' -e '}' | sed -n 's/^Args *= *//p'); do
                    case $option in
                        --initialize-at-build-time=*) initialize build_time "${option#*=}" ;;
                        --initialize-at-run-time=*) initialize run_time "${option#*=}" ;;
                        --features=*) args+=("-H:Features=${option#*=}") ;;
                        --install-exit-handlers) args+=(-H:+InstallExitHandlers) ;;
                        -march=*) args+=("-H:MicroArchitecture=${option#*=}") ;;
                        -H:* | -R:*) args+=("$option") ;;
                        *) echo "image: not understood in $file: $option" >&2; exit 1 ;;
                    esac
                done ;;
        esac
    done < <(entry_list "$entry")
done

"$JAVA_HOME/bin/java" ${BUILDER_OPTIONS:-} -Xmx"${XMX:-6g}" -Xss10m -XX:+UseParallelGC \
    -XX:+UnlockExperimentalVMOptions -XX:+EnableJVMCI -XX:-UseJVMCICompiler \
    -Djava.awt.headless=true -Dcom.oracle.graalvm.isaot=true \
    -Dorg.graalvm.nativeimage.imagecode=buildtime -Dorg.graalvm.nativeimage.kind=executable \
    -Dsubstratevm.HostLibC=glibc -Djdk.internal.lambda.disableEagerInitialization=true \
    -Djava.system.class.loader=com.oracle.svm.hosted.NativeImageSystemClassLoader \
    @"$sdk/exports.args" --add-modules ALL-DEFAULT \
    --enable-native-access=org.graalvm.nativeimage.builder --illegal-native-access=allow \
    --upgrade-module-path "$upgrade" --module-path "$modules" \
    --patch-module org.graalvm.nativeimage.builder="$sdk/patch" \
    --module org.graalvm.nativeimage.builder/com.oracle.svm.hosted.NativeImageGeneratorRunner \
    -imagecp "$cp" \
    -H:CLibraryPath="$sdk/clib" -H:Class="$main" -H:Name="$(basename "$out")" \
    -H:Path="$(cd "$(dirname "$out")" && pwd)" -H:TempDirectory="$tmp" \
    -H:ImageBuildID="$(cat /proc/sys/kernel/random/uuid)" \
    -H:+UnlockExperimentalVMOptions -H:-UseContainerSupport -H:FallbackThreshold=0 \
    ${args[@]+"${args[@]}"} "$@"
