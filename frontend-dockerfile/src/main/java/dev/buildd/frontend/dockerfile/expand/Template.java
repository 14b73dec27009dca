package dev.buildd.frontend.dockerfile.expand;

import dev.buildd.frontend.dockerfile.source.DockerfileException;

/**
 * The replacement of {@code ${name//pattern/replacement}}, in which BuildKit lets Go's regular
 * expressions see what a dollar means to them: 0 is the match, any other name nothing.
 */
final class Template {
  private Template() {}

  /**
   * @throws DockerfileException if there is more than a value may have, long before all of it is
   */
  static void append(StringBuilder out, String template, CharSequence match) {
    int at = 0;
    while (true) {
      Scan.checkGrowth(out.length());
      int dollar = template.indexOf('$', at);
      if (dollar < 0) {
        out.append(template, at, template.length());
        return;
      }
      out.append(template, at, dollar);
      at = dollar + 1;
      if (template.startsWith("$", at)) {
        out.append('$');
        at++;
        continue;
      }
      boolean braced = template.startsWith("{", at);
      int from = braced ? at + 1 : at;
      int end = nameEnd(template, from);
      boolean isName = end > from && (!braced || template.startsWith("}", end));
      if (!isName) {
        out.append('$');
        continue;
      }
      if (isZero(template.substring(from, end))) {
        out.append(match);
      }
      at = braced ? end + 1 : end;
    }
  }

  private static int nameEnd(String template, int from) {
    int end = from;
    while (end < template.length()) {
      int c = template.codePointAt(end);
      if (!Character.isLetterOrDigit(c) && c != '_') {
        break;
      }
      end += Character.charCount(c);
    }
    return end;
  }

  private static boolean isZero(String name) {
    return name.equals("0");
  }
}
