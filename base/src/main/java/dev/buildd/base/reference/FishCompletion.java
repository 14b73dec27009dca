package dev.buildd.base.reference;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/** Completion for fish. */
public final class FishCompletion {
  private FishCompletion() {}

  public static String of(Syntax program) {
    StringBuilder out = new StringBuilder("# fish completion for " + program.name() + "\n");
    out.append("complete -c ").append(program.name()).append(" -f\n");
    program.options().forEach(option -> option(program, "", option, out));
    walk(program, program, new ArrayList<>(), out);
    return out.toString();
  }

  private static void walk(Syntax program, Syntax at, List<String> above, StringBuilder out) {
    if (!at.equals(program)) {
      String here = String.join("; and ", above);
      at.options().stream()
          .filter(option -> !program.options().contains(option))
          .forEach(option -> option(program, here, option, out));
      if (at.operand().filter(Syntax.Value.File.class::isInstance).isPresent()) {
        out.append("complete -c ").append(program.name()).append(" -n ").append(quoted(here));
        out.append(" -F\n");
      }
    }
    String siblings =
        at.commands().stream()
            .flatMap(command -> command.names().stream())
            .collect(Collectors.joining(" "));
    for (Syntax command : at.commands()) {
      List<String> conditions = new ArrayList<>(above);
      conditions.add("not __fish_seen_subcommand_from " + siblings);
      out.append("complete -c ").append(program.name()).append(" -n ");
      out.append(quoted(String.join("; and ", conditions))).append(" -a ").append(command.name());
      out.append(" -d ").append(quoted(command.usage())).append('\n');
      List<String> inside = new ArrayList<>(above);
      inside.add("__fish_seen_subcommand_from " + String.join(" ", command.names()));
      walk(program, command, inside, out);
    }
  }

  private static void option(
      Syntax program, String condition, Syntax.Option option, StringBuilder out) {
    out.append("complete -c ").append(program.name());
    if (!condition.isEmpty()) {
      out.append(" -n ").append(quoted(condition));
    }
    for (String name : option.names()) {
      out.append(name.startsWith("--") ? " -l " + name.substring(2) : " -s " + name.substring(1));
    }
    option.value().ifPresent(value -> out.append(values(value)));
    out.append(" -d ").append(quoted(option.usage())).append('\n');
  }

  private static String values(Syntax.Value value) {
    return switch (value) {
      case Syntax.Value.Text text -> " -x";
      case Syntax.Value.File file -> " -r -F";
      case Syntax.Value.Directory directory -> " -x -a '(__fish_complete_directories)'";
      case Syntax.Value.Choice choice -> " -x -a " + quoted(String.join(" ", choice.words()));
    };
  }

  private static String quoted(String text) {
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'";
  }
}
