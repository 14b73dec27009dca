package dev.buildd.daemon;

import com.google.protobuf.ByteString;
import dev.buildd.base.concurrent.Threads;
import dev.buildd.base.content.Digest;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.linux.Errno;
import dev.buildd.base.linux.FileNames;
import dev.buildd.base.linux.Linux;
import dev.buildd.base.linux.LinuxException;
import dev.buildd.base.linux.NotRegularFileException;
import dev.buildd.base.linux.RootedPath;
import dev.buildd.base.linux.TreeFiles;
import dev.buildd.base.pattern.GoGlob;
import dev.buildd.cache.ImmutableRef;
import dev.buildd.cache.Mounted;
import dev.buildd.proto.apicaps.APICap;
import dev.buildd.proto.fsutil.Stat;
import dev.buildd.proto.gateway.EvaluateRequest;
import dev.buildd.proto.gateway.EvaluateResponse;
import dev.buildd.proto.gateway.InputsResponse;
import dev.buildd.proto.gateway.PongResponse;
import dev.buildd.proto.gateway.ReadDirRequest;
import dev.buildd.proto.gateway.ReadDirResponse;
import dev.buildd.proto.gateway.ReadFileRequest;
import dev.buildd.proto.gateway.ReadFileResponse;
import dev.buildd.proto.gateway.Ref;
import dev.buildd.proto.gateway.RefMap;
import dev.buildd.proto.gateway.RefMapDeprecated;
import dev.buildd.proto.gateway.ResolveImageConfigRequest;
import dev.buildd.proto.gateway.ResolveImageConfigResponse;
import dev.buildd.proto.gateway.ResolveSourceMetaRequest;
import dev.buildd.proto.gateway.ResolveSourceMetaResponse;
import dev.buildd.proto.gateway.Result;
import dev.buildd.proto.gateway.ReturnRequest;
import dev.buildd.proto.gateway.ReturnResponse;
import dev.buildd.proto.gateway.SolveRequest;
import dev.buildd.proto.gateway.SolveResponse;
import dev.buildd.proto.gateway.StatFileRequest;
import dev.buildd.proto.gateway.StatFileResponse;
import dev.buildd.proto.gateway.WarnRequest;
import dev.buildd.proto.gateway.WarnResponse;
import dev.buildd.proto.pb.Range;
import dev.buildd.proto.types.WorkerRecord;
import dev.buildd.solver.graph.Job;
import dev.buildd.solver.graph.ProgressEvent;
import dev.buildd.solver.llb.BuildResult;
import dev.buildd.solver.llb.Capabilities;
import dev.buildd.solver.llb.LlbBridge;
import dev.buildd.solver.llb.ResultProxy;
import java.io.FileInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * What a frontend outside the daemon builds through, until the build ends (wire.md section 6).
 *
 * <p>Safe for use by many threads.
 */
final class BuildGateway implements AutoCloseable {
  private static final int MAX_READ = 16 << 20;

  private final Job job;
  private final LlbBridge bridge;
  private final WorkerRecord worker;
  private final MetaResolver sources;
  private final Map<String, dev.buildd.llb.Definition> inputs;
  private final Consumer<BuildGateway> whenClosed;
  private final Map<String, ResultProxy> refs = new HashMap<>(); // guarded by this
  private @Nullable BuildResult result; // guarded by this
  private @Nullable Exception failure; // guarded by this
  private boolean returned; // guarded by this
  private boolean closed; // guarded by this

  BuildGateway(
      Job job,
      LlbBridge bridge,
      WorkerRecord worker,
      MetaResolver sources,
      Map<String, dev.buildd.llb.Definition> inputs,
      Consumer<BuildGateway> whenClosed) {
    this.job = job;
    this.bridge = bridge;
    this.worker = worker;
    this.sources = sources;
    this.inputs = Map.copyOf(inputs);
    this.whenClosed = whenClosed;
  }

  // --- what the build asks of it ---

  /** Waits for what the frontend returns; the result is the caller's. */
  synchronized BuildResult await() throws Exception {
    while (!returned) {
      wait();
    }
    Exception failed = failure;
    if (failed != null) {
      throw failed;
    }
    BuildResult taken = result;
    result = null;
    return taken == null ? BuildResult.empty() : taken;
  }

  /** Lets the client look at a result under the id of its files, until this is closed. */
  void show(ResultProxy result) throws Exception {
    Optional<ImmutableRef> files = result.ref();
    if (files.isEmpty()) {
      return;
    }
    ResultProxy shown = result.share();
    ResultProxy known;
    synchronized (this) {
      known = refs.putIfAbsent(files.get().id(), shown);
    }
    if (known != null) {
      shown.close();
    }
  }

  @Override
  public void close() {
    whenClosed.accept(this);
    List<AutoCloseable> left = new ArrayList<>();
    synchronized (this) {
      closed = true;
      left.addAll(refs.values());
      refs.clear();
      if (result != null) {
        left.add(result);
        result = null;
      }
    }
    for (AutoCloseable one : left) {
      dev.buildd.base.concurrent.Cleanup.run("release ref", one::close);
    }
  }

  // --- what the frontend asks ---

  PongResponse ping() {
    PongResponse.Builder out = PongResponse.newBuilder().addWorkers(worker);
    Capabilities.GATEWAY.forEach(id -> out.addFrontendAPICaps(cap(id)));
    Capabilities.LLB.forEach(id -> out.addLLBCaps(cap(id)));
    return out.build();
  }

  private static APICap cap(String id) {
    return APICap.newBuilder().setID(id).setEnabled(true).build();
  }

  ResolveImageConfigResponse resolveImageConfig(ResolveImageConfigRequest request)
      throws Exception {
    Refusals.checkPolicies(request.getSourcePoliciesList());
    return sources.image(request, job);
  }

  ResolveSourceMetaResponse resolveSourceMeta(ResolveSourceMetaRequest request) throws Exception {
    if (!request.hasSource()) {
      throw BuildException.invalid("source is required");
    }
    Refusals.checkPolicies(request.getSourcePoliciesList());
    return sources.source(request, job);
  }

  SolveResponse solve(SolveRequest request) throws Exception {
    Refusals.checkPolicies(request.getSourcePoliciesList());
    if (request.hasDefinition() && !request.getFrontend().isEmpty()) {
      throw BuildException.invalid("cannot solve with both Definition and Frontend specified");
    }
    if (!request.getFrontend().isEmpty()) {
      throw BuildException.invalid("invalid frontend: " + request.getFrontend());
    }
    Optional<ResultProxy> made = Optional.empty();
    if (request.hasDefinition() && request.getDefinition().getDefCount() > 0) {
      ResultProxy ref = bridge.solve(request.getDefinition(), imports(request));
      if (request.getEvaluate()) {
        try {
          ref.ref();
        } catch (Exception e) {
          ref.close();
          throw e;
        }
      }
      made = Optional.of(ref);
    }
    String id = made.map(this::register).orElse("");
    Result.Builder out = Result.newBuilder();
    if (request.getAllowResultArrayRef()) {
      Ref.Builder ref = Ref.newBuilder().setId(id);
      made.ifPresent(r -> ref.setDef(r.definition()));
      out.setRef(ref);
    } else {
      out.setRefDeprecated(id);
    }
    SolveResponse.Builder response = SolveResponse.newBuilder().setResult(out);
    if (!request.getAllowResultReturn()) {
      response.setRef(id);
    }
    return response.build();
  }

  private String register(ResultProxy ref) {
    String id = Ids.random();
    synchronized (this) {
      if (!closed) {
        refs.put(id, ref);
        return id;
      }
    }
    ref.close();
    throw new BuildException(Category.CANCELED, "the build has ended");
  }

  /** The ref with this id, held by the caller; empty if the id stands for no files. */
  private synchronized Optional<ResultProxy> find(String id) {
    if (id.isEmpty()) {
      return Optional.empty();
    }
    ResultProxy ref = refs.get(id);
    if (ref == null) {
      throw BuildException.notFound("no such ref: " + id);
    }
    return Optional.of(ref.share());
  }

  /** Work on the root of a ref's files. */
  @FunctionalInterface
  private interface Look<T> {
    T at(Path root) throws IOException;
  }

  private <T> T look(String id, Look<T> body) throws Exception {
    try (ResultProxy ref =
        find(id).orElseThrow(() -> BuildException.invalid("no files: the result is empty"))) {
      Optional<ImmutableRef> files = ref.ref();
      if (files.isEmpty()) {
        Path empty = Files.createTempDirectory("buildd-empty");
        try {
          return body.at(empty);
        } finally {
          Files.delete(empty);
        }
      }
      try (Mounted at = files.get().mount()) {
        return Threads.nativeCalls().call(() -> body.at(at.path()));
      }
    }
  }

  private static BuildException failed(String doing, String path, IOException e) {
    String reason = e instanceof LinuxException linux ? Errno.describe(linux.errno()) : reason(e);
    return BuildException.unknown(doing + " " + path + ": " + reason, e);
  }

  private static String reason(IOException e) {
    return e instanceof java.nio.file.NoSuchFileException
            || e instanceof java.io.FileNotFoundException
        ? "no such file or directory"
        : String.valueOf(e.getMessage());
  }

  ReadFileResponse readFile(ReadFileRequest request) throws Exception {
    String name = request.getFilePath();
    return look(
        request.getRef(),
        root -> {
          try (FileInputStream in = TreeFiles.readIn(root, name)) {
            long size = in.getChannel().size();
            long offset = 0;
            long length = size;
            if (request.hasRange()) {
              offset = Math.max(0, request.getRange().getOffset());
              length = request.getRange().getLength();
              length = length <= 0 ? size - offset : Math.min(length, size - offset);
            }
            if (length > MAX_READ) {
              throw new BuildException(
                  Category.RESOURCE_EXHAUSTED,
                  name + " is larger than a message may be; read it in ranges");
            }
            in.getChannel().position(offset);
            byte[] data = in.readNBytes((int) Math.max(0, length));
            return ReadFileResponse.newBuilder().setData(ByteString.copyFrom(data)).build();
          } catch (NotRegularFileException e) {
            throw new BuildException(
                Category.INVALID_ARGUMENT, "open " + name + ": not a regular file", e);
          } catch (IOException e) {
            throw failed("open", name, e);
          }
        });
  }

  ReadDirResponse readDir(ReadDirRequest request) throws Exception {
    return look(
        request.getRef(),
        root -> {
          ReadDirResponse.Builder out = ReadDirResponse.newBuilder();
          try {
            Path directory = RootedPath.resolve(root, request.getDirPath());
            List<Path> entries = TreeFiles.list(directory);
            entries.sort(null);
            for (Path entry : entries) {
              String name = String.valueOf(entry.getFileName());
              if (request.getIncludePattern().isEmpty()
                  || GoGlob.match(request.getIncludePattern(), name)) {
                out.addEntries(stat(entry, name));
              }
            }
          } catch (java.nio.file.NotDirectoryException e) {
            throw BuildException.unknown("open " + request.getDirPath() + ": not a directory", e);
          } catch (IOException e) {
            throw failed("open", request.getDirPath(), e);
          }
          return out.build();
        });
  }

  StatFileResponse statFile(StatFileRequest request) throws Exception {
    return look(
        request.getRef(),
        root -> {
          try {
            Path path = RootedPath.resolve(root, request.getPath());
            Path name = path.getFileName();
            return StatFileResponse.newBuilder()
                .setStat(stat(path, path.equals(root) || name == null ? "/" : name.toString()))
                .build();
          } catch (IOException e) {
            throw failed("lstat", request.getPath(), e);
          }
        });
  }

  private static Stat stat(Path file, String name) throws IOException {
    dev.buildd.base.linux.Stat stat = Linux.lstat(file);
    Stat.Builder out =
        Stat.newBuilder()
            .setPath(ByteString.copyFrom(FileNames.bytes(name)))
            .setMode(stat.goMode())
            .setUid(stat.uid())
            .setGid(stat.gid())
            .setModTime(stat.mtimeNanos());
    if (!stat.isDirectory()) {
      out.setSize(stat.size());
    }
    if (stat.isSymlink()) {
      out.setLinkname(ByteString.copyFrom(FileNames.bytes(Linux.readlink(file))));
    }
    if (stat.isDevice()) {
      out.setDevmajor(stat.devMajor()).setDevminor(stat.devMinor());
    }
    Linux.xattrs(file)
        .forEach((attribute, value) -> out.putXattrs(attribute, ByteString.copyFrom(value)));
    return out.build();
  }

  private static List<LlbBridge.CacheImport> imports(SolveRequest request) {
    return request.getCacheImportsList().stream()
        .map(entry -> new LlbBridge.CacheImport(entry.getType(), entry.getAttrsMap()))
        .toList();
  }

  EvaluateResponse evaluate(EvaluateRequest request) throws Exception {
    Optional<ResultProxy> found = find(request.getRef());
    if (found.isPresent()) {
      try (ResultProxy ref = found.get()) {
        ref.ref();
      }
    }
    return EvaluateResponse.getDefaultInstance();
  }

  InputsResponse inputs() {
    InputsResponse.Builder out = InputsResponse.newBuilder();
    inputs.forEach((name, definition) -> out.putDefinitions(name, definition.toProto()));
    return out.build();
  }

  WarnResponse warn(WarnRequest request) {
    List<ProgressEvent.SourceRange> ranges = new ArrayList<>();
    for (Range range : request.getRangesList()) {
      ranges.add(
          new ProgressEvent.SourceRange(
              range.getStart().getLine(),
              range.getStart().getCharacter(),
              range.getEnd().getLine(),
              range.getEnd().getCharacter()));
    }
    Optional<ProgressEvent.SourceInfo> source =
        request.hasInfo()
            ? Optional.of(
                new ProgressEvent.SourceInfo(
                    request.getInfo().getFilename(),
                    request.getInfo().getData().toByteArray(),
                    request.getInfo().getLanguage(),
                    request.getInfo().hasDefinition()
                        ? request.getInfo().getDefinition().toByteArray()
                        : new byte[0]))
            : Optional.empty();
    job.publish(
        new ProgressEvent.Warning(
            Digest.parse(request.getDigest()),
            request.getLevel() == 0 ? 1 : (int) request.getLevel(),
            request.getShort().toByteArray(),
            request.getDetailList().stream().map(ByteString::toByteArray).toList(),
            request.getUrl(),
            source,
            ranges));
    return WarnResponse.getDefaultInstance();
  }

  ReturnResponse returned(ReturnRequest request) {
    if (request.hasError()) {
      settle(null, new WireErrors.Reported(request.getError()));
      return ReturnResponse.getDefaultInstance();
    }
    Result message = request.getResult();
    if (message.getAttestationsCount() > 0) {
      settle(null, Refusals.ofAttestedResult());
      return ReturnResponse.getDefaultInstance();
    }
    Map<String, byte[]> metadata = new LinkedHashMap<>();
    message.getMetadataMap().forEach((key, value) -> metadata.put(key, value.toByteArray()));
    Optional<ResultProxy> single = Optional.empty();
    Map<String, Optional<ResultProxy>> several = new LinkedHashMap<>();
    switch (message.getResultCase()) {
      case REFDEPRECATED -> single = find(message.getRefDeprecated());
      case REF -> single = find(message.getRef().getId());
      case REFSDEPRECATED -> {
        RefMapDeprecated map = message.getRefsDeprecated();
        map.getRefsMap().forEach((key, id) -> several.put(key, find(id)));
      }
      case REFS -> {
        RefMap map = message.getRefs();
        map.getRefsMap().forEach((key, ref) -> several.put(key, find(ref.getId())));
      }
      case RESULT_NOT_SET -> {}
    }
    BuildResult made = new BuildResult(single, several, metadata);
    try {
      settle(made, null);
    } catch (BuildException e) {
      made.close();
      throw e;
    }
    return ReturnResponse.getDefaultInstance();
  }

  private synchronized void settle(@Nullable BuildResult made, @Nullable Exception failed) {
    if (returned || closed) {
      throw new BuildException(Category.FAILED_PRECONDITION, "gateway result is already set");
    }
    returned = true;
    result = made;
    failure = failed;
    notifyAll();
  }
}
