package dev.buildd.examples.soak;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** A drawing of figures over time, as SVG. */
final class Chart {
  private static final int WIDTH = 900;
  private static final int HEIGHT = 300;
  private static final int LEFT = 60;
  private static final int RIGHT = 15;
  private static final int TOP = 40;
  private static final int BOTTOM = 35;
  private static final int TICKS = 5;
  private static final double HEADROOM = 1.05;

  /** A point of a line; the line is broken where the part is another. */
  record Point(double seconds, double value, int part) {}

  /** Something that happened. */
  record Mark(double seconds, String name, String colour) {}

  private record Line(String name, String colour, boolean dots, List<Point> points) {}

  private final String title;
  private final List<Line> lines = new ArrayList<>();
  private final List<Mark> marks = new ArrayList<>();

  Chart(String title) {
    this.title = title;
  }

  Chart line(String name, String colour, List<Point> points) {
    lines.add(new Line(name, colour, false, List.copyOf(points)));
    return this;
  }

  /** Single points, for what is looked at now and then. */
  Chart dots(String name, String colour, List<Point> points) {
    lines.add(new Line(name, colour, true, List.copyOf(points)));
    return this;
  }

  /** A limit, at all times. */
  Chart limit(String name, double value, double seconds) {
    return line(name, "#c00", List.of(new Point(0, value, 0), new Point(seconds, value, 0)));
  }

  Chart marks(List<Mark> all) {
    marks.addAll(all);
    return this;
  }

  String svg() {
    double end = 1;
    double top = 0;
    for (Line line : lines) {
      for (Point point : line.points) {
        end = Math.max(end, point.seconds);
        top = Math.max(top, point.value);
      }
    }
    double step = nice(top * HEADROOM / TICKS);
    top = Math.max(step, Math.ceil(top * HEADROOM / step) * step);
    StringBuilder out = new StringBuilder();
    out.append(
        String.format(
            Locale.ROOT,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\""
                + " font-family=\"sans-serif\" font-size=\"11\">\n"
                + "<rect width=\"%d\" height=\"%d\" fill=\"white\"/>\n"
                + "<text x=\"%d\" y=\"16\" font-size=\"13\">%s</text>\n",
            WIDTH,
            HEIGHT,
            WIDTH,
            HEIGHT,
            LEFT,
            title));
    for (double value = 0; value <= top + step / 2; value += step) {
      double y = y(value, top);
      out.append(
          String.format(
              Locale.ROOT,
              "<path d=\"M%d %.1fH%d\" stroke=\"#ddd\"/><text x=\"%d\" y=\"%.1f\""
                  + " text-anchor=\"end\">%s</text>\n",
              LEFT,
              y,
              WIDTH - RIGHT,
              LEFT - 5,
              y + 4,
              number(value)));
    }
    double minutes = nice(end / 60 / 8);
    for (double at = 0; at * 60 <= end; at += minutes) {
      out.append(
          String.format(
              Locale.ROOT,
              "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%s min</text>\n",
              x(at * 60, end),
              HEIGHT - 15,
              number(at)));
    }
    for (Mark mark : marks) {
      double x = x(mark.seconds, end);
      out.append(
          String.format(
              Locale.ROOT,
              "<path d=\"M%.1f %dV%d\" stroke=\"%s\""
                  + " stroke-opacity=\"0.35\"><title>%s</title></path>\n",
              x,
              TOP,
              HEIGHT - BOTTOM,
              mark.colour,
              mark.name));
    }
    for (Line line : lines) {
      draw(out, line, end, top);
    }
    legend(out);
    return out.append("</svg>\n").toString();
  }

  private static void draw(StringBuilder out, Line line, double end, double top) {
    if (line.dots) {
      for (Point point : line.points) {
        out.append(
            String.format(
                Locale.ROOT,
                "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3.5\" fill=\"%s\"/>\n",
                x(point.seconds, end),
                y(point.value, top),
                line.colour));
      }
      return;
    }
    out.append("<path fill=\"none\" stroke=\"").append(line.colour).append("\" d=\"");
    int part = Integer.MIN_VALUE;
    for (Point point : line.points) {
      out.append(
          String.format(
              Locale.ROOT,
              "%s%.1f %.1f",
              point.part == part ? "L" : "M",
              x(point.seconds, end),
              y(point.value, top)));
      part = point.part;
    }
    out.append("\"/>\n");
  }

  private void legend(StringBuilder out) {
    int at = LEFT;
    for (Line line : lines) {
      at = entry(out, at, line.colour, line.name);
    }
    List<String> told = new ArrayList<>();
    for (Mark mark : marks) {
      if (!told.contains(mark.name)) {
        told.add(mark.name);
        at = entry(out, at, mark.colour, "| " + mark.name);
      }
    }
  }

  private static int entry(StringBuilder out, int at, String colour, String name) {
    out.append(
        String.format(
            Locale.ROOT, "<text x=\"%d\" y=\"32\" fill=\"%s\">%s</text>\n", at, colour, name));
    return at + 14 + name.length() * 6;
  }

  private static double x(double seconds, double end) {
    return LEFT + seconds / end * (WIDTH - LEFT - RIGHT);
  }

  private static double y(double value, double top) {
    return HEIGHT - BOTTOM - value / top * (HEIGHT - TOP - BOTTOM);
  }

  /** One, two or five times a power of ten, at least the value. */
  private static double nice(double value) {
    if (value <= 0) {
      return 1;
    }
    double power = Math.pow(10, Math.floor(Math.log10(value)));
    for (double factor : new double[] {1, 2, 5}) {
      if (factor * power >= value) {
        return factor * power;
      }
    }
    return 10 * power;
  }

  private static String number(double value) {
    return value == Math.rint(value)
        ? String.format(Locale.ROOT, "%d", Math.round(value))
        : String.format(Locale.ROOT, "%.2f", value);
  }
}
