package dev.buildd.buildctl.format;

import java.util.ArrayList;
import java.util.List;

/**
 * Aligns columns as Go's {@code text/tabwriter} does: a column ends where a line has no further tab
 * after its cell.
 */
public final class TabWriter {
  private final int minWidth;
  private final int tabWidth;
  private final int padding;
  private final char pad;
  private final StringBuilder text = new StringBuilder();

  public TabWriter(int minWidth, int tabWidth, int padding, char pad) {
    this.minWidth = minWidth;
    this.tabWidth = tabWidth;
    this.padding = padding;
    this.pad = pad;
  }

  /** The layout of BuildKit's tables. */
  public static TabWriter forTables() {
    return new TabWriter(1, 8, 1, '\t');
  }

  public TabWriter print(String added) {
    text.append(added);
    return this;
  }

  public TabWriter println(String line) {
    text.append(line).append('\n');
    return this;
  }

  /** What was printed so far, aligned; nothing of it has a bearing on what follows. */
  public String flush() {
    List<String[]> lines = new ArrayList<>();
    String all = text.toString();
    text.setLength(0);
    boolean ended = all.endsWith("\n");
    String body = ended ? all.substring(0, all.length() - 1) : all;
    if (all.isEmpty()) {
      return "";
    }
    for (String line : body.split("\n", -1)) {
      lines.add(line.split("\t", -1));
    }
    StringBuilder out = new StringBuilder();
    format(lines, 0, lines.size(), new ArrayList<>(), out);
    if (!ended) {
      out.setLength(out.length() - 1);
    }
    return out.toString();
  }

  private void format(
      List<String[]> lines, int from, int to, List<Integer> widths, StringBuilder out) {
    int column = widths.size();
    int start = from;
    int at = from;
    while (at < to) {
      if (column >= lines.get(at).length - 1) {
        at++;
        continue;
      }
      write(lines, start, at, widths, out);
      start = at;
      int width = minWidth;
      boolean empty = true;
      while (at < to && column < lines.get(at).length - 1) {
        int cell = codePoints(lines.get(at)[column]);
        width = Math.max(width, cell + padding);
        empty &= cell == 0;
        at++;
      }
      widths.add(empty && width <= padding ? Math.max(minWidth, padding) : width);
      format(lines, start, at, widths, out);
      widths.removeLast();
      start = at;
    }
    write(lines, start, to, widths, out);
  }

  private void write(
      List<String[]> lines, int from, int to, List<Integer> widths, StringBuilder out) {
    for (int i = from; i < to; i++) {
      String[] cells = lines.get(i);
      for (int j = 0; j < cells.length; j++) {
        out.append(cells[j]);
        if (j < widths.size()) {
          pad(codePoints(cells[j]), widths.get(j), out);
        }
      }
      out.append('\n');
    }
  }

  private void pad(int cell, int width, StringBuilder out) {
    if (pad == '\t') {
      int rounded = (width + tabWidth - 1) / tabWidth * tabWidth;
      out.repeat('\t', (rounded - cell + tabWidth - 1) / tabWidth);
    } else {
      out.repeat(pad, width - cell);
    }
  }

  private static int codePoints(String cell) {
    return cell.codePointCount(0, cell.length());
  }
}
