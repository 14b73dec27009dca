package dev.buildd.base.reference;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * A command line as its users see it: a program or a command with its options and its commands.
 *
 * @param names the first is its name, the others are aliases
 * @param usage what it does, in half a line
 * @param operand what follows the options; empty if nothing does
 */
public record Syntax(
    List<String> names,
    String usage,
    Optional<Value> operand,
    List<Option> options,
    List<Syntax> commands) {
  /** What an option or an operand takes, which decides what a shell offers. */
  public sealed interface Value {
    /** As the manual calls it. */
    String label();

    record Text(String label) implements Value {}

    record File(String label) implements Value {}

    record Directory(String label) implements Value {}

    /** One of some words; those that end in {@code =} go on. */
    record Choice(String label, List<String> words) implements Value {
      public Choice {
        words = List.copyOf(words);
      }
    }
  }

  /**
   * An option.
   *
   * @param names with their dashes
   * @param value nothing for a switch
   */
  public record Option(
      List<String> names, Optional<Value> value, String usage, boolean repeatable) {
    public Option {
      names = List.copyOf(names);
    }
  }

  /** A command, and the words that lead to it from the program on. */
  record Place(List<String> path, Syntax syntax) {
    String words() {
      return String.join(" ", path);
    }
  }

  public Syntax {
    names = List.copyOf(names);
    options = List.copyOf(options);
    commands = List.copyOf(commands);
  }

  public String name() {
    return names.getFirst();
  }

  /** This and all commands below, in the order of their writing. */
  List<Place> places() {
    List<Place> all = new ArrayList<>();
    walk(List.of(), all);
    return all;
  }

  private void walk(List<String> above, List<Place> to) {
    List<String> path = Stream.concat(above.stream(), Stream.of(name())).toList();
    to.add(new Place(path, this));
    commands.forEach(command -> command.walk(path, to));
  }

  /** The options that may be given at a place: its own, and the program's, which go everywhere. */
  List<Option> optionsAt(Place place) {
    return place.syntax().equals(this)
        ? options
        : Stream.concat(place.syntax().options.stream(), options.stream())
            .filter(option -> !option.names().contains("--version"))
            .distinct()
            .toList();
  }
}
