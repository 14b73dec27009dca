package dev.buildd.registry;

import dev.buildd.base.content.Digest;
import dev.buildd.base.http.ContentRange;
import java.io.IOException;
import java.util.Map;
import java.util.Optional;

/**
 * A blob that comes over one connection, and over the next from where that one broke. Belongs to
 * one thread.
 */
final class PlainTransfer implements Endpoints.Question<Boolean> {
  private static final int BUFFER = 1 << 16;

  private final Digest blob;
  private final BlobSink sink;
  private boolean ranges;

  /**
   * @param ranges whether the server may be asked for what is still missing only
   */
  PlainTransfer(Digest blob, BlobSink sink, boolean ranges) {
    this.blob = blob;
    this.sink = sink;
    this.ranges = ranges;
  }

  @Override
  public String path() {
    return "/blobs/" + blob;
  }

  @Override
  public String subject() {
    return ": blob " + blob;
  }

  @Override
  public Map<String, String> headers() {
    return sink.offset() > 0 && ranges ? Map.of("Range", "bytes=" + sink.offset() + "-") : Map.of();
  }

  @Override
  public long progress() {
    return sink.offset();
  }

  @Override
  public Boolean read(Endpoints.Answer answer) throws IOException {
    if (answer.status() == 200) {
      answer.body().skipNBytes(sink.offset()); // it does not do ranges
    } else {
      expectRest(answer);
    }
    byte[] buffer = new byte[BUFFER];
    for (int n = answer.body().read(buffer); n >= 0; n = answer.body().read(buffer)) {
      sink.write(buffer, 0, n);
    }
    return true;
  }

  private void expectRest(Endpoints.Answer answer) throws IOException {
    Optional<ContentRange> range = ContentRange.of(answer.header("Content-Range"));
    if (range.isEmpty() || range.get().start() != sink.offset()) {
      ranges = false;
      throw new IOException(
          "asked for the bytes from "
              + sink.offset()
              + " on, the registry sent Content-Range \""
              + answer.header("Content-Range")
              + "\"");
    }
  }
}
