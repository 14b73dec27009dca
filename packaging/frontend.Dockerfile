# The Dockerfile frontend as an image, to be named by "# syntax=" (docs/guide.md); its context is dist.
ARG JRE=eclipse-temurin:25-jre
FROM ${JRE}
COPY lib/base-*.jar lib/frontend-dockerfile-*.jar lib/llb-client-*.jar lib/proto-*.jar lib/session-*.jar /app/
COPY lib/annotations-*.jar lib/failureaccess-*.jar lib/grpc-*.jar lib/gson-*.jar lib/guava-*.jar lib/jackson-*.jar \
  lib/jspecify-*.jar lib/netty-*.jar lib/perfmark-*.jar lib/proto-google-common-protos-*.jar lib/protobuf-java-*.jar \
  lib/re2j-*.jar lib/slf4j-api-*.jar /app/
LABEL moby.buildkit.frontend.network.none=true \
  moby.buildkit.frontend.caps=moby.buildkit.frontend.inputs,moby.buildkit.frontend.subrequests,moby.buildkit.frontend.contexts
ENTRYPOINT ["java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto", "--enable-native-access=ALL-UNNAMED", \
  "-cp", "/app/*", "dev.buildd.frontend.dockerfile.Main"]
