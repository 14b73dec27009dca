package dev.buildd.daemon;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.buildd.gateway.GatewayClient;
import dev.buildd.gateway.Reference;
import dev.buildd.gateway.Result;
import dev.buildd.gateway.grpc.StdioFrontend;
import dev.buildd.llb.Llb;
import dev.buildd.llb.State;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;

/** A frontend that is a program in an image; does what its option {@code do} says. */
final class ProgramFrontend {
  private ProgramFrontend() {}

  public static void main(String[] args) throws Exception {
    String what = wanted();
    switch (what) {
      case "die" -> System.exit(9);
      case "leave" -> System.exit(0);
      case "hang-up" -> {
        System.out.println("this is no HTTP/2, whatever else it may be");
        System.out.close();
        Thread.sleep(60_000);
      }
      default -> {}
    }
    int code = StdioFrontend.run(ProgramFrontend::build);
    System.exit(what.equals("return-and-die") ? 8 : code);
  }

  private static String wanted() {
    for (String value : System.getenv().values()) {
      if (value.startsWith("do=")) {
        return value.substring("do=".length());
      }
    }
    return "";
  }

  private static Result build(GatewayClient gateway) throws Exception {
    System.out.println("hello operator");
    return switch (gateway.options().getOrDefault("do", "")) {
      case "fail" -> throw new IllegalStateException("no such thing");
      case "hang" -> {
        System.out.println("hanging");
        Thread.sleep(600_000);
        throw new IllegalStateException("nobody came");
      }
      case "run" -> {
        Reference files = solved(gateway, failing());
        files.evaluate();
        yield Result.of(files);
      }
      case "nest" -> gateway.solve(GatewayClient.Request.of("inner.v0", Map.of("text", "nested")));
      case "nest-itself" -> {
        Map<String, String> options = new TreeMap<>(gateway.options());
        options.put("do", gateway.options().getOrDefault("then", ""));
        yield gateway.solve(GatewayClient.Request.of("gateway.v0", options));
      }
      case "input" ->
          gateway.solve(
              GatewayClient.Request.of(Objects.requireNonNull(gateway.inputs().get("in"))));
      default -> told(gateway);
    };
  }

  private static State failing() {
    return Machine.base().run(Llb.args("/bin/sh", "-c", "exit 7")).root();
  }

  private static Reference solved(GatewayClient gateway, State state) throws Exception {
    return gateway.solve(GatewayClient.Request.of(state.marshal())).single().orElseThrow();
  }

  /** A file that says what it was told. */
  private static Result told(GatewayClient gateway) throws Exception {
    List<String> lines =
        List.of(
            "cmdline " + gateway.options().get("cmdline"),
            "odd " + gateway.options().get("odd"),
            "session " + !gateway.sessionId().isEmpty(),
            "product " + gateway.product(),
            "workers " + gateway.workers().size(),
            "same workers "
                + System.getenv("BUILDKIT_WORKERS").contains(gateway.workers().get(0).id()),
            "image variable " + System.getenv("IMAGE_VARIABLE"),
            "directory " + Path.of("").toAbsolutePath(),
            "definition " + (Files.size(Path.of("/run/config/buildkit/metadata/frontend.bin")) > 0),
            "network " + Files.readAllLines(Path.of("/proc/net/dev")).size());
    return Result.of(
            solved(
                gateway,
                Llb.scratch().file(Llb.mkfile("/told", 0644, String.join("\n", lines) + "\n"))))
        .withMetadata("frontend.mood", "fine".getBytes(UTF_8));
  }
}
