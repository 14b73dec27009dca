package dev.buildd.daemon;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import java.util.logging.LogManager;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;

final class LoggingTest {
  /** What the network library says would else stand between our lines in a form of its own. */
  @Test
  void librariesThatUseJavaLoggingGetLinesLikeAllOthers() throws Exception {
    Logger into = (Logger) LoggerFactory.getLogger("io.grpc.netty.Something");
    ListAppender<ILoggingEvent> lines = new ListAppender<>();
    lines.start();
    into.addAppender(lines);
    try {
      Logging.takeOverJavaLogging();
      java.util.logging.Logger library =
          java.util.logging.Logger.getLogger("io.grpc.netty.Something");
      library.log(java.util.logging.Level.WARNING, "Stream {0}", "Error");
      library.log(java.util.logging.Level.SEVERE, "broken", new IllegalStateException("why"));
    } finally {
      into.detachAppender(lines);
      LogManager.getLogManager().readConfiguration();
    }
    assertThat(lines.list)
        .extracting(ILoggingEvent::getFormattedMessage)
        .containsExactly("Stream Error", "broken");
    assertThat(lines.list)
        .extracting(ILoggingEvent::getLevel)
        .containsExactly(Level.WARN, Level.ERROR);
    assertThat(lines.list.getLast().getThrowableProxy().getMessage()).isEqualTo("why");
  }
}
