package dev.buildd.solver.gateway;

import dev.buildd.base.concurrent.Cleanup;
import dev.buildd.base.concurrent.Scope;
import dev.buildd.base.concurrent.Threads;
import dev.buildd.base.content.DefaultPath;
import dev.buildd.base.content.Platform;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.linux.Linux.WindowSize;
import dev.buildd.base.linux.Signals;
import dev.buildd.gateway.ContainerRequest;
import dev.buildd.gateway.GatewayContainer;
import dev.buildd.gateway.GatewayProcess;
import dev.buildd.gateway.ProcessRequest;
import dev.buildd.gateway.SolveException;
import dev.buildd.session.SessionGroup;
import dev.buildd.session.filesync.source.FileStat;
import dev.buildd.session.secrets.Secrets;
import dev.buildd.solver.executor.Container;
import dev.buildd.solver.executor.ContainerProcess;
import dev.buildd.solver.executor.ProcessIo;
import dev.buildd.solver.executor.ProcessSpec;
import dev.buildd.solver.ops.ContainerMounts;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** A frontend's container in the daemon. */
final class BridgeContainer implements GatewayContainer {
  private static final String FRONTEND_DEFINITION = "/run/config/buildkit/metadata/frontend.bin";

  private final ContainerRequest request;
  private final ContainerSettings settings;
  private final SessionGroup sessions;
  private final ContainerMounts mounts;
  private final Consumer<BridgeContainer> whenClosed;
  private final CountDownLatch gone = new CountDownLatch(1);
  private @Nullable Container container; // guarded by this
  private boolean begun; // its first process; guarded by this
  private boolean settled; // whether that has come to be; guarded by this
  private int uses; // by calls; guarded by this
  private boolean closed; // guarded by this

  private BridgeContainer(
      ContainerRequest request,
      ContainerSettings settings,
      SessionGroup sessions,
      ContainerMounts mounts,
      Consumer<BridgeContainer> whenClosed) {
    this.request = request;
    this.settings = settings;
    this.sessions = sessions;
    this.mounts = mounts;
    this.whenClosed = whenClosed;
  }

  /**
   * @param definition what is to be read at {@code /run/config/buildkit/metadata/frontend.bin}
   */
  static BridgeContainer open(
      ContainerRequest request,
      Optional<byte[]> definition,
      ContainerSettings settings,
      String session,
      ContainerMounts.Files files,
      Consumer<BridgeContainer> whenClosed)
      throws Exception {
    for (ContainerRequest.ExtraHost host : request.extraHosts()) {
      checkAddress(host.address());
    }
    for (ContainerRequest.Mount mount : request.mounts()) {
      check(mount);
    }
    SessionGroup sessions = SessionGroup.of(settings.exec().sessions(), session);
    ContainerMounts mounts =
        ContainerMounts.open(
            request.mounts(),
            definition.isPresent() ? "frontend" : "container of a frontend",
            settings.exec(),
            sessions,
            files);
    if (definition.isPresent()) {
      boolean shown = false;
      try {
        mounts.show(definition.get(), FRONTEND_DEFINITION);
        shown = true;
      } finally {
        if (!shown) {
          mounts.close();
        }
      }
    }
    return new BridgeContainer(request, settings, sessions, mounts, whenClosed);
  }

  private static void checkAddress(String address) {
    try {
      InetAddress.ofLiteral(address);
    } catch (IllegalArgumentException e) {
      throw new BuildException(Category.INVALID_ARGUMENT, "failed to parse IP " + address, e);
    }
  }

  private static void check(ContainerRequest.Mount mount) {
    if (mount.destination().isEmpty()) {
      throw BuildException.invalid("invalid mount with no destination");
    }
    if (mount.destination().equals("/")
        && !(mount.content() instanceof ContainerRequest.Content.Files)) {
      throw BuildException.invalid("invalid mount type " + type(mount.content()) + " for /");
    }
  }

  private static String type(ContainerRequest.Content content) {
    return switch (content) {
      case ContainerRequest.Content.Files _ -> "BIND";
      case ContainerRequest.Content.Cache _ -> "CACHE";
      case ContainerRequest.Content.Memory _ -> "TMPFS";
      case ContainerRequest.Content.Secret _ -> "SECRET";
      case ContainerRequest.Content.SshAgent _ -> "SSH";
    };
  }

  // --- processes ---

  @Override
  public GatewayProcess start(ProcessRequest process) throws InterruptedException {
    return used(() -> {
      ProcessSpec spec = spec(process);
      ProcessRequest.Streams streams = process.streams();
      ProcessIo io =
          new ProcessIo(
              streams.hasInput() ? streams.stdin() : ProcessIo.NO_INPUT,
              streams.stdout(),
              streams.stderr(),
              streams.terminal());
      try {
        settings.entitlements().check(spec.network(), spec.security());
        return new Running(run(spec, io));
      } catch (InterruptedException e) {
        throw e;
      } catch (Exception e) {
        return new Failed(e);
      }
    });
  }

  private ProcessSpec spec(ProcessRequest process) throws Exception {
    return new ProcessSpec(
        mounts.root(),
        false,
        mounts.mounts(),
        process.args(),
        environment(process),
        process.cwd().isEmpty() ? "/" : process.cwd(),
        process.user(),
        request.hostname(),
        request.extraHosts().stream()
            .map(host -> new ProcessSpec.ExtraHost(host.name(), host.address()))
            .toList(),
        switch (request.network()) {
          case SANDBOX -> ProcessSpec.Network.DEFAULT;
          case HOST -> ProcessSpec.Network.HOST;
          case NONE -> ProcessSpec.Network.NONE;
        },
        switch (process.security()) {
          case SANDBOX -> ProcessSpec.Security.SANDBOX;
          case INSECURE -> ProcessSpec.Security.INSECURE;
        },
        List.of(),
        "",
        Optional.empty(),
        process.removeMountStubs(),
        settings.traceparent());
  }

  private List<String> environment(ProcessRequest process) throws Exception {
    List<String> env = new ArrayList<>(process.env());
    if (env.stream().noneMatch(entry -> entry.startsWith("PATH="))) {
      env.add("PATH=" + DefaultPath.of(request.platform().orElse(Platform.host())));
    }
    if (process.streams().terminal() && env.stream().noneMatch(e -> e.startsWith("TERM="))) {
      env.add("TERM=xterm");
    }
    for (ProcessRequest.SecretVariable secret : process.secretEnv()) {
      if (secret.id().isEmpty()) {
        throw BuildException.invalid(
            "secret ID missing for \"" + secret.name() + "\" environment variable");
      }
      Optional<byte[]> value = Secrets.get(sessions, secret.id());
      if (value.isEmpty() && !secret.optional()) {
        throw BuildException.notFound("secret " + secret.id() + ": not found");
      }
      env.add(secret.name() + "=" + new String(value.orElse(new byte[0]), StandardCharsets.UTF_8));
    }
    return env;
  }

  private ContainerProcess run(ProcessSpec spec, ProcessIo io) throws Exception {
    boolean isFirst;
    synchronized (this) {
      isFirst = !begun;
      begun = true;
    }
    if (isFirst) {
      return first(spec, io).first();
    }
    return awaitFirst()
        .exec(new Container.Joining(spec.args(), spec.env(), spec.cwd(), spec.user()), io);
  }

  private Container first(ProcessSpec spec, ProcessIo io) throws Exception {
    Container made = null;
    try {
      made = settings.exec().executor().start(spec, io);
      return made;
    } finally {
      synchronized (this) {
        container = made;
        settled = true;
        notifyAll();
      }
    }
  }

  private synchronized Container awaitFirst() throws InterruptedException {
    while (!settled) {
      wait();
    }
    Container made = container;
    if (made == null) {
      throw new BuildException(Category.FAILED_PRECONDITION, "the container could not be started");
    }
    return made;
  }

  private synchronized boolean isClosed() {
    return closed;
  }

  /** How a process has ended. */
  private sealed interface Outcome {
    /**
     * @param killed whether the container was closed by then
     */
    record Exited(int code, boolean killed) implements Outcome {}

    record Lost(Exception cause) implements Outcome {}
  }

  /** A process that was started. */
  private final class Running implements GatewayProcess {
    private final ContainerProcess process;
    private final CompletableFuture<Outcome> outcome = new CompletableFuture<>();

    Running(ContainerProcess process) {
      this.process = process;
      Threads.start("end of a frontend's process", this::watch);
    }

    /** Sees to it at the time whether the process ended by itself. */
    private void watch() {
      try {
        int code = process.await();
        outcome.complete(new Outcome.Exited(code, isClosed()));
      } catch (Exception e) {
        outcome.complete(new Outcome.Lost(e));
      }
    }

    @Override
    public int await() throws InterruptedException {
      return translated(() ->
          switch (outcome.get()) {
            case Outcome.Exited(int code, boolean killed) -> {
              if (killed && code != 0) {
                throw new SolveException(
                    Category.CANCELED,
                    "context canceled: exit code: " + code,
                    new SolveException.Where(List.of(), Optional.empty(), OptionalInt.of(code)),
                    null);
              }
              yield code;
            }
            case Outcome.Lost(Exception cause) -> throw cause;
          });
    }

    @Override
    public void signal(String name) throws InterruptedException {
      translated(() -> {
        process.signal(number(name));
        return true;
      });
    }

    @Override
    public void resize(int rows, int columns) throws InterruptedException {
      translated(() -> {
        process.resize(new WindowSize(rows, columns));
        return true;
      });
    }
  }

  private static int number(String name) {
    OptionalInt number = Signals.number(name);
    if (number.isEmpty()) {
      throw BuildException.invalid("Unknown signal " + name);
    }
    return number.getAsInt();
  }

  /** A process that could not be run. */
  private record Failed(Exception cause) implements GatewayProcess {
    @Override
    public int await() throws InterruptedException {
      return translated(() -> {
        throw cause;
      });
    }

    @Override
    public void signal(String name) throws InterruptedException {
      translated(() -> number(name));
    }

    @Override
    public void resize(int rows, int columns) {}
  }

  // --- files ---

  @Override
  public byte[] readFile(int mount, String path) throws InterruptedException {
    return used(() -> files(mount).read(path));
  }

  @Override
  public List<FileStat> readDir(int mount, String path) throws InterruptedException {
    return used(() -> files(mount).list(path));
  }

  @Override
  public FileStat statFile(int mount, String path) throws InterruptedException {
    return used(() -> files(mount).stat(path));
  }

  private ContainerFiles files(int mount) {
    int count = request.mounts().size();
    if (mount < 0 || mount >= count) {
      throw BuildException.unknown(
          "mount index " + mount + " is out of bounds (" + count + " available)", null);
    }
    return new ContainerFiles(
        mounts
            .tree(mount)
            .orElseThrow(() -> BuildException.unknown("mountable " + mount + " not found", null)));
  }

  // --- its end ---

  /** Keeps the mounts as long as the work lasts. */
  private <T> T used(Callable<T> work) throws InterruptedException {
    return translated(() -> {
      synchronized (this) {
        if (closed) {
          throw BuildException.notFound("the container was released");
        }
        uses++;
      }
      try {
        return work.call();
      } finally {
        synchronized (this) {
          uses--;
          notifyAll();
        }
      }
    });
  }

  private static <T> T translated(Callable<T> work) throws InterruptedException {
    try {
      return work.call();
    } catch (InterruptedException | SolveException e) {
      throw e;
    } catch (Exception e) {
      if (e instanceof RuntimeException defect && BuildException.isDefect(e)) {
        throw defect;
      }
      throw new SolveException(
          BuildException.categoryOf(e),
          Objects.requireNonNullElse(e.getMessage(), e.toString()),
          SolveException.Where.UNKNOWN,
          e);
    }
  }

  @Override
  public void close() {
    boolean mine;
    synchronized (this) {
      mine = !closed;
      closed = true;
    }
    if (!mine) {
      Scope.awaitUninterruptibly(gone);
      return;
    }
    try {
      Cleanup.runToEnd("stop container of a frontend", this::stop);
      Cleanup.run("release container of a frontend", mounts::close);
      whenClosed.accept(this);
    } finally {
      gone.countDown();
    }
  }

  private void stop() throws InterruptedException {
    Container made;
    synchronized (this) {
      while (begun && !settled && uses > 0) {
        wait();
      }
      made = container;
    }
    if (made != null) {
      made.close();
    }
    synchronized (this) {
      while (uses > 0) {
        wait();
      }
    }
  }
}
