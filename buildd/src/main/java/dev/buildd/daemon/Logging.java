package dev.buildd.daemon;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.spi.Configurator;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.classic.spi.ThrowableProxyUtil;
import ch.qos.logback.core.AppenderBase;
import ch.qos.logback.core.ConsoleAppender;
import ch.qos.logback.core.LayoutBase;
import ch.qos.logback.core.encoder.LayoutWrappingEncoder;
import ch.qos.logback.core.spi.ContextAwareBase;
import dev.buildd.base.json.GoJson;
import java.time.format.DateTimeFormatter;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Locale;
import java.util.logging.Formatter;
import java.util.logging.Handler;
import java.util.logging.LogManager;
import java.util.logging.LogRecord;
import java.util.logging.SimpleFormatter;
import java.util.regex.Pattern;
import org.slf4j.LoggerFactory;
import org.slf4j.event.KeyValuePair;

/**
 * Log lines as BuildKit's: {@code time="..." level=info msg="..."}, or JSON objects; with fields
 * such as {@code build} and {@code vertex} behind the message.
 */
public final class Logging extends ContextAwareBase implements Configurator {
  private static final Line LINE = new Line();
  private static final Recent RECENT = new Recent();

  /** Found by logback at start, before anything is logged: no file is looked for or parsed. */
  @Override
  public ExecutionStatus configure(LoggerContext context) {
    LINE.setContext(context);
    LINE.start();
    LayoutWrappingEncoder<ILoggingEvent> encoder = new LayoutWrappingEncoder<>();
    encoder.setContext(context);
    encoder.setLayout(LINE);
    encoder.start();
    ConsoleAppender<ILoggingEvent> stderr = new ConsoleAppender<>();
    stderr.setContext(context);
    stderr.setTarget("System.err");
    stderr.setEncoder(encoder);
    stderr.start();
    Logger root = context.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME);
    root.setLevel(Level.INFO);
    root.addAppender(stderr);
    RECENT.setContext(context);
    RECENT.start();
    root.addAppender(RECENT);
    context.getLogger("io.netty").setLevel(Level.WARN);
    context.getLogger("io.netty.bootstrap").setLevel(Level.ERROR); // SO_KEEPALIVE on unix sockets
    context.getLogger("io.grpc").setLevel(Level.WARN);
    // a client that is gone before it has all of its answer is no news
    context.getLogger("io.grpc.netty.NettyServerHandler").setLevel(Level.ERROR);
    return ExecutionStatus.DO_NOT_INVOKE_NEXT_IF_ANY;
  }

  /** Has what libraries tell {@code java.util.logging} become lines like all others. */
  static void takeOverJavaLogging() {
    LogManager.getLogManager().reset();
    java.util.logging.Logger.getLogger("").addHandler(new Forwarding());
  }

  private static final class Forwarding extends Handler {
    private final Formatter formatter = new SimpleFormatter();

    @Override
    public void publish(LogRecord record) {
      String name = record.getLoggerName();
      LoggerFactory.getLogger(name == null ? "java.util.logging" : name)
          .atLevel(level(record.getLevel().intValue()))
          .setCause(record.getThrown())
          .log(formatter.formatMessage(record));
    }

    private static org.slf4j.event.Level level(int value) {
      if (value >= java.util.logging.Level.SEVERE.intValue()) {
        return org.slf4j.event.Level.ERROR;
      }
      if (value >= java.util.logging.Level.WARNING.intValue()) {
        return org.slf4j.event.Level.WARN;
      }
      return value >= java.util.logging.Level.INFO.intValue()
          ? org.slf4j.event.Level.INFO
          : org.slf4j.event.Level.DEBUG;
    }

    @Override
    public void flush() {}

    @Override
    public void close() {}
  }

  /** Sets what is logged, and how. */
  static void apply(BuilddConfig.Log log) {
    LINE.json = log.json();
    if (LoggerFactory.getLogger("dev.buildd") instanceof Logger ours) {
      ours.setLevel(Level.toLevel(log.level().toUpperCase(Locale.ROOT), Level.INFO));
    }
  }

  /** The latest warnings and errors, as they stand in the log, with how many there were. */
  static String recent() {
    return RECENT.page();
  }

  /** Keeps the latest lines that are no mere information. */
  private static final class Recent extends AppenderBase<ILoggingEvent> {
    private static final int KEPT = 200;
    private static final int MAX_LINE = 8_000; // of which a stack is most

    private final Deque<String> lines = new ArrayDeque<>(); // guarded by itself
    private long warnings; // guarded by lines
    private long errors; // guarded by lines

    @Override
    protected void append(ILoggingEvent event) {
      if (!event.getLevel().isGreaterOrEqual(Level.WARN)) {
        return;
      }
      String line = LINE.doLayout(event);
      String kept = line.length() <= MAX_LINE ? line : line.substring(0, MAX_LINE) + "…\n";
      synchronized (lines) {
        if (event.getLevel().isGreaterOrEqual(Level.ERROR)) {
          errors++;
        } else {
          warnings++;
        }
        lines.addFirst(kept);
        if (lines.size() > KEPT) {
          lines.removeLast();
        }
      }
    }

    String page() {
      synchronized (lines) {
        return "errors: %d, warnings: %d since the start; latest first%n%n"
                .formatted(errors, warnings)
            + String.join("", lines);
      }
    }
  }

  /**
   * A field of many lines, such as stacks: in the text format these stand below the line as they
   * are.
   */
  record Lines(String text) {
    @Override
    public String toString() {
      return text;
    }
  }

  private static final class Line extends LayoutBase<ILoggingEvent> {
    private static final Pattern PLAIN = Pattern.compile("[a-zA-Z0-9._/@^+:-]+");

    private volatile boolean json;

    private static List<KeyValuePair> fields(ILoggingEvent event) {
      List<KeyValuePair> fields = event.getKeyValuePairs(); // null if there are none
      return fields == null ? List.of() : fields;
    }

    private static String text(KeyValuePair field) {
      return String.valueOf(field.value);
    }

    @Override
    public String doLayout(ILoggingEvent event) {
      String time = DateTimeFormatter.ISO_INSTANT.format(event.getInstant());
      String level =
          event.getLevel().equals(Level.WARN)
              ? "warning"
              : event.getLevel().toString().toLowerCase(Locale.ROOT);
      StringBuilder out = new StringBuilder();
      if (json) {
        GoJson.quote(out.append("{\"level\":"), level);
        GoJson.quote(out.append(",\"msg\":"), event.getFormattedMessage());
        GoJson.quote(out.append(",\"time\":"), time);
        for (KeyValuePair field : fields(event)) {
          GoJson.quote(GoJson.quote(out.append(','), field.key).append(':'), text(field));
        }
        if (event.getThrowableProxy() != null) {
          GoJson.quote(
              out.append(",\"error\":"), ThrowableProxyUtil.asString(event.getThrowableProxy()));
        }
        return out.append("}\n").toString();
      }
      StringBuilder below = new StringBuilder();
      out.append("time=\"").append(time).append("\" level=").append(level).append(" msg=");
      GoJson.quote(out, event.getFormattedMessage());
      for (KeyValuePair field : fields(event)) {
        if (field.value instanceof Lines lines) {
          below.append(lines.text).append(lines.text.endsWith("\n") ? "" : "\n");
          continue;
        }
        out.append(' ').append(field.key).append('=');
        if (PLAIN.matcher(text(field)).matches()) {
          out.append(text(field));
        } else {
          GoJson.quote(out, text(field));
        }
      }
      out.append('\n').append(below);
      if (event.getThrowableProxy() != null) {
        out.append(ThrowableProxyUtil.asString(event.getThrowableProxy()));
      }
      return out.toString();
    }
  }
}
