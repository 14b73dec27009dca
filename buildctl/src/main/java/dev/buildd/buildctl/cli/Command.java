package dev.buildd.buildctl.cli;

import java.util.List;
import java.util.Optional;

/**
 * A command, or a group of them.
 *
 * @param names the first is its name, the others are aliases
 * @param synopsis what help shows as its usage, if not made of the flags
 * @param arguments what follows the flags, for help
 */
public record Command(
    List<String> names,
    String usage,
    String synopsis,
    String arguments,
    boolean hidden,
    List<Flag> flags,
    List<Command> commands,
    Optional<Action> action) {
  /** Does what was asked. */
  @FunctionalInterface
  public interface Action {
    void run(Invocation invocation) throws Exception;
  }

  public Command {
    names = List.copyOf(names);
    flags = List.copyOf(flags);
    commands = List.copyOf(commands);
  }

  public static Command of(String names, String usage, List<Flag> flags, Action action) {
    return new Command(
        List.of(names.split(",")), usage, "", "", false, flags, List.of(), Optional.of(action));
  }

  public static Command group(String name, String usage, List<Command> commands) {
    return new Command(List.of(name), usage, "", "", false, List.of(), commands, Optional.empty());
  }

  public Command withSynopsis(String text) {
    return new Command(names, usage, text, arguments, hidden, flags, commands, action);
  }

  public Command withArguments(String text) {
    return new Command(names, usage, synopsis, text, hidden, flags, commands, action);
  }

  public Command asHidden() {
    return new Command(names, usage, synopsis, arguments, true, flags, commands, action);
  }

  String name() {
    return names.getFirst();
  }
}
