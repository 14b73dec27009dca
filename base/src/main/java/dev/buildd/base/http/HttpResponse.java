package dev.buildd.base.http;

import java.io.IOException;
import java.io.InputStream;

/**
 * An answer, whose body is still to be read. Closing the body ends the connection unless all of it
 * was read; it may be closed by another thread than the reader's, which that wakes.
 *
 * @param url that was asked
 */
public record HttpResponse(HttpUrl url, int statusCode, HttpHeaders headers, InputStream body)
    implements AutoCloseable {
  @Override
  public void close() throws IOException {
    body.close();
  }
}
