package dev.buildd.base.reference;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** Completion for bash, which needs nothing but bash. */
public final class BashCompletion {
  private static final String HEAD =
      """
      # bash completion for @NAME@, generated
      _@NAME@() {
        local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
        local at=@NAME@ i options= commands= operand=
        COMPREPLY=()
        # bash takes "=" for a word of its own
        if [[ $cur == "=" ]]; then
          cur=
        elif [[ $prev == "=" ]]; then
          prev=${COMP_WORDS[COMP_CWORD - 2]}
        fi
        for ((i = 1; i < COMP_CWORD; i++)); do
          case "$at ${COMP_WORDS[i]}" in
      """;
  private static final String VALUE_IS_SKIPPED =
      """
            [[ ${COMP_WORDS[i + 1]} == "=" ]] && ((i++))
            ((i++)) ;;
      """;
  private static final String TAIL =
      """
        esac
        if [[ $cur == -* ]]; then
          COMPREPLY=($(compgen -W "$options" -- "$cur"))
        elif [[ -n $commands ]]; then
          COMPREPLY=($(compgen -W "$commands" -- "$cur"))
        elif [[ $operand == file ]]; then
          compopt -o filenames 2>/dev/null
          mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        fi
      }
      complete -F _@NAME@ @NAME@
      """;

  private BashCompletion() {}

  public static String of(Syntax program) {
    StringBuilder out = new StringBuilder(HEAD.replace("@NAME@", program.name()));
    descent(program, out);
    out.append("    esac\n  done\n  case \"$at $prev\" in\n");
    values(program, out);
    out.append("  esac\n  case \"$at\" in\n");
    for (Syntax.Place place : program.places()) {
      out.append("    '").append(place.words()).append("')\n      options='");
      out.append(
          program.optionsAt(place).stream()
              .flatMap(option -> option.names().stream())
              .distinct()
              .collect(Collectors.joining(" ")));
      out.append("'\n      commands='");
      out.append(
          place.syntax().commands().stream().map(Syntax::name).collect(Collectors.joining(" ")));
      boolean file =
          place.syntax().operand().filter(Syntax.Value.File.class::isInstance).isPresent();
      out.append("'\n      operand=").append(file ? "file" : "").append(" ;;\n");
    }
    return out.append(TAIL.replace("@NAME@", program.name())).toString();
  }

  /** Finds the command that is called; values of options are no commands. */
  private static void descent(Syntax program, StringBuilder out) {
    List<String> valued = new ArrayList<>();
    for (Syntax.Place place : program.places()) {
      for (Syntax command : place.syntax().commands()) {
        out.append("      ");
        out.append(
            command.names().stream()
                .map(name -> "'" + place.words() + " " + name + "'")
                .collect(Collectors.joining(" | ")));
        out.append(") at='").append(place.words()).append(' ').append(command.name());
        out.append("' ;;\n");
      }
      for (Syntax.Option option : program.optionsAt(place)) {
        if (option.value().isPresent()) {
          option.names().forEach(name -> valued.add("'" + place.words() + " " + name + "'"));
        }
      }
    }
    if (!valued.isEmpty()) {
      out.append("      ").append(String.join(" | \\\n      ", valued)).append(")\n");
      VALUE_IS_SKIPPED.lines().forEach(line -> out.append("  ").append(line).append('\n'));
    }
  }

  /** Offers what the option before the cursor takes. */
  private static void values(Syntax program, StringBuilder out) {
    Map<String, List<String>> byAnswer = new LinkedHashMap<>();
    for (Syntax.Place place : program.places()) {
      for (Syntax.Option option : program.optionsAt(place)) {
        if (option.value().isPresent()) {
          List<String> cases =
              byAnswer.computeIfAbsent(answer(option.value().get()), a -> new ArrayList<>());
          option.names().forEach(name -> cases.add("'" + place.words() + " " + name + "'"));
        }
      }
    }
    byAnswer.forEach((answer, cases) -> {
      out.append("    ").append(String.join(" | \\\n    ", cases)).append(")\n");
      out.append(answer).append("      return ;;\n");
    });
  }

  private static String answer(Syntax.Value value) {
    return switch (value) {
      case Syntax.Value.Text text -> "";
      case Syntax.Value.File file -> files("-f");
      case Syntax.Value.Directory directory -> files("-d");
      case Syntax.Value.Choice choice -> {
        boolean goesOn = choice.words().stream().anyMatch(word -> word.endsWith("="));
        yield (goesOn ? "      compopt -o nospace 2>/dev/null\n" : "")
            + "      COMPREPLY=($(compgen -W '"
            + String.join(" ", choice.words())
            + "' -- \"$cur\"))\n";
      }
    };
  }

  private static String files(String kind) {
    return "      compopt -o filenames 2>/dev/null\n"
        + "      mapfile -t COMPREPLY < <(compgen "
        + kind
        + " -- \"$cur\")\n";
  }
}
