package dev.buildd.solver.llb;

import com.google.protobuf.ByteString;
import dev.buildd.base.concurrent.Flight;
import dev.buildd.base.concurrent.Scope;
import dev.buildd.base.content.Digest;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.gateway.SolveException.Place;
import dev.buildd.llb.Definition;
import dev.buildd.llb.SourceInfo;
import dev.buildd.llb.SourceMap;
import dev.buildd.proto.pb.Location;
import dev.buildd.proto.pb.Mount;
import dev.buildd.proto.pb.MountType;
import dev.buildd.proto.pb.Op;
import dev.buildd.proto.pb.OpMetadata;
import dev.buildd.proto.pb.Source;
import dev.buildd.solver.graph.CacheSource;
import dev.buildd.solver.graph.Edge;
import dev.buildd.solver.graph.Job;
import dev.buildd.solver.graph.SolvedEdge;
import dev.buildd.solver.graph.VertexException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * What a frontend builds through, for one job.
 *
 * <p>Safe for use by many threads.
 */
public final class LlbBridge {
  private final Job job;
  private final Entitlements entitlements;
  private final OpFactory worker;
  private final Consumer<Collection<String>> forgetCacheMounts;
  private final CacheImports caches;
  private final Map<CacheImport, Flight<Optional<CacheSource>>> opened = new ConcurrentHashMap<>();

  /** Opens caches that a client names. */
  public interface CacheImports {
    /** The cache; empty if it cannot be had, which users have been told then. */
    Optional<CacheSource> open(CacheImport cache, Job job) throws InterruptedException;
  }

  /** A cache that a build may draw upon. */
  public record CacheImport(String type, Map<String, String> attributes) {
    public CacheImport {
      attributes = Map.copyOf(attributes);
    }
  }

  /**
   * @param forgetCacheMounts called with the ids of cache mounts that a build wants emptied
   */
  public LlbBridge(
      Job job,
      Entitlements entitlements,
      OpFactory worker,
      Consumer<Collection<String>> forgetCacheMounts,
      CacheImports caches) {
    this.job = job;
    this.entitlements = entitlements;
    this.worker = worker;
    this.forgetCacheMounts = forgetCacheMounts;
    this.caches = caches;
  }

  /** The definition's result; nothing is checked or run before it is looked at. */
  public ResultProxy solve(Definition definition, List<CacheImport> imports) {
    return ResultProxy.of(definition, () -> build(definition, imports));
  }

  private ResultProxy.Solved build(Definition definition, List<CacheImport> imports)
      throws Exception {
    List<Callable<Optional<CacheSource>>> opening = new ArrayList<>();
    for (CacheImport wanted : imports) {
      opening.add(open(wanted)::join);
    }
    List<CacheSource> sources =
        opening.isEmpty()
            ? List.of()
            : Scope.all("import caches", opening).stream().flatMap(Optional::stream).toList();
    dev.buildd.proto.pb.Definition message = definition.toProto();
    Edge edge = load(message, sources);
    try {
      SolvedEdge solved = job.solve(edge);
      return new ResultProxy.Solved(solved.result().share(), solved.canonical());
    } catch (VertexException e) {
      throw new LlbException(
          e, places(message.getSource(), e.vertex()), failedOp(message, e.vertex()));
    }
  }

  /** Once for all that the job solves: they share vertices, and so must their caches be shared. */
  private Flight<Optional<CacheSource>> open(CacheImport wanted) {
    return opened.computeIfAbsent(
        wanted, w -> new Flight<>("import cache " + w.type(), () -> caches.open(w, job)));
  }

  private Edge load(dev.buildd.proto.pb.Definition definition, List<CacheSource> sources) {
    Set<String> forgotten = new HashSet<>();
    Edge edge;
    try {
      edge = DefinitionLoader.load(definition, new Factory(forgotten, sources), sources);
    } catch (BuildException e) {
      throw new BuildException(e.category(), "failed to load LLB: " + e.getMessage(), e);
    }
    if (!forgotten.isEmpty()) {
      forgetCacheMounts.accept(forgotten);
    }
    return edge;
  }

  /** The worker's operations, as far as this build may use them. */
  private final class Factory implements OpFactory {
    private final Set<String> forgotten;
    private final List<CacheSource> sources;

    Factory(Set<String> forgotten, List<CacheSource> sources) {
      this.forgotten = forgotten;
      this.sources = sources;
    }

    @Override
    public dev.buildd.solver.graph.Op create(Request request) {
      Op message = request.message();
      for (String cap : request.metadata().getCapsMap().keySet()) {
        if (!ApiCapabilities.LLB.contains(cap)) {
          throw new BuildException(
              Category.UNIMPLEMENTED,
              "requested feature " + cap + " is not supported by build server, please update");
        }
      }
      if (message.hasExec()) {
        entitlements.check(message.getExec());
        if (request.metadata().getIgnoreCache()) {
          forget(message);
        }
      }
      return worker.create(request.withLoader(nested -> load(nested, sources)));
    }

    private void forget(Op message) {
      for (Mount mount : message.getExec().getMountsList()) {
        if (mount.getMountType() == MountType.CACHE && mount.hasCacheOpt()) {
          String id = mount.getCacheOpt().getID();
          forgotten.add(id.isEmpty() ? mount.getDest() : id);
        }
      }
    }
  }

  private static Optional<LlbException.FailedOp> failedOp(
      dev.buildd.proto.pb.Definition definition, @Nullable Digest vertex) {
    if (vertex == null) {
      return Optional.empty();
    }
    for (ByteString op : definition.getDefList()) {
      byte[] bytes = op.toByteArray();
      if (Digest.of(bytes).equals(vertex)) {
        return Optional.of(
            new LlbException.FailedOp(
                bytes,
                definition
                    .getMetadataOrDefault(vertex.toString(), OpMetadata.getDefaultInstance())
                    .getDescriptionMap()));
      }
    }
    return Optional.empty();
  }

  private static List<Place> places(Source source, @Nullable Digest vertex) {
    List<Place> out = new ArrayList<>();
    if (vertex == null) {
      return out;
    }
    Optional.ofNullable(source.getLocationsMap().get(vertex.toString()))
        .ifPresent(found -> {
          for (Location location : found.getLocationsList().reversed()) {
            int index = location.getSourceIndex();
            if (index >= 0 && index < source.getInfosCount()) {
              out.add(
                  new Place(
                      SourceInfo.of(source.getInfos(index)),
                      location.getRangesList().stream().map(SourceMap.Span::of).toList()));
            }
          }
        });
    return out;
  }
}
