package dev.buildd.examples;

import dev.buildd.client.BuildClient;
import dev.buildd.client.ConnectOptions;
import dev.buildd.client.SolveOptions;
import dev.buildd.client.SolveStatus;
import dev.buildd.gateway.Frontend;
import dev.buildd.session.filesync.FileSendTarget;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * What the examples have in common that ask a daemon themselves, because they run a frontend: which
 * daemon ({@code --addr}, else {@code BUILDKIT_HOST}), and what becomes of the result: {@code --out
 * DIR} for its files, {@code --oci FILE} for an image in an archive, {@code --push NAME} for one in
 * a registry that wants no login.
 */
final class ClientBuild {
  private static final String DEFAULT_ADDRESS = "unix:///run/buildkit/buildd.sock";

  private ClientBuild() {}

  static Map<String, String> flags(Map<String, String> more) {
    Map<String, String> out = new LinkedHashMap<>(more);
    out.put("addr", Optional.ofNullable(System.getenv("BUILDKIT_HOST")).orElse(DEFAULT_ADDRESS));
    out.put("out", "");
    out.put("oci", "");
    out.put("push", "");
    return out;
  }

  static void run(Frontend frontend, Example flags, SolveOptions options) throws Exception {
    try (BuildClient client = BuildClient.connect(ConnectOptions.of(flags.get("addr")))) {
      BuildClient.Outcome outcome =
          client.build(
              frontend, options.withExports(exports(flags)), status -> print(status, System.err));
      outcome.exporterResponse().forEach((key, value) -> System.out.println(key + "=" + value));
    }
  }

  private static SolveOptions.Export[] exports(Example flags) {
    String out = flags.get("out");
    String oci = flags.get("oci");
    String push = flags.get("push");
    if (!out.isEmpty()) {
      return new SolveOptions.Export[] {SolveOptions.Export.local(Path.of(out))};
    }
    if (!oci.isEmpty()) {
      return new SolveOptions.Export[] {
        new SolveOptions.Export("oci", Map.of(), Optional.of(file(Path.of(oci))))
      };
    }
    return push.isEmpty()
        ? new SolveOptions.Export[0]
        : new SolveOptions.Export[] {
          new SolveOptions.Export("image", Map.of("name", push, "push", "true"), Optional.empty())
        };
  }

  private static FileSendTarget.Target file(Path path) {
    return new FileSendTarget.Target.Stream(metadata -> open(path));
  }

  private static Optional<OutputStream> open(Path path) throws IOException {
    return Optional.of(Files.newOutputStream(path));
  }

  private static void print(SolveStatus status, PrintStream to) {
    for (SolveStatus.Vertex vertex : status.vertexes()) {
      if (vertex.completed().isPresent()) {
        to.println((vertex.cached() ? "CACHED " : "done ") + vertex.name());
      }
    }
    status.logs().forEach(log -> to.print(log.data().toStringUtf8()));
  }
}
