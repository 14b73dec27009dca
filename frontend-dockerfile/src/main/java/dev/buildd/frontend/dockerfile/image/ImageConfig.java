package dev.buildd.frontend.dockerfile.image;

import dev.buildd.base.content.Platform;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * The configuration of an image (dockerfile.md section 4.7). Members that the frontend does not
 * know are not kept, as the reference does not keep them.
 *
 * @param created when, as RFC 3339 has it
 * @param platform as the image says it, not normalized
 * @param diffIds of the layers; empty if nothing is said of them
 */
public record ImageConfig(
    Optional<String> created,
    String author,
    Platform platform,
    String rootfsType,
    Optional<List<String>> diffIds,
    List<History> history,
    Container container) {
  static final String LAYERS = "layers";

  public ImageConfig {
    diffIds = diffIds.map(List::copyOf);
    history = List.copyOf(history);
  }

  /**
   * What one instruction did.
   *
   * @param created when, as RFC 3339 has it
   * @param emptyLayer whether it made no layer
   */
  public record History(
      Optional<String> created,
      String createdBy,
      String author,
      String comment,
      boolean emptyLayer) {}

  /** How containers of the image run. Absent and empty lists are the same to those who read it. */
  public record Container(
      String user,
      SortedSet<String> exposedPorts,
      List<String> env,
      List<String> entrypoint,
      List<String> command,
      SortedSet<String> volumes,
      String workingDir,
      SortedMap<String, String> labels,
      String stopSignal,
      boolean argsEscaped,
      Optional<Healthcheck> healthcheck,
      List<String> onBuild,
      List<String> shell) {
    static final Container EMPTY =
        new Container(
            "",
            Collections.emptySortedSet(),
            List.of(),
            List.of(),
            List.of(),
            Collections.emptySortedSet(),
            "",
            Collections.emptySortedMap(),
            "",
            false,
            Optional.empty(),
            List.of(),
            List.of());

    public Container {
      exposedPorts = Collections.unmodifiableSortedSet(new TreeSet<>(exposedPorts));
      env = List.copyOf(env);
      entrypoint = List.copyOf(entrypoint);
      command = List.copyOf(command);
      volumes = Collections.unmodifiableSortedSet(new TreeSet<>(volumes));
      labels = Collections.unmodifiableSortedMap(new TreeMap<>(labels));
      onBuild = List.copyOf(onBuild);
      shell = List.copyOf(shell);
    }
  }

  /** How it is found out whether a container works; times are nanoseconds, zero for "not given". */
  public record Healthcheck(
      List<String> test,
      long interval,
      long timeout,
      long startPeriod,
      long startInterval,
      long retries) {
    public Healthcheck {
      test = List.copyOf(test);
    }
  }

  /** That of the empty filesystem. */
  public static ImageConfig scratch(Platform platform) {
    ImageDraft draft = new ImageDraft(empty(platform, LAYERS));
    draft.workingDir("/");
    draft.addDefaultPath(platform.os());
    return draft.toConfig();
  }

  /** Says nothing at all. */
  public static ImageConfig empty() {
    return empty(new Platform("", "", "", "", List.of()), "");
  }

  private static ImageConfig empty(Platform platform, String rootfsType) {
    return new ImageConfig(
        Optional.empty(), "", platform, rootfsType, Optional.empty(), List.of(), Container.EMPTY);
  }

  public ImageConfig withoutCreated() {
    return new ImageConfig(
        Optional.empty(), author, platform, rootfsType, diffIds, history, container);
  }

  /** Whether the image has no layers, so that it is a name for the empty filesystem. */
  public boolean hasNoLayers() {
    return diffIds.map(List::isEmpty).orElse(true)
        && history.stream().allMatch(History::emptyLayer);
  }
}
