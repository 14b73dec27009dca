package dev.buildd.frontend.dockerfile.convert;

import dev.buildd.base.content.Platform;
import dev.buildd.frontend.dockerfile.context.NamedContext;
import dev.buildd.frontend.dockerfile.image.ImageConfig;
import dev.buildd.frontend.dockerfile.image.ImageDraft;
import dev.buildd.frontend.dockerfile.instruction.Arg;
import dev.buildd.frontend.dockerfile.instruction.Instruction;
import dev.buildd.frontend.dockerfile.instruction.Stage;
import dev.buildd.frontend.dockerfile.source.Location;
import dev.buildd.llb.Llb;
import dev.buildd.llb.State;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.Set;
import java.util.TreeSet;

/**
 * A stage while it is converted: one of the Dockerfile, or an anonymous one that an instruction
 * makes of an image it takes files of. Belongs to one thread, but that bases are found out of many
 * stages at once.
 */
final class BuildStage {
  static final String SCRATCH = "scratch";

  private final Stage written;
  private final boolean anonymous;

  /** The name that users see; empty if it goes without saying. */
  String shownName;

  /** What FROM names, once expanded; later the image's full reference. */
  String baseName;

  Optional<BuildStage> base = Optional.empty();
  Optional<NamedContext> replacement = Optional.empty();
  Optional<Platform> platform = Optional.empty();
  Optional<ImageConfig> baseImage = Optional.empty();
  State state = Llb.scratch();
  ImageDraft image = new ImageDraft(ImageConfig.empty());
  Variables environment = new Variables();
  List<Step> steps = List.of();
  boolean ignoresCache;

  /** Whether what it is based on is known. */
  boolean resolved;

  /** Whether it is ready to be used by others. */
  boolean done;

  boolean triggersTaken;
  boolean workdirSet;
  boolean scanned;
  boolean contextScanned;

  /** How many steps have a number, and how many numbers are given away. */
  int stepCount;

  int stepNumber;

  /** Of each instruction that only the last counts of, where the last was. */
  final Map<Class<? extends Instruction>, Location> last = new LinkedHashMap<>();

  /** Stages it takes files of, and the instruction that does so. */
  private final SequencedMap<BuildStage, Instruction> dependencies = new LinkedHashMap<>();

  /** What is used of the main context. */
  private final Set<String> contextPaths = new TreeSet<>();

  /** What is used of this stage; shared with the stage that it is based on. */
  private Set<String> usedPaths = new TreeSet<>();

  private final List<Arg.Variable> declared = new ArrayList<>();
  private final Set<String> declaredNames = new LinkedHashSet<>();
  private OutlineNotes notes;

  BuildStage(Stage written, String baseName, String shownName, OutlineNotes notes) {
    this(written, baseName, shownName, notes, false);
  }

  private BuildStage(
      Stage written, String baseName, String shownName, OutlineNotes notes, boolean anonymous) {
    this.written = written;
    this.baseName = baseName;
    this.shownName = shownName;
    this.notes = notes;
    this.anonymous = anonymous;
  }

  /** A stage that nobody wrote, for an image of which files are taken. */
  static BuildStage anonymous(String image, Location location) {
    Stage stage =
        new Stage(
            new dev.buildd.frontend.dockerfile.instruction.Origin("", "", List.of(), location),
            "",
            image,
            "",
            List.of());
    return new BuildStage(stage, image, "", new OutlineNotes(Map.of()), true);
  }

  Stage written() {
    return written;
  }

  boolean isAnonymous() {
    return anonymous;
  }

  Location location() {
    return written.origin().location();
  }

  OutlineNotes notes() {
    return notes;
  }

  /** Makes this a child of another stage; what that one notes holds for this too. */
  void basedOn(BuildStage parent) {
    base = Optional.of(parent);
    notes = parent.notes.copy();
  }

  void dependsOn(BuildStage other, Instruction because) {
    dependencies.put(other, because);
  }

  SequencedMap<BuildStage, Instruction> dependencies() {
    return dependencies;
  }

  Platform platformOr(Platform otherwise) {
    return platform.orElse(otherwise);
  }

  /** Takes over all that holds at the end of the stage that it is based on. */
  void inherit() {
    if (base.isEmpty()) {
      return;
    }
    BuildStage parent = base.get();
    state = parent.state;
    environment = parent.environment.copy();
    platform = parent.platform;
    image = new ImageDraft(parent.image.toConfig());
    image.clearOnBuild();
    baseImage = parent.baseImage;
    usedPaths = parent.usedPaths; // what is used of the child is used of the parent
    workdirSet = parent.workdirSet;
    parent.declared.forEach(this::declare);
  }

  /** Sets a variable for what follows in the stage. */
  void setVariable(String name, String value) {
    environment.set(name, value);
    state = state.addEnv(name, value);
  }

  /**
   * Says that the stage knows a variable.
   *
   * @param variable with its value, if it has one
   */
  void declare(Arg.Variable variable) {
    declared.add(variable);
    declaredNames.add(variable.key());
  }

  List<Arg.Variable> declared() {
    return declared;
  }

  boolean declares(String name) {
    return declaredNames.contains(name);
  }

  void useOfContext(String path) {
    contextPaths.add(path);
  }

  Set<String> contextPaths() {
    return contextPaths;
  }

  void use(String path) {
    usedPaths.add(path);
  }

  /** What is used of it, as a client's directory is told; none for all. */
  List<String> usedPaths() {
    return relative(usedPaths);
  }

  /** The paths without their slash in front; none if one is the root. */
  static List<String> relative(Set<String> paths) {
    return paths.contains("/")
        ? List.of()
        : paths.stream().map(path -> path.substring(1)).sorted().toList();
  }

  /** This stage and all that it is made of. */
  Set<BuildStage> reachable() {
    Set<BuildStage> out = new LinkedHashSet<>();
    Deque<BuildStage> pending = new ArrayDeque<>(); // chains of thousands of stages are possible
    pending.push(this);
    while (!pending.isEmpty()) {
      BuildStage stage = pending.pop();
      if (out.add(stage)) {
        stage.dependencies.sequencedKeySet().reversed().forEach(pending::push);
        stage.base.ifPresent(pending::push);
      }
    }
    return out;
  }
}
