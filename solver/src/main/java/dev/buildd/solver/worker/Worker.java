package dev.buildd.solver.worker;

import dev.buildd.base.content.Platform;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.pattern.FieldFilter;
import dev.buildd.proto.pb.LinuxResources;
import dev.buildd.proto.pb.Op;
import dev.buildd.proto.pb.SourceOp;
import dev.buildd.proto.pb.WorkerConstraints;
import dev.buildd.solver.llb.OpFactory;
import dev.buildd.solver.ops.BuildOperation;
import dev.buildd.solver.ops.DiffOperation;
import dev.buildd.solver.ops.ExecOperation;
import dev.buildd.solver.ops.ExecSettings;
import dev.buildd.solver.ops.FileOperation;
import dev.buildd.solver.ops.MergeOperation;
import dev.buildd.solver.ops.PassthroughOperation;
import dev.buildd.solver.ops.SourceOperation;
import dev.buildd.solver.source.Source;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Makes operations work on this machine. Safe for use by many threads. */
public final class Worker implements OpFactory {
  private final String id;
  private final Map<String, String> labels;
  private final MachinePlatforms platforms;
  private final ExecSettings settings;
  private final Map<String, Source> sources = new HashMap<>();

  /**
   * @param id names the worker across restarts
   * @param platforms for which steps can be run
   */
  public Worker(
      String id,
      Map<String, String> labels,
      MachinePlatforms platforms,
      ExecSettings settings,
      List<Source> sources) {
    this.id = id;
    this.labels = Map.copyOf(labels);
    this.platforms = platforms;
    this.settings = settings;
    for (Source source : sources) {
      source.schemes().forEach(scheme -> this.sources.put(scheme, source));
    }
  }

  public String id() {
    return id;
  }

  public Map<String, String> labels() {
    return labels;
  }

  public MachinePlatforms platforms() {
    return platforms;
  }

  @Override
  public dev.buildd.solver.graph.Op create(Request request) {
    Op message = request.message();
    checkConstraints(message.getConstraints());
    int inputs = message.getInputsCount();
    String name = request.name();
    return switch (message.getOpCase()) {
      case SOURCE ->
          new SourceOperation(
              message.getSource().getIdentifier(),
              message.getSource().getAttrsMap(),
              open(message.getSource(), request.platform()),
              settings.sessions());
      case EXEC -> {
        ExecOperation.check(message.getExec());
        Optional<LinuxResources> resources =
            request.metadata().hasLinuxResources()
                ? Optional.of(request.metadata().getLinuxResources())
                : Optional.empty();
        yield new ForeignStep(
            new ExecOperation(message.getExec(), request.platform(), inputs, resources, settings),
            request.platform(),
            platforms);
      }
      case FILE -> new FileOperation(message.getFile(), inputs, name, settings.cache());
      case MERGE -> new MergeOperation(message.getMerge(), inputs, name, settings.cache());
      case DIFF -> new DiffOperation(message.getDiff(), inputs, name, settings.cache());
      case PASSTHROUGH -> new PassthroughOperation(message.getPassthrough(), inputs);
      case BUILD -> new BuildOperation(message.getBuild(), inputs, request.loader());
      case OP_NOT_SET -> throw BuildException.invalid("invalid op without a body");
    };
  }

  private Source.Instance open(SourceOp op, Platform platform) {
    String identifier = op.getIdentifier();
    int end = identifier.indexOf("://");
    if (end <= 0) {
      throw BuildException.invalid("failed to parse source identifier \"" + identifier + "\"");
    }
    Source source = sources.get(identifier.substring(0, end));
    if (source == null) {
      throw BuildException.invalid(
          "unknown source scheme \"" + identifier.substring(0, end) + "\" in " + identifier);
    }
    return source.open(identifier, op.getAttrsMap(), platform);
  }

  /** Constraints pick among workers; there is one. */
  private void checkConstraints(WorkerConstraints constraints) {
    for (String filter : constraints.getFilterList()) {
      if (!matches(FieldFilter.parse(List.of(filter)))) {
        throw new BuildException(
            Category.FAILED_PRECONDITION, "no worker matches the constraint " + filter);
      }
    }
  }

  /** Whether the filter lets this worker pass, by its {@code id} and its {@code labels}. */
  public boolean matches(FieldFilter filter) {
    return filter.matches(path ->
        switch (path.getFirst()) {
          case "id" -> Optional.of(id);
          case "labels" ->
              Optional.ofNullable(labels.get(String.join(".", path.subList(1, path.size()))));
          default -> Optional.empty();
        });
  }
}
