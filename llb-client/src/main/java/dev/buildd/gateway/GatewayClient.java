package dev.buildd.gateway;

import com.google.protobuf.ByteString;
import dev.buildd.base.content.Platform;
import dev.buildd.llb.Definition;
import dev.buildd.llb.ImageMetaResolver;
import dev.buildd.llb.ResolveMode;
import dev.buildd.proto.gateway.ResolveSourceMetaRequest;
import dev.buildd.proto.gateway.ResolveSourceMetaResponse;
import dev.buildd.proto.pb.Range;
import dev.buildd.proto.pb.SourceInfo;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** What a frontend can ask of the daemon for which it runs. */
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
  }

  /** Something to mend that does not fail the build. */
  record Warning(
      int level,
      ByteString message,
      List<ByteString> detail,
      String url,
      Optional<SourceInfo> source,
      List<Range> ranges) {}

  /** What whoever asked for the build has said to the frontend. */
  Map<String, String> options();

  String sessionId();

  List<WorkerInfo> workers();

  /** What the daemon's gateway can do. */
  Set<String> frontendCaps();

  /** What the daemon can build. */
  Set<String> llbCaps();

  /** Filesystems given to the frontend by whoever asked for the build. */
  Map<String, Definition> inputs() throws InterruptedException;

  Result solve(Request request) throws InterruptedException;

  ImageMetaResolver.Resolved resolveImageConfig(
      String reference, Optional<Platform> platform, ResolveMode mode, String logName)
      throws InterruptedException;

  ResolveSourceMetaResponse resolveSourceMeta(ResolveSourceMetaRequest request)
      throws InterruptedException;

  /**
   * @param vertex the digest of the step that is warned of
   */
  void warn(String vertex, Warning warning) throws InterruptedException;
}
