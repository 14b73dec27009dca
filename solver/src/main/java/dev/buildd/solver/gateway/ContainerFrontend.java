package dev.buildd.solver.gateway;

import dev.buildd.base.concurrent.Threads;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.io.BytePipe;
import dev.buildd.base.json.Json;
import dev.buildd.base.text.GoBool;
import dev.buildd.gateway.ContainerRequest;
import dev.buildd.gateway.Frontend;
import dev.buildd.gateway.GatewayClient;
import dev.buildd.gateway.GatewayContainer;
import dev.buildd.gateway.GatewayProcess;
import dev.buildd.gateway.ProcessRequest;
import dev.buildd.gateway.Result;
import dev.buildd.gateway.SolveException;
import dev.buildd.gateway.WorkerInfo;
import dev.buildd.llb.ImageName;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeSet;

/**
 * {@code gateway.v0}: a frontend that is an image. Its program runs in a container and builds
 * through its standard input and output (wire.md section 18, dockerfile.md section 9).
 *
 * <p>Safe for use by many threads.
 */
public final class ContainerFrontend implements Frontend {
  public static final String NAME = "gateway.v0";

  private static final String INPUTS = "moby.buildkit.frontend.inputs";
  private static final int HELD = 256 << 10; // on its way between the daemon and the program

  // releases of docker/dockerfile that take inputs and do not say so
  private static final Set<String> KNOWN_TO_TAKE_INPUTS =
      Set.of(
          "sha256:9ac1c43a60e31dca741a6fe8314130a9cd4c4db0311fbbc636ff992ef60ae76d",
          "sha256:080bd74d8778f83e7b670de193362d8c593c8b14f5c8fb919d28ee8feda0d069",
          "sha256:60543a9d92b92af5088fb2938fb09b2072684af8384399e153e137fe081f8ab4",
          "sha256:de85b2f3a3e8a2f7fe48e8e84a65f6fdd5cd5183afa6412fff9caa6871649c44");

  private final FrontendServer server;
  private final Set<String> allowed;

  /**
   * @param allowed the repositories whose images may be frontends; empty for all
   */
  public ContainerFrontend(FrontendServer server, List<String> allowed) {
    this.server = server;
    Set<String> names = new TreeSet<>();
    allowed.forEach(name -> names.add(ImageName.parse(name).repository()));
    this.allowed = Set.copyOf(names);
  }

  @Override
  public Result build(GatewayClient client) throws Exception {
    if (!(client instanceof BridgeClient own)) {
      throw new IllegalStateException("frontends of the daemon build through its own client");
    }
    Map<String, String> options = client.options();
    if (options.containsKey("gateway-devel")) {
      throw BuildException.unknown("development gateway is no longer supported", null);
    }
    String source = options.get("source");
    if (source == null) {
      throw BuildException.unknown("no source specified for gateway", null);
    }
    checkAllowed(source);
    FrontendImage image = FrontendImage.find(source, client);
    checkCaps(image, client);
    return run(source, image, own);
  }

  private void checkAllowed(String source) {
    if (!allowed.isEmpty() && !allowed.contains(ImageName.parse(source).repository())) {
      throw new BuildException(
          Category.PERMISSION_DENIED, "'" + source + "' is not an allowed gateway source");
    }
  }

  private static void checkCaps(FrontendImage image, GatewayClient client)
      throws InterruptedException {
    Set<String> has = caps(image.labels().getOrDefault("moby.buildkit.frontend.caps", ""));
    if (KNOWN_TO_TAKE_INPUTS.contains(image.digest())) {
      has.add(INPUTS);
    }
    Set<String> wanted = caps(client.options().getOrDefault("frontend.caps", ""));
    if (!client.inputs().isEmpty()) {
      wanted.add(INPUTS);
    }
    for (String cap : wanted) {
      if (!has.contains(cap)) {
        throw new FrontendCapException(cap);
      }
    }
  }

  /** Names in a list with commas, without what is said behind a plus sign. */
  private static Set<String> caps(String list) {
    Set<String> out = new TreeSet<>();
    for (String one : list.split(",")) {
      String name = one.split("\\+", 2)[0];
      if (!name.isEmpty()) {
        out.add(name);
      }
    }
    return out;
  }

  private Result run(String source, FrontendImage image, BridgeClient client) throws Exception {
    BytePipe toFrontend = new BytePipe(HELD);
    BytePipe fromFrontend = new BytePipe(HELD);
    ContainerRequest request =
        ContainerRequest.of(ContainerRequest.Mount.of("/", image.files()))
            .withNetwork(
                GoBool.isTrue(
                        image.labels().getOrDefault("moby.buildkit.frontend.network.none", ""))
                    ? ContainerRequest.Network.NONE
                    : ContainerRequest.Network.SANDBOX);
    try (GatewayContainer container =
            client.newFrontendContainer(request, image.definition().encoded());
        FrontendLog log = new FrontendLog(source);
        FrontendServer.Served served =
            server.serve(client, fromFrontend.input(), toFrontend.output())) {
      GatewayProcess process =
          container.start(
              new ProcessRequest(
                  image.entrypoint().isEmpty() ? List.of("/run") : image.entrypoint(),
                  environment(image, client),
                  List.of(),
                  image.directory(),
                  "",
                  ProcessRequest.Security.SANDBOX,
                  true,
                  new ProcessRequest.Streams(
                      toFrontend.input(), fromFrontend.output(), log, false)));
      HangUp hangUp = new HangUp(served, container);
      served.whenHungUp(hangUp::happened);
      Optional<Exception> failure = await(process);
      boolean lost = hangUp.isOver();
      fromFrontend.end();
      Optional<Result> result = served.returned(); // its own word counts more than how it ended
      if (lost) {
        throw BuildException.unknown("frontend grpc server closed unexpectedly", null);
      }
      if (failure.isPresent()) {
        throw failure.get();
      }
      return result.orElseThrow(
          () -> BuildException.unknown("no result for incomplete build", null));
    }
  }

  /** Ends a program that has hung up before it has said anything: it would run for nothing. */
  private static final class HangUp {
    private final FrontendServer.Served served;
    private final GatewayContainer container;
    private boolean lost; // guarded by this
    private boolean over; // guarded by this

    HangUp(FrontendServer.Served served, GatewayContainer container) {
      this.served = served;
      this.container = container;
    }

    synchronized void happened() {
      if (!over && !hasReturned()) {
        lost = true;
        Threads.start("stop frontend", container::close);
      }
    }

    private boolean hasReturned() {
      try {
        return served.returned().isPresent();
      } catch (Exception e) {
        return true;
      }
    }

    /** From now on it does not matter; says whether it has happened by then. */
    synchronized boolean isOver() {
      over = true;
      return lost;
    }
  }

  private static Optional<Exception> await(GatewayProcess process) throws InterruptedException {
    try {
      int code = process.await();
      return code == 0
          ? Optional.empty()
          : Optional.of(
              new SolveException(
                  Category.UNKNOWN,
                  "exit code: " + code,
                  new SolveException.Where(List.of(), Optional.empty(), OptionalInt.of(code)),
                  null));
    } catch (SolveException e) {
      return Optional.of(e);
    }
  }

  private static List<String> environment(FrontendImage image, GatewayClient client) {
    List<String> env = new ArrayList<>(image.env());
    int number = 0;
    for (Map.Entry<String, String> option : client.options().entrySet()) {
      env.add(
          "BUILDKIT_FRONTEND_OPT_" + number++ + "=" + option.getKey() + "=" + option.getValue());
    }
    env.add("BUILDKIT_SESSION_ID=" + client.sessionId());
    env.add(
        "BUILDKIT_WORKERS="
            + new String(
                Json.bytes(client.workers().stream().map(ContainerFrontend::json).toList()),
                StandardCharsets.UTF_8));
    env.add("BUILDKIT_EXPORTEDPRODUCT=" + client.product());
    return env;
  }

  private static Map<String, Object> json(WorkerInfo worker) {
    Map<String, Object> out = new LinkedHashMap<>();
    out.put("id", worker.id());
    out.put("labels", worker.labels());
    List<Map<String, Object>> platforms = new ArrayList<>();
    worker
        .platforms()
        .forEach(platform -> {
          Map<String, Object> one = new LinkedHashMap<>();
          one.put("architecture", platform.architecture());
          one.put("os", platform.os());
          if (!platform.variant().isEmpty()) {
            one.put("variant", platform.variant());
          }
          platforms.add(one);
        });
    out.put("platforms", platforms);
    return out;
  }
}
