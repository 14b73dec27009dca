package dev.buildd.frontend.dockerfile.convert;

import dev.buildd.frontend.dockerfile.source.DockerfileException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/** The stages of a build: those of the file in its order, then anonymous ones (section 4.4). */
final class StageList {
  private final List<BuildStage> stages = new ArrayList<>();
  private final Map<String, BuildStage> byName = new HashMap<>();

  /** Adds a stage; if it begins with an earlier one, it becomes that one's child. */
  void add(BuildStage stage) {
    stages.add(stage);
    // compared as it is written: FROM with capitals never means a stage
    Optional.ofNullable(byName.get(stage.baseName)).ifPresent(stage::basedOn);
    if (!stage.written().name().isEmpty()) {
      byName.put(stage.written().name(), stage);
    }
  }

  /** Those known so far. */
  List<BuildStage> all() {
    return Collections.unmodifiableList(stages);
  }

  /** The last of a name, in whatever case. */
  Optional<BuildStage> find(String name) {
    return Optional.ofNullable(byName.get(name.toLowerCase(Locale.ROOT)));
  }

  BuildStage at(int index) {
    if (index < 0 || index >= stages.size()) {
      throw new DockerfileException("invalid stage index " + index);
    }
    return stages.get(index);
  }

  BuildStage last() {
    return stages.getLast();
  }

  /** The names that users see. */
  List<String> names() {
    return stages.stream().map(stage -> stage.shownName).filter(name -> !name.isEmpty()).toList();
  }
}
