package dev.buildd.base.reference;

import java.util.List;
import java.util.stream.Collectors;

/** Completion for zsh. */
public final class ZshCompletion {
  private ZshCompletion() {}

  public static String of(Syntax program) {
    StringBuilder out = new StringBuilder("#compdef " + program.name() + "\n# generated\n\n");
    for (Syntax.Place place : program.places()) {
      function(program, place, out);
    }
    return out.append(function(place(program))).append(" \"$@\"\n").toString();
  }

  private static Syntax.Place place(Syntax program) {
    return program.places().getFirst();
  }

  private static String function(Syntax.Place place) {
    return "_" + String.join("_", place.path()).replace('-', '_');
  }

  private static void function(Syntax program, Syntax.Place place, StringBuilder out) {
    Syntax syntax = place.syntax();
    out.append(function(place)).append("() {\n");
    boolean deeper = !syntax.commands().isEmpty();
    if (deeper) {
      out.append("  local curcontext=\"$curcontext\" state line\n  typeset -A opt_args\n");
    }
    out.append("  _arguments").append(deeper ? " -C" : "");
    for (Syntax.Option option : program.optionsAt(place)) {
      for (String name : option.names()) {
        out.append(" \\\n    ").append(spec(option, name));
      }
    }
    if (deeper) {
      out.append(" \\\n    '1: :->command' \\\n    '*:: :->arguments'\n  case $state in\n");
      out.append("    command)\n      local -a commands\n      commands=(\n");
      for (Syntax command : syntax.commands()) {
        String described = command.name() + ":" + command.usage();
        out.append("        ").append(quoted(described)).append('\n');
      }
      out.append("      )\n      _describe command commands ;;\n    arguments)\n");
      out.append("      case $words[1] in\n");
      for (Syntax command : syntax.commands()) {
        out.append("        ").append(String.join(" | ", command.names())).append(") ");
        out.append(function(place)).append('_').append(command.name().replace('-', '_'));
        out.append(" ;;\n");
      }
      out.append("      esac ;;\n  esac\n");
    } else {
      syntax
          .operand()
          .ifPresent(value -> out.append(" \\\n    ").append(quoted("*:" + message(value))));
      out.append('\n');
    }
    out.append("}\n\n");
  }

  private static String spec(Syntax.Option option, String name) {
    String text = option.usage().replaceAll("([\\[\\]:\\\\])", "\\\\$1");
    String assigned = option.value().isEmpty() ? "" : name.startsWith("--") ? "=" : "+";
    return quoted(
        (option.repeatable() ? "*" : "")
            + name
            + assigned
            + "["
            + text
            + "]"
            + option.value().map(value -> ":" + message(value)).orElse(""));
  }

  private static String message(Syntax.Value value) {
    String label = value.label().replace(":", "\\:");
    return label
        + ":"
        + switch (value) {
          case Syntax.Value.Text text -> "";
          case Syntax.Value.File file -> "_files";
          case Syntax.Value.Directory directory -> "_files -/";
          case Syntax.Value.Choice choice -> words(choice.words());
        };
  }

  private static String words(List<String> words) {
    return words.stream()
        .map(word -> word.replace(":", "\\:"))
        .collect(Collectors.joining(" ", "(", ")"));
  }

  private static String quoted(String text) {
    return "'" + text.replace("'", "'\\''") + "'";
  }
}
