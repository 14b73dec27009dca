package dev.buildd.trace.otlp;

import com.google.protobuf.MessageLite;
import dev.buildd.base.http.HttpClient;
import dev.buildd.base.http.HttpRequest;
import dev.buildd.base.http.HttpResponse;
import dev.buildd.base.http.HttpUrl;
import dev.buildd.proto.otlp.collector.ExportMetricsServiceRequest;
import dev.buildd.proto.otlp.collector.ExportTraceServiceRequest;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** Posts messages over HTTP. */
final class HttpTransport implements OtlpTransport {
  private static final Set<Integer> BUSY = Set.of(429, 502, 503, 504);
  private static final int MAX_ANSWER = 64 << 10;

  private final OtlpSettings settings;
  private final HttpClient client = HttpClient.create();
  private final HttpUrl url;
  private final Map<String, String> headers;

  HttpTransport(OtlpSettings settings) {
    this.settings = settings;
    this.url = HttpUrl.parse(settings.endpoint().toString());
    this.headers = new HashMap<>(settings.headers());
    headers.put("Content-Type", "application/x-protobuf");
  }

  @Override
  public Answer send(ExportTraceServiceRequest request) throws IOException, InterruptedException {
    return post(request);
  }

  @Override
  public Answer send(ExportMetricsServiceRequest request) throws IOException, InterruptedException {
    return post(request);
  }

  private Answer post(MessageLite request) throws IOException, InterruptedException {
    byte[] body = request.toByteArray();
    HttpRequest post =
        new HttpRequest(
            "POST",
            url,
            headers,
            Optional.of(settings.patience()),
            Optional.of(new HttpRequest.Body(() -> new ByteArrayInputStream(body), body.length)));
    try (HttpResponse response = client.send(post)) {
      response.body().readNBytes(MAX_ANSWER); // so that the connection serves again
      if (response.statusCode() / 100 == 2) {
        return Answer.TAKEN;
      }
      return BUSY.contains(response.statusCode()) ? Answer.BUSY : Answer.REFUSED;
    }
  }

  @Override
  public void close() {
    client.close();
  }
}
