package dev.buildd.base.reference;

import java.util.List;
import java.util.stream.Collectors;

/** The page of a program: all its commands and options. */
public final class Manual {
  private Manual() {}

  /** The page up to where a program has to say more than its command line does. */
  public static Roff of(Syntax program, int section, String book, String description) {
    Roff page = Roff.page(program.name(), section, program.usage(), book).section("Synopsis");
    for (Syntax.Place place : program.places()) {
      if (place.syntax().commands().isEmpty()) {
        page.paragraph(synopsis(program, place));
      }
    }
    page.section("Description").paragraph(description);
    page.section(program.commands().isEmpty() ? "Options" : "Global options");
    options(page, program.options());
    if (!program.commands().isEmpty()) {
      page.section("Commands");
      for (Syntax.Place place : program.places()) {
        if (!place.syntax().equals(program)) {
          command(page, place);
        }
      }
    }
    return page;
  }

  private static String synopsis(Syntax program, Syntax.Place place) {
    String globals = place.syntax().equals(program) ? "" : " [global options]";
    return "**"
        + program.name()
        + "**"
        + globals
        + (place.path().size() == 1
            ? ""
            : " **" + String.join(" ", place.path().subList(1, place.path().size())) + "**")
        + (place.syntax().options().isEmpty() ? "" : " [options]")
        + place.syntax().operand().map(operand -> " " + operand.label()).orElse("");
  }

  private static void command(Roff page, Syntax.Place place) {
    Syntax command = place.syntax();
    page.subsection(place.words());
    List<String> aliases = command.names().subList(1, command.names().size());
    page.paragraph(
        command.usage()
            + aliases.stream()
                .map(alias -> " (also **" + alias + "**)")
                .collect(Collectors.joining()));
    options(page, command.options());
  }

  private static void options(Roff page, List<Syntax.Option> options) {
    for (Syntax.Option option : options) {
      String label = option.value().map(Syntax.Value::label).map(text -> " " + text).orElse("");
      String tag =
          option.names().stream()
              .map(name -> "**" + name + "**" + label)
              .collect(Collectors.joining(", "));
      String repeat = option.repeatable() ? " May be given several times." : "";
      page.item(tag, plain(option.usage()) + words(option) + repeat);
    }
  }

  /** What programs say of options is not Markdown, and ends without a full stop. */
  private static String plain(String usage) {
    String text = usage.replace("`", "").strip();
    return text.isEmpty() || text.endsWith(".") ? text : text + ".";
  }

  private static String words(Syntax.Option option) {
    if (!(option.value().orElse(null) instanceof Syntax.Value.Choice choice)
        || choice.words().stream().allMatch(option.usage()::contains)) {
      return "";
    }
    boolean complete = choice.words().stream().allMatch(word -> word.matches("[a-z0-9.]+"));
    return (complete ? " One of: " : " For example: ") + String.join(" ", choice.words()) + ".";
  }
}
