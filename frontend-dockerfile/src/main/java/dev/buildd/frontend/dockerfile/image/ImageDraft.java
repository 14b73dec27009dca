package dev.buildd.frontend.dockerfile.image;

import dev.buildd.base.content.DefaultPath;
import dev.buildd.base.content.Platform;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;

/** A configuration while the instructions of a stage change it. Belongs to one thread. */
public final class ImageDraft {
  private static final String COMMENT = "buildkit.dockerfile.v0";
  private static final String WINDOWS = "windows";

  private final Optional<String> created;
  private final String rootfsType;
  private final Optional<List<String>> diffIds;
  private final List<ImageConfig.History> history;
  private final SortedSet<String> exposedPorts;
  private final List<String> env;
  private final SortedSet<String> volumes;
  private final SortedMap<String, String> labels;
  private final List<String> onBuild;
  private Platform platform;
  private String author;
  private String user;
  private List<String> entrypoint;
  private List<String> command;
  private String workingDir;
  private String stopSignal;
  private boolean argsEscaped;
  private Optional<ImageConfig.Healthcheck> healthcheck;
  private List<String> shell;

  /** Begins with what another configuration says. */
  public ImageDraft(ImageConfig base) {
    ImageConfig.Container container = base.container();
    created = base.created();
    rootfsType = base.rootfsType();
    diffIds = base.diffIds();
    history = new ArrayList<>(base.history());
    exposedPorts = new TreeSet<>(container.exposedPorts());
    env = new ArrayList<>(container.env());
    volumes = new TreeSet<>(container.volumes());
    labels = new TreeMap<>(container.labels());
    onBuild = new ArrayList<>(container.onBuild());
    platform = base.platform();
    author = base.author();
    user = container.user();
    entrypoint = container.entrypoint();
    command = container.command();
    workingDir = container.workingDir();
    stopSignal = container.stopSignal();
    argsEscaped = container.argsEscaped();
    healthcheck = container.healthcheck();
    shell = container.shell();
  }

  public ImageConfig toConfig() {
    return new ImageConfig(
        created,
        author,
        platform,
        rootfsType,
        diffIds,
        history,
        new ImageConfig.Container(
            user,
            exposedPorts,
            env,
            entrypoint,
            command,
            volumes,
            workingDir,
            labels,
            stopSignal,
            argsEscaped,
            healthcheck,
            onBuild,
            shell));
  }

  /**
   * Says what an instruction did.
   *
   * @param at when, if that is to be told
   */
  public void addHistory(String createdBy, boolean layer, Optional<String> at) {
    history.add(new ImageConfig.History(at, createdBy, "", COMMENT, !layer));
  }

  /** Sets a variable: in its place if it is there, else at the end. */
  public void putEnv(String name, String value) {
    String entry = name + "=" + value;
    for (int i = 0; i < env.size(); i++) {
      if (nameOf(env.get(i)).equals(name)) {
        env.set(i, entry);
        return;
      }
    }
    env.add(entry);
  }

  /**
   * Gives a search path to an image that has none (section 2.3).
   *
   * @param os for which; Windows has one of its own
   */
  public void addDefaultPath(String os) {
    if (!os.equals(WINDOWS) && env.stream().noneMatch(entry -> nameOf(entry).equals("PATH"))) {
      env.add("PATH=" + DefaultPath.UNIX);
    }
  }

  private static String nameOf(String entry) {
    int equals = entry.indexOf('=');
    return equals < 0 ? entry : entry.substring(0, equals);
  }

  /** The variables, as {@code name=value}. */
  public List<String> env() {
    return List.copyOf(env);
  }

  public void putLabel(String name, String value) {
    labels.put(name, value);
  }

  public void putLabels(Map<String, String> more) {
    labels.putAll(more);
  }

  public void exposePort(String port) {
    exposedPorts.add(port);
  }

  public void addVolume(String path) {
    volumes.add(path);
  }

  public void addOnBuild(String trigger) {
    onBuild.add(trigger);
  }

  public void clearOnBuild() {
    onBuild.clear();
  }

  public List<String> onBuild() {
    return List.copyOf(onBuild);
  }

  public void platform(Platform other) {
    platform = other;
  }

  public Platform platform() {
    return platform;
  }

  public boolean isWindows() {
    return platform.os().equals(WINDOWS);
  }

  public void author(String name) {
    author = name;
  }

  public void user(String name) {
    user = name;
  }

  public String user() {
    return user;
  }

  public void entrypoint(List<String> words) {
    entrypoint = words;
  }

  public void command(List<String> words) {
    command = words;
  }

  public void argsEscaped(boolean escaped) {
    argsEscaped = escaped;
  }

  public void workingDir(String directory) {
    workingDir = directory;
  }

  public String workingDir() {
    return workingDir;
  }

  public void stopSignal(String signal) {
    stopSignal = signal;
  }

  public void healthcheck(ImageConfig.Healthcheck check) {
    healthcheck = Optional.of(check);
  }

  public void shell(List<String> words) {
    shell = words;
  }

  /** The words that come before a command in shell form, if the image says. */
  public List<String> shell() {
    return shell;
  }
}
