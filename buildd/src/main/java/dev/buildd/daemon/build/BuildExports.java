package dev.buildd.daemon.build;

import dev.buildd.base.concurrent.Scope;
import dev.buildd.base.content.Digest;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.text.Ids;
import dev.buildd.cache.ImmutableRef;
import dev.buildd.session.Session;
import dev.buildd.session.SessionManager;
import dev.buildd.session.exporter.ChosenExports;
import dev.buildd.session.exporter.ExportRequest;
import dev.buildd.solver.compatibility.CompatibilityVersion;
import dev.buildd.solver.exporter.ExportSource;
import dev.buildd.solver.exporter.Exporter;
import dev.buildd.solver.graph.Job;
import dev.buildd.solver.graph.VertexProgress;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;

/**
 * The exports of one build: those that its request names, and those that its client chooses once it
 * knows the result.
 */
final class BuildExports {
  private static final Duration SESSION_PATIENCE = Duration.ofSeconds(5);

  private final Map<String, Exporter> exporters;
  private final SessionManager sessions;
  private final List<Exporter.Instance> named = new ArrayList<>();
  private final Optional<String> platforms;
  private final boolean clientChooses;
  private final CompatibilityVersion compatibility;

  private BuildExports(
      BuildRequest request,
      CompatibilityVersion compatibility,
      Map<String, Exporter> exporters,
      SessionManager sessions) {
    this.compatibility = compatibility;
    this.exporters = exporters;
    this.sessions = sessions;
    this.platforms = Optional.ofNullable(request.attributes().get("platform"));
    this.clientChooses = request.clientChooses();
  }

  /**
   * Checks what a request says of its exports, before anything is built.
   *
   * @param exporters by their types
   */
  static BuildExports of(
      BuildRequest request,
      CompatibilityVersion compatibility,
      Map<String, Exporter> exporters,
      SessionManager sessions) {
    BuildExports out = new BuildExports(request, compatibility, exporters, sessions);
    String epoch = request.attributes().get("build-arg:SOURCE_DATE_EPOCH");
    for (ExportRequest wanted : request.exports()) {
      Map<String, String> attributes = new LinkedHashMap<>(wanted.attributes());
      if (epoch != null && epoch.matches("-?[0-9]*")) { // else it is for the frontend to resolve
        attributes.putIfAbsent("source-date-epoch", epoch);
      }
      out.named.add(out.resolve(wanted.type(), out.named.size(), attributes));
    }
    return out;
  }

  private Exporter.Instance resolve(String type, int index, Map<String, String> attributes) {
    Exporter exporter = exporters.get(type);
    if (exporter == null) {
      throw BuildException.notFound("exporter \"" + type + "\" could not be found");
    }
    return exporter.resolve(index, attributes);
  }

  /** Whether the client is to be asked for exports. */
  boolean clientChooses() {
    return clientChooses;
  }

  /** Whether some read the files of the result, as far as known before it is there. */
  boolean useFiles() {
    return named.stream().anyMatch(Exporter.Instance::usesFiles);
  }

  /** Exports a result; gives what the client is told. */
  Map<String, String> run(
      Job job, ExportSource source, Exporter.InlineCache cache, BuildObservation observation)
      throws Exception {
    List<String> warnings = PlatformCheck.warnings(platforms, source);
    List<Exporter.Instance> all = new ArrayList<>(named);
    if (clientChooses) {
      for (ExportRequest chosen : ChosenExports.find(client(job), source.metadata(), ids(source))) {
        all.add(resolve(chosen.type(), all.size(), chosen.attributes()));
      }
    }
    if (all.isEmpty()) {
      reportWarnings(warnings, job);
      return Map.of();
    }
    List<Callable<Map<String, String>>> exports = new ArrayList<>();
    for (int i = 0; i < all.size(); i++) {
      Exporter.Instance instance = all.get(i);
      VertexProgress progress =
          job.vertex(Digest.of(job.session() + "-export-" + i), instance.name());
      List<String> ofFirst = i == 0 ? warnings : List.of();
      Exporter.Context context =
          new Exporter.Context(sessions, job.session(), progress, cache, compatibility);
      int index = i;
      exports.add(() -> {
        Map<String, String> response = export(instance, source, context, ofFirst);
        observation.exported(BuildObserver.Kind.RESULT, index, instance.name(), response);
        return response;
      });
    }
    Map<String, String> out = new LinkedHashMap<>();
    Scope.all("export", exports).forEach(out::putAll);
    return out;
  }

  /** Tells a client that was asked for exports that all of them have ended. */
  void finish(Job job, Map<String, String> response) throws InterruptedException {
    if (clientChooses) {
      ChosenExports.finish(client(job), response);
    }
  }

  private Session client(Job job) throws InterruptedException {
    return sessions.await(job.session(), SESSION_PATIENCE);
  }

  private static List<String> ids(ExportSource source) {
    List<String> out = new ArrayList<>();
    source.ref().ifPresent(ref -> out.add(ref.id()));
    source.refs().values().forEach(one -> one.map(ImmutableRef::id).ifPresent(out::add));
    return out;
  }

  private static Map<String, String> export(
      Exporter.Instance instance,
      ExportSource source,
      Exporter.Context context,
      List<String> warnings)
      throws Exception {
    VertexProgress progress = context.progress();
    progress.started();
    warn(progress, warnings);
    try {
      Map<String, String> response = instance.export(source, context);
      progress.completed(null);
      return response;
    } catch (Exception e) {
      progress.completed(e);
      throw e;
    }
  }

  private static void reportWarnings(List<String> warnings, Job job) {
    if (warnings.isEmpty()) {
      return;
    }
    VertexProgress progress = job.vertex(Digest.of(Ids.random()), "Verifying build result");
    progress.started();
    warn(progress, warnings);
    progress.completed(null);
  }

  private static void warn(VertexProgress progress, List<String> warnings) {
    for (String warning : warnings) {
      progress.warn(
          1, warning.getBytes(StandardCharsets.UTF_8), List.of(), "", Optional.empty(), List.of());
    }
  }
}
