package dev.buildd.base.reference;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Writes a page for {@code man}. See groff_man(7). */
public final class Roff {
  private static final String BULLET = "- ";
  private static final Pattern INLINE =
      Pattern.compile("`([^`]+)`|\\*\\*([^*]+)\\*\\*|\\[([^\\]]+)\\]\\([^)]*\\)");

  private final StringBuilder text = new StringBuilder();

  private Roff() {}

  public static Roff page(String name, int section, String usage, String book) {
    Roff page = new Roff();
    page.text.append(".TH ").append(quoted(name.toUpperCase(java.util.Locale.ROOT)));
    page.text.append(' ').append(section).append(" \"\" \"buildd\" ").append(quoted(book));
    // words of command lines are long: lines that are filled out to the margin would be full of
    // holes
    page.text.append("\n.ad l\n");
    return page.section("Name").paragraph(name + " - " + usage);
  }

  public Roff section(String title) {
    text.append(".SH ").append(quoted(title.toUpperCase(java.util.Locale.ROOT))).append('\n');
    return this;
  }

  public Roff subsection(String title) {
    text.append(".SS ").append(quoted(title)).append('\n');
    return this;
  }

  /** Text with the inline marks of Markdown. */
  public Roff paragraph(String markdown) {
    text.append(".PP\n").append(inline(markdown)).append('\n');
    return this;
  }

  /** Something named, and what is said of it below. */
  public Roff item(String markdownOfTag, String markdown) {
    text.append(".TP\n").append(inline(markdownOfTag)).append('\n');
    text.append(markdown.isEmpty() ? "\\&" : inline(markdown)).append('\n');
    return this;
  }

  public Roff example(String lines) {
    text.append(".PP\n.RS 4\n.nf\n");
    lines.lines().forEach(line -> text.append(line(escaped(line))).append('\n'));
    text.append(".fi\n.RE\n");
    return this;
  }

  /**
   * A page of ours: paragraphs, lists, headings, fenced examples and inline marks, no more of
   * Markdown. Its title, the first heading, is left out.
   */
  public Roff markdown(String page) {
    StringBuilder paragraph = new StringBuilder();
    StringBuilder example = new StringBuilder();
    boolean fenced = false;
    for (String line : page.lines().toList()) {
      if (line.startsWith("```")) {
        flush(paragraph);
        if (fenced) {
          example(example.toString());
          example.setLength(0);
        }
        fenced = !fenced;
      } else if (fenced) {
        example.append(line).append('\n');
      } else if (line.startsWith("# ") || line.isBlank()) {
        flush(paragraph);
      } else if (line.startsWith("## ")) {
        flush(paragraph);
        section(line.substring(3));
      } else if (line.startsWith(BULLET)) {
        flush(paragraph);
        paragraph.append(line);
      } else {
        paragraph.append(paragraph.isEmpty() ? "" : " ").append(line.strip());
      }
    }
    flush(paragraph);
    return this;
  }

  private void flush(StringBuilder paragraph) {
    if (!paragraph.isEmpty()) {
      String content = paragraph.toString();
      if (content.startsWith(BULLET)) {
        text.append(".IP \\(bu 2\n")
            .append(inline(content.substring(BULLET.length())))
            .append('\n');
      } else {
        paragraph(content);
      }
      paragraph.setLength(0);
    }
  }

  private static String inline(String markdown) {
    StringBuilder out = new StringBuilder();
    Matcher matcher = INLINE.matcher(markdown);
    int from = 0;
    while (matcher.find()) {
      out.append(escaped(markdown.substring(from, matcher.start())));
      if (matcher.group(3) != null) {
        out.append(escaped(matcher.group(3)));
      } else {
        String strong = matcher.group(1) == null ? matcher.group(2) : matcher.group(1);
        out.append("\\fB").append(escaped(strong)).append("\\fR");
      }
      from = matcher.end();
    }
    return line(out.append(escaped(markdown.substring(from))).toString());
  }

  private static String escaped(String plain) {
    return plain
        .replace("\\", "\\e")
        .replace("-", "\\-")
        .replace("'", "\\(aq")
        .replace("`", "\\(ga")
        .replace("~", "\\(ti")
        .replace("^", "\\(ha")
        .replace("\n", " ")
        // where a long word may be broken
        .replaceAll(",(?=\\S)", ",\\\\:");
  }

  /** A line that begins with a dot would be a request. */
  private static String line(String escaped) {
    return escaped.startsWith(".") ? "\\&" + escaped : escaped;
  }

  private static String quoted(String argument) {
    return '"' + escaped(argument).replace("\"", "\\(dq") + '"';
  }

  @Override
  public String toString() {
    return text.toString();
  }
}
