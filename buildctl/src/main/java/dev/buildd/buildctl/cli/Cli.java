package dev.buildd.buildctl.cli;

import dev.buildd.base.reference.Syntax;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;

/**
 * Finds the command that was called and runs it, or shows help. Written by hand, for it starts in
 * no time, needs no reflection and prints what BuildKit's users know.
 */
public final class Cli {
  private static final Flag HELP = Flag.bool("help,h", "show help");
  private static final Flag VERSION = Flag.bool("version,v", "print the version");
  private static final int UNKNOWN_COMMAND = 3;

  private final String name;
  private final String usage;
  private final String version;
  private final String versionLine;
  private final List<Flag> global;
  private final List<Command> commands;
  private final PrintStream out;
  private final PrintStream err;

  public Cli(
      String name,
      String usage,
      String version,
      String versionLine,
      List<Flag> global,
      List<Command> commands,
      PrintStream out,
      PrintStream err) {
    this.name = name;
    this.usage = usage;
    this.version = version;
    this.versionLine = versionLine;
    this.global = List.copyOf(global);
    this.commands = List.copyOf(commands);
    this.out = out;
    this.err = err;
  }

  /** The program as manuals and shells know it: what is hidden is left out. */
  public Syntax syntax(Function<Flag, Optional<Syntax.Value>> values) {
    Syntax all =
        new Syntax(
            List.of(name),
            usage,
            Optional.empty(),
            options(global, values),
            syntaxes(commands, values));
    List<Syntax.Option> own = new ArrayList<>(all.options());
    own.add(option(HELP, values));
    own.add(option(VERSION, values));
    return new Syntax(all.names(), usage, Optional.empty(), own, all.commands());
  }

  private static List<Syntax> syntaxes(
      List<Command> commands, Function<Flag, Optional<Syntax.Value>> values) {
    return commands.stream()
        .filter(command -> !command.hidden())
        .map(command ->
            new Syntax(
                command.names(),
                command.usage(),
                Optional.of(command.arguments())
                    .filter(arguments -> !arguments.isEmpty())
                    .map(Syntax.Value.File::new),
                options(command.flags(), values),
                syntaxes(command.commands(), values)))
        .toList();
  }

  private static List<Syntax.Option> options(
      List<Flag> flags, Function<Flag, Optional<Syntax.Value>> values) {
    return flags.stream().filter(flag -> !flag.hidden()).map(flag -> option(flag, values)).toList();
  }

  private static Syntax.Option option(Flag flag, Function<Flag, Optional<Syntax.Value>> values) {
    return new Syntax.Option(
        flag.names().stream().map(Flag::dashed).toList(),
        flag.kind() == Flag.Kind.BOOL ? Optional.empty() : values.apply(flag),
        flag.description(),
        flag.kind() == Flag.Kind.LIST);
  }

  /** Runs what the arguments say; the exit status if that is decided here. */
  public int run(List<String> arguments) throws Exception {
    Invocation invocation = new Invocation();
    List<Flag> known = new ArrayList<>(global);
    known.add(HELP);
    known.add(VERSION);
    List<Command> path = new ArrayList<>();
    int at = 0;
    try {
      at = parse(arguments, 0, known, List.of(), invocation, true);
    } catch (UsageException e) {
      return misused(e, true);
    }
    if (invocation.flag("version")) {
      out.println(versionLine);
      return 0;
    }
    List<Command> choices = commands;
    Optional<Command> found = Optional.empty();
    while (at < arguments.size() && !choices.isEmpty()) {
      String word = arguments.get(at);
      if (word.equals("help") || word.equals("h")) {
        return help(arguments.subList(at + 1, arguments.size()), path);
      }
      Optional<Command> next =
          choices.stream().filter(command -> command.names().contains(word)).findFirst();
      if (next.isEmpty()) {
        if (path.isEmpty() || found.map(f -> f.action().isEmpty()).orElse(true)) {
          err.println("No help topic for '" + word + "'");
          return UNKNOWN_COMMAND;
        }
        break;
      }
      found = next;
      path.add(next.get());
      choices = next.get().commands();
      List<Flag> own = new ArrayList<>(next.get().flags());
      own.add(HELP);
      try {
        at = parse(arguments, at + 1, own, global, invocation, !choices.isEmpty());
      } catch (UsageException e) {
        return misused(e, false);
      }
    }
    if (invocation.flag("help") || found.isEmpty() || found.get().action().isEmpty()) {
      print(found, path, out);
      return 0;
    }
    global.forEach(invocation::setDefault);
    found.get().flags().forEach(invocation::setDefault);
    found.get().action().get().run(invocation);
    return 0;
  }

  private int misused(UsageException e, boolean withHelp) {
    err.println("Incorrect Usage: " + e.getMessage());
    err.println();
    if (withHelp) {
      err.flush();
      print(Optional.empty(), List.of(), out);
      out.flush();
    }
    err.println("error: " + e.getMessage());
    return 1;
  }

  /**
   * Reads flags and, unless commands follow, arguments; the place of the first word that is none.
   */
  private static int parse(
      List<String> arguments,
      int from,
      List<Flag> own,
      List<Flag> inherited,
      Invocation to,
      boolean commandsFollow) {
    Map<String, Flag> known = new HashMap<>();
    inherited.forEach(flag -> flag.names().forEach(n -> known.put(n, flag)));
    own.forEach(flag -> flag.names().forEach(n -> known.put(n, flag)));
    int at = from;
    while (at < arguments.size()) {
      String word = arguments.get(at);
      if (word.equals("--")) {
        at++;
        break;
      }
      if (!word.startsWith("-") || word.equals("-")) {
        if (commandsFollow) {
          return at;
        }
        to.addArgument(word);
        at++;
        continue;
      }
      String text = word.startsWith("--") ? word.substring(2) : word.substring(1);
      int equals = text.indexOf('=');
      String flagName = equals < 0 ? text : text.substring(0, equals);
      Flag flag = known.get(flagName);
      if (flag == null) {
        throw new UsageException("flag provided but not defined: -" + flagName);
      }
      at++;
      if (equals >= 0) {
        to.set(flag, text.substring(equals + 1));
      } else if (flag.kind() == Flag.Kind.BOOL) {
        to.set(flag, "true");
      } else if (at < arguments.size()) {
        to.set(flag, arguments.get(at++));
      } else {
        throw new UsageException("flag needs an argument: -" + flagName);
      }
    }
    while (at < arguments.size()) {
      to.addArgument(arguments.get(at++));
    }
    return at;
  }

  private int help(List<String> words, List<Command> path) {
    List<Command> choices = path.isEmpty() ? commands : path.getLast().commands();
    Optional<Command> found = path.isEmpty() ? Optional.empty() : Optional.of(path.getLast());
    List<Command> full = new ArrayList<>(path);
    for (String word : words) {
      Optional<Command> next =
          choices.stream().filter(command -> command.names().contains(word)).findFirst();
      if (next.isEmpty()) {
        err.println("No help topic for '" + word + "'");
        return UNKNOWN_COMMAND;
      }
      found = next;
      full.add(next.get());
      choices = next.get().commands();
    }
    print(found, full, out);
    return 0;
  }

  private void print(Optional<Command> command, List<Command> path, PrintStream to) {
    StringBuilder full = new StringBuilder(name);
    path.forEach(each -> full.append(' ').append(each.name()));
    to.println("NAME:");
    to.println("   " + full + " - " + command.map(Command::usage).orElse(usage));
    to.println();
    to.println("USAGE:");
    List<Flag> own = new ArrayList<>(command.map(Command::flags).orElse(List.of()));
    List<Command> children = command.map(Command::commands).orElse(commands);
    if (command.map(c -> !c.synopsis().isEmpty()).orElse(false)) {
      to.println("   " + command.get().synopsis());
    } else if (command.isEmpty()) {
      to.println("   " + full + " [global options] [command [command options]]");
    } else if (!children.isEmpty()) {
      to.println("   " + full + " [command [command options]]");
    } else {
      String arguments = command.get().arguments();
      to.println("   " + full + " [options]" + (arguments.isEmpty() ? "" : " " + arguments));
    }
    if (command.isEmpty()) {
      to.println();
      to.println("VERSION:");
      to.println("   " + version);
    }
    if (!children.isEmpty()) {
      to.println();
      to.println("COMMANDS:");
      List<String[]> rows = new ArrayList<>();
      children.stream()
          .filter(child -> !child.hidden())
          .forEach(
              child -> rows.add(new String[] {String.join(", ", child.names()), child.usage()}));
      if (command.isEmpty()) {
        rows.add(new String[] {"help, h", "Shows a list of commands or help for one command"});
      }
      columns(rows, to);
    }
    if (command.isPresent()) {
      own.add(HELP);
      to.println();
      to.println("OPTIONS:");
      flags(own, to);
    }
    if (command.isEmpty() || children.isEmpty()) {
      List<Flag> shown = new ArrayList<>(global);
      if (command.isEmpty()) {
        shown.add(HELP);
        shown.add(VERSION);
      }
      to.println();
      to.println("GLOBAL OPTIONS:");
      flags(shown, to);
    }
  }

  private static void flags(List<Flag> flags, PrintStream to) {
    columns(
        flags.stream()
            .filter(flag -> !flag.hidden())
            .map(flag -> new String[] {flag.synopsis(), flag.description()})
            .toList(),
        to);
  }

  private static void columns(List<String[]> rows, PrintStream to) {
    int width = rows.stream().mapToInt(row -> row[0].length()).max().orElse(0);
    for (String[] row : rows) {
      to.println("   " + row[0] + " ".repeat(width - row[0].length() + 2) + row[1]);
    }
  }
}
