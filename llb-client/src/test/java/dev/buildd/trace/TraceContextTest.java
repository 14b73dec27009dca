package dev.buildd.trace;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** W3C's header. */
final class TraceContextTest {
  private static final String TRACE = "0af7651916cd43dd8448eb211c80319c";
  private static final String SPAN = "b7ad6b7169203331";

  @Test
  void isRead() {
    assertThat(TraceContext.parse("00-" + TRACE + "-" + SPAN + "-01"))
        .isEqualTo(Optional.of(new TraceContext(TRACE, SPAN, true)));
    assertThat(TraceContext.parse("00-" + TRACE + "-" + SPAN + "-02"))
        .isEqualTo(Optional.of(new TraceContext(TRACE, SPAN, false)));
    assertThat(TraceContext.parse("cc-" + TRACE + "-" + SPAN + "-01-what-comes-later")).isPresent();
  }

  @Test
  void isWritten() {
    for (boolean sampled : new boolean[] {true, false}) {
      TraceContext context = new TraceContext(TRACE, SPAN, sampled);
      assertThat(TraceContext.parse(context.header())).contains(context);
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "00-" + TRACE + "-" + SPAN,
        "00-" + TRACE + "-" + SPAN + "-01-more",
        "ff-" + TRACE + "-" + SPAN + "-01",
        "00-00000000000000000000000000000000-" + SPAN + "-01",
        "00-" + TRACE + "-0000000000000000-01",
        "00-0AF7651916CD43DD8448EB211C80319C-" + SPAN + "-01"
      })
  void anythingElseIsNoTrace(String header) {
    assertThat(TraceContext.parse(header)).isEmpty();
  }
}
