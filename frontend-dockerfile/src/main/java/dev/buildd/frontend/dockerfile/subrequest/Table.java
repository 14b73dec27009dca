package dev.buildd.frontend.dockerfile.subrequest;

import java.util.ArrayList;
import java.util.List;

/** Lines in columns; all have as many cells, and the last is as long as it is. */
final class Table {
  private final int gap;
  private final List<List<String>> rows = new ArrayList<>();

  /**
   * @param gap blanks between columns
   */
  Table(int gap) {
    this.gap = gap;
  }

  Table row(String... cells) {
    rows.add(List.of(cells));
    return this;
  }

  @Override
  public String toString() {
    StringBuilder out = new StringBuilder();
    for (List<String> row : rows) {
      for (int i = 0; i < row.size() - 1; i++) {
        out.append(row.get(i)).append(" ".repeat(width(i) + gap - length(row.get(i))));
      }
      out.append(row.getLast()).append('\n');
    }
    return out.toString();
  }

  private int width(int column) {
    return rows.stream().mapToInt(row -> length(row.get(column))).max().orElse(0);
  }

  private static int length(String cell) {
    return cell.codePointCount(0, cell.length());
  }
}
