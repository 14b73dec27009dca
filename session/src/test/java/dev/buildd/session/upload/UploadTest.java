package dev.buildd.session.upload;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.buildd.session.ClientSession;
import dev.buildd.session.Session;
import dev.buildd.session.Wired;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(30)
final class UploadTest {
  private static byte[] pulled(Session session, String url) throws Exception {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (Upload upload = Upload.open(session, url.substring("http://buildkit-session".length()))) {
      upload.writeTo(out);
    }
    return out.toByteArray();
  }

  @Test
  void aStreamIsReadOnceAndClosed() throws Exception {
    byte[] content = new byte[9 << 20]; // more than one message of the protocol holds
    new Random(1).nextBytes(content);
    CountDownLatch closed = new CountDownLatch(1);
    UploadProvider provider = new UploadProvider();
    String url =
        provider.add(
            new ByteArrayInputStream(content) {
              @Override
              public void close() throws IOException {
                closed.countDown();
                super.close();
              }
            });
    String empty = provider.add(new ByteArrayInputStream(new byte[0]));
    assertThat(url).startsWith("http://buildkit-session/").isNotEqualTo(empty);
    try (Wired wired = new Wired();
        ClientSession client = wired.client(provider)) {
      Session session = wired.session(client);
      assertThat(pulled(session, url)).isEqualTo(content);
      assertThat(closed.await(10, TimeUnit.SECONDS)).isTrue();
      assertThat(pulled(session, empty)).isEmpty();
      assertThatThrownBy(() -> pulled(session, url))
          .hasMessageContaining("no http response from session for ");
    }
  }

  @Test
  void aClientThatUploadsNothingIsNotAsked() throws Exception {
    try (Wired wired = new Wired();
        ClientSession client = wired.client()) {
      Session session = wired.session(client);
      assertThatThrownBy(() -> Upload.open(session, "/x"))
          .hasMessageContaining("the client uploads nothing");
    }
  }
}
