package dev.buildd.solver.gateway;

import java.io.ByteArrayOutputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What a frontend says to its operators, line by line in the log. Used by one thread at a time. */
final class FrontendLog extends OutputStream {
  private static final Logger log = LoggerFactory.getLogger(FrontendLog.class);
  private static final int LONGEST = 8 << 10;

  private final String source;
  private final ByteArrayOutputStream line = new ByteArrayOutputStream();

  FrontendLog(String source) {
    this.source = source;
  }

  @Override
  public void write(int b) {
    if (b == '\n' || line.size() == LONGEST) {
      close();
    }
    if (b != '\n' && b != '\r') {
      line.write(b);
    }
  }

  @Override
  public void close() {
    if (line.size() > 0) {
      log.info("frontend source={} says=\"{}\"", source, line.toString(StandardCharsets.UTF_8));
      line.reset();
    }
  }
}
