package dev.buildd.frontend.dockerfile.convert;

import dev.buildd.frontend.dockerfile.source.Location;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;

/** What a stage uses of what whoever builds may give, noted while it is converted (section 6). */
final class OutlineNotes {
  /**
   * A variable.
   *
   * @param uses the variables that its default is made of
   */
  record Argument(
      String name,
      String description,
      Optional<String> value,
      Set<String> uses,
      Location location) {}

  private final Map<String, Argument> arguments;
  private final Set<String> used;
  private final Map<String, Outline.Needed> secrets;
  private final Map<String, Outline.Needed> agents;

  OutlineNotes(Map<String, Argument> globals) {
    this.arguments = new LinkedHashMap<>(globals);
    this.used = new LinkedHashSet<>();
    this.secrets = new LinkedHashMap<>();
    this.agents = new LinkedHashMap<>();
  }

  private OutlineNotes(OutlineNotes other) {
    this.arguments = new LinkedHashMap<>(other.arguments);
    this.used = new LinkedHashSet<>(other.used);
    this.secrets = new LinkedHashMap<>(other.secrets);
    this.agents = new LinkedHashMap<>(other.agents);
  }

  OutlineNotes copy() {
    return new OutlineNotes(this);
  }

  void use(Set<String> names) {
    used.addAll(names);
  }

  /** A stage declares a variable; one that it takes over as it is keeps what was said of it. */
  void declare(Argument argument, boolean takenOver) {
    if (!takenOver) {
      arguments.put(argument.name(), argument);
    }
    used.add(argument.name());
  }

  void secret(String id, boolean required, Location location) {
    secrets.putIfAbsent(id, new Outline.Needed(id, required, location));
  }

  void agent(String id, boolean required, Location location) {
    agents.putIfAbsent(id, new Outline.Needed(id, required, location));
  }

  /** What is noted of a stage and of all that it is made of. */
  static Outline of(BuildStage target) {
    return new Outline(
        target.written().name(),
        target.written().description(),
        collect(target, OutlineNotes::usedArguments, Outline.Argument::name).stream()
            .sorted(Comparator.comparingInt(argument -> argument.location().first()))
            .toList(),
        sorted(collect(target, notes -> notes.secrets.values(), Outline.Needed::name)),
        sorted(collect(target, notes -> notes.agents.values(), Outline.Needed::name)));
  }

  private static List<Outline.Needed> sorted(List<Outline.Needed> needed) {
    return needed.stream()
        .sorted(Comparator.comparingInt(each -> each.location().first()))
        .toList();
  }

  private static <T> List<T> collect(
      BuildStage target, Function<OutlineNotes, Iterable<T>> of, Function<T, String> name) {
    List<T> out = new ArrayList<>();
    Set<String> seen = new HashSet<>();
    for (BuildStage stage : target.reachable()) {
      for (T each : of.apply(stage.notes())) {
        if (seen.add(name.apply(each))) {
          out.add(each);
        }
      }
    }
    return out;
  }

  private List<Outline.Argument> usedArguments() {
    Set<String> all = new LinkedHashSet<>();
    used.forEach(name -> follow(name, all));
    List<Outline.Argument> out = new ArrayList<>();
    for (String name : all) {
      Argument argument = arguments.get(name);
      if (argument != null) {
        out.add(
            new Outline.Argument(
                name, argument.description(), argument.value(), argument.location()));
      }
    }
    return out;
  }

  private void follow(String name, Set<String> seen) {
    if (seen.add(name)) {
      Argument argument = arguments.get(name);
      if (argument != null) {
        argument.uses().forEach(other -> follow(other, seen));
      }
    }
  }
}
