package dev.buildd.gateway;

import dev.buildd.base.error.Category;
import dev.buildd.llb.Definition;
import dev.buildd.llb.ImageMetaResolver;
import dev.buildd.llb.SourceInfo;
import dev.buildd.llb.SourceMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * What a frontend can ask of the daemon for which it runs, inside of it or through a connection.
 *
 * <p>What cannot be had fails with a {@link SolveException} whose text is the daemon's own; thrown
 * on, it reaches whoever asked for the build with all that the daemon knows of the fault. Every
 * method may be called by many threads, and an interrupt cancels it.
 */
public interface GatewayClient {
  /**
   * A build within the build.
   *
   * @param definition what to build, unless a frontend says
   * @param evaluate whether to build at once and not when the result is looked at
   */
  record Request(
      Optional<Definition> definition,
      String frontend,
      Map<String, String> options,
      Map<String, Definition> inputs,
      List<CacheEntry> cacheImports,
      boolean evaluate) {
    public Request {
      options = Map.copyOf(options);
      inputs = Map.copyOf(inputs);
      cacheImports = List.copyOf(cacheImports);
    }

    public static Request of(Definition definition) {
      return new Request(Optional.of(definition), "", Map.of(), Map.of(), List.of(), false);
    }

    /** What another frontend of the daemon's makes of the options. */
    public static Request of(String frontend, Map<String, String> options) {
      return new Request(Optional.empty(), frontend, options, Map.of(), List.of(), false);
    }
  }

  /**
   * Something to mend that does not fail the build.
   *
   * @param level zero counts as one
   * @param message UTF-8, as the details are
   */
  record Warning(
      int level,
      byte[] message,
      List<byte[]> detail,
      String url,
      Optional<SourceInfo> source,
      List<SourceMap.Span> spans) {
    public Warning {
      detail = List.copyOf(detail);
      spans = List.copyOf(spans);
    }
  }

  /** What whoever asked for the build has said to the frontend. */
  Map<String, String> options();

  /** The session of whoever asked for the build. */
  String sessionId();

  /** The name of the product that runs the frontend, for texts; empty if nobody says. */
  String product();

  /** The first is the one that builds what is not told otherwise. */
  List<WorkerInfo> workers();

  /** What the daemon's gateway can do. */
  Set<String> frontendCaps();

  /** What the daemon can build. */
  Set<String> llbCaps();

  /** Filesystems given to the frontend by whoever asked for the build. */
  Map<String, Definition> inputs() throws InterruptedException;

  /** The result of a definition is made when it is looked at, unless the request says at once. */
  Result solve(Request request) throws InterruptedException;

  ImageMetaResolver.Resolved resolveImageConfig(ImageRequest request) throws InterruptedException;

  SourceMeta resolveSourceMeta(SourceMetaRequest request) throws InterruptedException;

  /**
   * A container for processes of the frontend's, with files that are built if they are not yet.
   *
   * @throws SolveException {@code UNIMPLEMENTED} by a gateway that has none
   */
  default GatewayContainer newContainer(ContainerRequest request) throws InterruptedException {
    throw new SolveException(
        Category.UNIMPLEMENTED,
        "containers are not supported by this gateway",
        SolveException.Where.UNKNOWN,
        null);
  }

  /**
   * @param vertex the digest of the step that is warned of
   */
  void warn(String vertex, Warning warning) throws InterruptedException;
}
