package dev.buildd.solver.gateway;

import dev.buildd.base.concurrent.Cleanup;
import dev.buildd.base.concurrent.Scope;
import dev.buildd.base.content.Digest;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.text.GoQuote;
import dev.buildd.base.text.Ids;
import dev.buildd.cache.ImmutableRef;
import dev.buildd.gateway.CacheEntry;
import dev.buildd.gateway.ContainerRequest;
import dev.buildd.gateway.Frontend;
import dev.buildd.gateway.GatewayClient;
import dev.buildd.gateway.GatewayContainer;
import dev.buildd.gateway.ImageRequest;
import dev.buildd.gateway.Reference;
import dev.buildd.gateway.Result;
import dev.buildd.gateway.SolveException;
import dev.buildd.gateway.SourceMeta;
import dev.buildd.gateway.SourceMetaRequest;
import dev.buildd.gateway.WorkerInfo;
import dev.buildd.llb.Definition;
import dev.buildd.llb.ImageMetaResolver;
import dev.buildd.llb.SourceInfo;
import dev.buildd.llb.SourceMap;
import dev.buildd.session.filesync.source.FileStat;
import dev.buildd.solver.executor.ExitException;
import dev.buildd.solver.graph.Job;
import dev.buildd.solver.graph.ProgressEvent;
import dev.buildd.solver.llb.ApiCapabilities;
import dev.buildd.solver.llb.BuildResult;
import dev.buildd.solver.llb.LlbBridge;
import dev.buildd.solver.llb.LlbException;
import dev.buildd.solver.llb.ResultProxy;
import dev.buildd.solver.ops.FailedMounts;
import dev.buildd.solver.ops.StepException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.concurrent.Callable;

/**
 * What a frontend inside the daemon builds through, for one build. References last until the client
 * that was opened for the build is closed.
 *
 * <p>Safe for use by many threads.
 */
public final class BridgeClient implements GatewayClient, AutoCloseable {
  private static final String PRODUCT = "buildkit"; // by which frontends know such a daemon

  /**
   * What a build's frontends share.
   *
   * @param frontends by their names: what one of them may ask another
   */
  public record Parts(
      Job job,
      LlbBridge bridge,
      SourceMetaResolver sources,
      WorkerInfo worker,
      Map<String, Frontend> frontends,
      ContainerSettings containers) {
    public Parts {
      frontends = Map.copyOf(frontends);
    }

    /**
     * @throws BuildException {@code INVALID_ARGUMENT} if there is none of that name
     */
    public Frontend frontend(String name) {
      Frontend frontend = frontends.get(name);
      if (frontend == null) {
        throw BuildException.invalid("invalid frontend: " + name);
      }
      return frontend;
    }
  }

  /** The results that the build's frontends hold, and their containers. */
  private static final class ResultTable implements AutoCloseable {
    private final Map<String, ResultProxy> results = new HashMap<>(); // guarded by this
    private final Map<String, FailedFiles> failed = new HashMap<>(); // guarded by this
    private final Set<BridgeContainer> containers = new HashSet<>(); // guarded by this
    private boolean closed; // guarded by this

    /** Takes over a hold; gives the name under which it is kept. */
    String add(ResultProxy result) {
      String id = Ids.random();
      synchronized (this) {
        if (!closed) {
          results.put(id, result);
          return id;
        }
      }
      result.close();
      throw ended();
    }

    /** Another hold, the caller's to close. */
    synchronized ResultProxy share(String id) {
      ResultProxy result = results.get(id);
      if (result == null) {
        throw ended();
      }
      return result.share();
    }

    /** Gives files of a failed step a name. */
    synchronized String name(FailedFiles files) {
      String id = Ids.random();
      failed.put(id, files);
      return id;
    }

    synchronized Optional<FailedFiles> failed(String id) {
      return Optional.ofNullable(failed.get(id));
    }

    synchronized Optional<ResultProxy> find(String id) {
      return Optional.ofNullable(results.get(id)).map(ResultProxy::share);
    }

    /** Closes the container at the end at the latest. */
    void keep(BridgeContainer container) {
      synchronized (this) {
        if (!closed) {
          containers.add(container);
          return;
        }
      }
      container.close();
      throw ended();
    }

    synchronized void forget(BridgeContainer container) {
      containers.remove(container);
    }

    private static BuildException ended() {
      return new BuildException(Category.CANCELED, "the build has ended");
    }

    @Override
    public void close() {
      List<ResultProxy> left;
      List<BridgeContainer> running;
      synchronized (this) {
        closed = true;
        left = List.copyOf(results.values());
        results.clear();
        failed.clear();
        running = List.copyOf(containers);
      }
      running.forEach(BridgeContainer::close);
      left.forEach(result -> Cleanup.run("release result", result::close));
    }
  }

  /** Files that a failed step was given, or has left. */
  @FunctionalInterface
  private interface FailedFiles {
    Optional<ImmutableRef> share();
  }

  private final Parts parts;
  private final ResultTable held;
  private final Map<String, String> options;
  private final Map<String, Definition> inputs;

  private BridgeClient(
      Parts parts, ResultTable held, Map<String, String> options, Map<String, Definition> inputs) {
    this.parts = parts;
    this.held = held;
    this.options = Map.copyOf(options);
    this.inputs = Map.copyOf(inputs);
  }

  /** For the frontend of a build; those that it calls get clients of their own. */
  public static BridgeClient open(
      Parts parts, Map<String, String> options, Map<String, Definition> inputs) {
    return new BridgeClient(parts, new ResultTable(), options, inputs);
  }

  // --- what the build asks of it ---

  /** What a frontend made, as the build knows it; the caller's to close. */
  public BuildResult take(Result result) {
    List<ResultProxy> taken = new ArrayList<>();
    try {
      Optional<ResultProxy> single = taken(result.single(), taken);
      Map<String, Optional<ResultProxy>> byName = new LinkedHashMap<>();
      result.byName().forEach((name, one) -> byName.put(name, taken(one, taken)));
      return new BuildResult(single, byName, result.metadata());
    } catch (RuntimeException e) {
      taken.forEach(ResultProxy::close);
      throw e;
    }
  }

  private Optional<ResultProxy> taken(Optional<Reference> reference, List<ResultProxy> all) {
    return reference.map(one -> {
      if (!(one instanceof ResultReference own) || own.client.held != held) {
        throw BuildException.notFound("return reference " + one.id() + " not found");
      }
      ResultProxy result = held.share(own.id);
      all.add(result);
      return result;
    });
  }

  /** Lets frontends look at a result. */
  public Reference reference(ResultProxy result) {
    ResultProxy own = result.share();
    return new ResultReference(this, held.add(own), own.definition());
  }

  @Override
  public void close() {
    held.close();
  }

  // --- what frontends ask of it ---

  @Override
  public Map<String, String> options() {
    return options;
  }

  @Override
  public String sessionId() {
    return parts.job().session();
  }

  @Override
  public String product() {
    return PRODUCT;
  }

  @Override
  public List<WorkerInfo> workers() {
    return List.of(parts.worker());
  }

  @Override
  public Set<String> frontendCaps() {
    return ApiCapabilities.GATEWAY;
  }

  @Override
  public Set<String> llbCaps() {
    return ApiCapabilities.LLB;
  }

  @Override
  public Map<String, Definition> inputs() {
    return inputs;
  }

  @Override
  public Result solve(Request request) throws InterruptedException {
    return translated(() -> {
      if (request.definition().isPresent() && !request.frontend().isEmpty()) {
        throw BuildException.invalid("cannot solve with both Definition and Frontend specified");
      }
      Result result =
          request.frontend().isEmpty()
              ? defined(request)
              : FrontendException.naming(
                  request.frontend(),
                  parts.frontend(request.frontend()),
                  new BridgeClient(parts, held, request.options(), request.inputs()));
      if (request.evaluate()) {
        evaluate(result);
      }
      return result;
    });
  }

  private Result defined(Request request) {
    Optional<Definition> definition = request.definition().filter(one -> !one.isEmpty());
    if (definition.isEmpty()) {
      return Result.empty();
    }
    ResultProxy made = parts.bridge().solve(definition.get(), imports(request.cacheImports()));
    return Result.of(new ResultReference(this, held.add(made), definition.get()));
  }

  private static List<LlbBridge.CacheImport> imports(List<CacheEntry> entries) {
    return entries.stream()
        .map(entry -> new LlbBridge.CacheImport(entry.type(), entry.attrs()))
        .toList();
  }

  private static void evaluate(Result result) throws Exception {
    List<Callable<Boolean>> all = new ArrayList<>();
    List<Optional<Reference>> references = new ArrayList<>(result.byName().values());
    references.add(result.single());
    for (Optional<Reference> reference : references) {
      reference.ifPresent(one ->
          all.add(() -> {
            one.evaluate();
            return true;
          }));
    }
    if (!all.isEmpty()) {
      Scope.all("evaluate", all);
    }
  }

  @Override
  public ImageMetaResolver.Resolved resolveImageConfig(ImageRequest request)
      throws InterruptedException {
    return translated(() -> parts.sources().image(request, parts.job()));
  }

  @Override
  public SourceMeta resolveSourceMeta(SourceMetaRequest request) throws InterruptedException {
    return translated(() -> parts.sources().source(request, parts.job()));
  }

  @Override
  public GatewayContainer newContainer(ContainerRequest request) throws InterruptedException {
    return newContainer(request, Optional.empty());
  }

  /**
   * A container for a frontend that is a program.
   *
   * @param definition how the program's files are made, which the program may read
   */
  GatewayContainer newFrontendContainer(ContainerRequest request, byte[] definition)
      throws InterruptedException {
    return newContainer(request, Optional.of(definition));
  }

  private GatewayContainer newContainer(ContainerRequest request, Optional<byte[]> definition)
      throws InterruptedException {
    return translated(() -> {
      BridgeContainer made =
          BridgeContainer.open(
              request,
              definition,
              parts.containers(),
              parts.job().session(),
              this::files,
              held::forget);
      held.keep(made);
      return made;
    });
  }

  /** The files of a result, or of a failed step; the caller's to close. */
  private Optional<ImmutableRef> files(String id, String destination) throws Exception {
    Optional<FailedFiles> failed = held.failed(id);
    if (failed.isPresent()) {
      return failed.get().share();
    }
    Optional<ResultProxy> found = held.find(id);
    if (found.isEmpty()) {
      throw BuildException.notFound(
          "failed to find ref "
              + id
              + " for "
              + GoQuote.of(destination)
              + " mount: return reference "
              + id
              + " not found");
    }
    try (ResultProxy result = found.get()) {
      return result.ref().map(ImmutableRef::share);
    }
  }

  @Override
  public void warn(String vertex, Warning warning) throws InterruptedException {
    translated(() -> {
      parts
          .job()
          .publish(
              new ProgressEvent.Warning(
                  Digest.parse(vertex),
                  warning.level() == 0 ? 1 : warning.level(),
                  warning.message(),
                  warning.detail(),
                  warning.url(),
                  warning.source().map(BridgeClient::progress),
                  warning.spans().stream().map(BridgeClient::progress).toList()));
      return true;
    });
  }

  private static ProgressEvent.SourceInfo progress(SourceInfo source) {
    return new ProgressEvent.SourceInfo(
        source.filename(),
        source.data(),
        source.language(),
        source.definition().map(Definition::encoded).orElse(new byte[0]));
  }

  private static ProgressEvent.SourceRange progress(SourceMap.Span span) {
    return new ProgressEvent.SourceRange(
        span.startLine(), span.startCharacter(), span.endLine(), span.endCharacter());
  }

  /** A filesystem that the build's frontends hold. */
  private record ResultReference(BridgeClient client, String id, Definition made)
      implements Reference {
    @Override
    public Optional<Definition> definition() {
      return Optional.of(made);
    }

    /** Work on the result. */
    @FunctionalInterface
    private interface Look<T> {
      T at(ResultProxy result) throws Exception;
    }

    private <T> T look(Look<T> body) throws InterruptedException {
      return client.translated(() -> {
        try (ResultProxy result = client.held.share(id)) {
          return body.at(result);
        }
      });
    }

    @Override
    public byte[] readFile(String path) throws InterruptedException {
      return readFile(path, 0, 0);
    }

    @Override
    public byte[] readFile(String path, long offset, long length) throws InterruptedException {
      return look(result -> ResultFiles.read(result, path, offset, length));
    }

    @Override
    public List<FileStat> readDir(String path, String includePattern) throws InterruptedException {
      return look(result -> ResultFiles.list(result, path, includePattern));
    }

    @Override
    public FileStat statFile(String path) throws InterruptedException {
      return look(result -> ResultFiles.stat(result, path));
    }

    @Override
    public void evaluate() throws InterruptedException {
      look(ResultProxy::ref);
    }
  }

  // --- failures ---

  /** With failures as frontends see them; defects of ours pass as they are. */
  private <T> T translated(Callable<T> work) throws InterruptedException {
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
          BuildException.isDefect(e)
              ? "internal error, see the log of the daemon"
              : Objects.requireNonNullElse(e.getMessage(), e.toString()),
          where(e),
          e);
    }
  }

  private SolveException.Where where(Throwable failure) {
    List<SolveException.Place> places = new ArrayList<>();
    Optional<String> vertex = Optional.empty();
    OptionalInt exitCode = OptionalInt.empty();
    List<SolveException.FailedStep> steps = new ArrayList<>();
    for (Throwable t = failure; t != null; t = t.getCause()) {
      switch (t) {
        case LlbException e -> {
          places.addAll(e.places());
          e.failedOp().ifPresent(op -> steps.add(step(op, e)));
        }
        case dev.buildd.solver.graph.VertexException e ->
            vertex = Optional.ofNullable(e.vertex()).map(Digest::toString);
        case ExitException e -> exitCode = OptionalInt.of(e.code());
        default -> {}
      }
    }
    return new SolveException.Where(places, vertex, exitCode, steps);
  }

  private SolveException.FailedStep step(LlbException.FailedOp op, Throwable failure) {
    for (Throwable t = failure; t != null; t = t.getCause()) {
      if (t instanceof StepException e) {
        FailedMounts mounts = e.mounts();
        List<String> inputIds = new ArrayList<>();
        for (int i = 0; i < mounts.inputCount(); i++) {
          int index = i;
          inputIds.add(mounts.hasInput(i) ? held.name(() -> mounts.input(index)) : "");
        }
        List<String> mountIds = new ArrayList<>();
        for (int i = 0; i < mounts.mountCount(); i++) {
          int index = i;
          mountIds.add(mounts.hasMount(i) ? held.name(() -> mounts.mount(index)) : "");
        }
        return new SolveException.FailedStep(
            op.op(), op.description(), inputIds, mountIds, e.subject());
      }
    }
    return new SolveException.FailedStep(
        op.op(), op.description(), List.of(), List.of(), new SolveException.Subject.Whole());
  }
}
