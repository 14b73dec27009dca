package dev.buildd.base.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.buildd.base.concurrent.Threads;
import java.io.BufferedInputStream;
import java.io.ByteArrayInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.net.ConnectException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.UnknownHostException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Function;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Against servers that answer byte for byte what a test says. */
@Timeout(30)
final class HttpClientTest {
  private static final String HANG = "";

  private final List<AutoCloseable> opened = new ArrayList<>();
  private final HttpClient client = part(HttpClient.of(new Proxies(Map.of())));

  private <T extends AutoCloseable> T part(T part) {
    opened.add(part);
    return part;
  }

  @AfterEach
  void close() throws Exception {
    for (AutoCloseable one : opened) {
      one.close();
    }
  }

  /** Answers each request by its head, body included; an empty answer never comes. */
  private static final class Server implements AutoCloseable {
    final ServerSocket socket;
    final List<String> heads = Collections.synchronizedList(new ArrayList<>());
    final AtomicInteger connections = new AtomicInteger();
    final Function<String, String> answer;

    Server(Function<String, String> answer) throws IOException {
      this.answer = answer;
      this.socket = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
      Threads.start("server", this::accept);
    }

    private void accept() {
      while (!socket.isClosed()) {
        try {
          Socket one = socket.accept();
          connections.incrementAndGet();
          Threads.start("connection", () -> serve(one));
        } catch (IOException e) {
          return;
        }
      }
    }

    private void serve(Socket one) {
      try (one) {
        InputStream in = new BufferedInputStream(one.getInputStream());
        while (true) {
          StringBuilder head = new StringBuilder();
          while (head.indexOf("\r\n\r\n") < 0) {
            int c = in.read();
            if (c < 0) {
              return;
            }
            head.append((char) c);
          }
          int length = head.indexOf("Content-Length: ");
          if (length >= 0) {
            String number = head.substring(length + 16, head.indexOf("\r\n", length));
            head.append(
                new String(in.readNBytes(Integer.parseInt(number)), StandardCharsets.ISO_8859_1));
          }
          heads.add(head.toString());
          String said = answer.apply(head.toString());
          if (said.equals(HANG)) {
            in.read();
            return;
          }
          one.getOutputStream().write(said.getBytes(StandardCharsets.ISO_8859_1));
          if (said.contains("Connection: close") || said.contains("cut short")) {
            return;
          }
        }
      } catch (IOException e) {
        // the client has gone
      }
    }

    String url(String target) {
      return "http://127.0.0.1:" + socket.getLocalPort() + target;
    }

    @Override
    public void close() throws IOException {
      socket.close();
    }
  }

  private Server server(Function<String, String> answer) throws IOException {
    return part(new Server(answer));
  }

  private static HttpRequest get(String url) {
    return new HttpRequest("GET", HttpUrl.parse(url), Map.of(), Optional.empty(), Optional.empty());
  }

  private static String text(HttpResponse response) throws IOException {
    try (response) {
      return new String(response.body().readAllBytes(), StandardCharsets.ISO_8859_1);
    }
  }

  private static String ok(String body) {
    return "HTTP/1.1 200 OK\r\nContent-Length: " + body.length() + "\r\n\r\n" + body;
  }

  @Test
  void aConnectionServesOneAnswerAfterTheOther() throws Exception {
    Server server =
        server(head ->
            head.startsWith("GET /chunked")
                ? String.join(
                    "\r\n",
                    "HTTP/1.1 100 Continue",
                    "",
                    "HTTP/1.1 200 OK",
                    "X-a: 1",
                    "x-A: 2",
                    "Transfer-Encoding: chunked",
                    "",
                    "3;ext=1",
                    "abc",
                    "2",
                    "de",
                    "0",
                    "T: r",
                    "",
                    "")
                : head.startsWith("HEAD")
                    ? "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"
                    : ok("x"));
    HttpResponse chunked = client.send(get(server.url("/chunked?a|b")));
    assertThat(text(chunked)).isEqualTo("abcde");
    assertThat(chunked.headers().allValues("X-A")).containsExactly("1", "2");
    assertThat(
            text(
                client.send(
                    new HttpRequest(
                        "HEAD",
                        HttpUrl.parse(server.url("/")),
                        Map.of("User-Agent", "me"),
                        Optional.of(Duration.ofSeconds(9)),
                        Optional.empty()))))
        .isEmpty();
    byte[] sent = new byte[100_000];
    assertThat(
            text(
                client.send(
                    new HttpRequest(
                        "PUT",
                        HttpUrl.parse(server.url("/put")),
                        Map.of(),
                        Optional.empty(),
                        Optional.of(
                            new HttpRequest.Body(
                                () -> new ByteArrayInputStream(sent), sent.length))))))
        .isEqualTo("x");
    assertThat(server.connections).hasValue(1);
    assertThat(server.heads.get(0)).startsWith("GET /chunked?a|b HTTP/1.1\r\nHost: 127.0.0.1:");
    assertThat(server.heads.get(1)).contains("User-Agent: me\r\n");
    assertThat(server.heads.get(2))
        .contains("Content-Length: 100000\r\n")
        .hasSizeGreaterThan(100_000);
  }

  @Test
  void aConnectionThatEndedWhileItRestedIsNotMissed() throws Exception {
    Server server =
        server(head -> "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ncut short"); // and closes
    for (int i = 0; i < 3; i++) {
      assertThat(text(client.send(get(server.url("/"))))).isEqualTo("cut short");
    }
    assertThat(server.connections).hasValue(3);
  }

  @Test
  void answersThatEndTooEarlyAreErrors() throws Exception {
    Server server =
        server(head ->
            head.startsWith("GET /length")
                ? "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\ncut short"
                : head.startsWith("GET /chunk")
                    ? "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\ncut short"
                    : "HTTP/1.1 200 OK\r\nX: cut short");
    HttpResponse length = client.send(get(server.url("/length")));
    assertThatThrownBy(() -> text(length))
        .isInstanceOf(EOFException.class)
        .hasMessage("unexpected EOF: 9 of 100 bytes received");
    HttpResponse chunk = client.send(get(server.url("/chunk")));
    assertThatThrownBy(() -> text(chunk)).isInstanceOf(EOFException.class);
    assertThatThrownBy(() -> client.send(get(server.url("/head"))))
        .isInstanceOf(EOFException.class);
  }

  @Test
  void aBodyWithoutLengthEndsWithTheConnection() throws Exception {
    Server server = server(head -> "HTTP/1.0 200 OK\r\n\r\ntill the end, Connection: close");
    assertThat(text(client.send(get(server.url("/"))))).startsWith("till the end");
  }

  @Test
  void malformedAnswersAreRefused() throws Exception {
    for (String answer :
        new String[] {
          "SSH-2.0-x\r\n\r\n",
          "HTTP/2 200\r\n\r\n",
          "HTTP/1.1 99 x\r\n\r\n",
          "HTTP/1.1 200 OK\r\nno header\r\n\r\n",
          "HTTP/1.1 200 OK\r\nA: 1\r\n folded\r\n\r\n",
          "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
          "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
          "HTTP/1.1 101 Switching\r\n\r\n",
          "HTTP/1.1 200 OK\r\nA: " + "x".repeat(300_000) + "\r\n\r\n"
        }) {
      Server server = server(head -> answer);
      assertThatThrownBy(() -> client.send(get(server.url("/"))))
          .as(answer.substring(0, Math.min(60, answer.length())))
          .isInstanceOf(IOException.class)
          .hasMessageStartingWith("malformed answer");
    }
    Server chunks = server(head -> "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n");
    HttpResponse response = client.send(get(chunks.url("/")));
    assertThatThrownBy(() -> text(response)).hasMessageContaining("invalid chunk");
  }

  @Test
  void errorsSayWhatIsWrong() {
    assertThatThrownBy(() -> client.send(get("http://no-such-host.invalid/")))
        .isInstanceOf(UnknownHostException.class)
        .hasMessage("no-such-host.invalid: no such host");
    assertThatThrownBy(() -> client.send(get("http://127.0.0.1:9/")))
        .isInstanceOf(ConnectException.class)
        .hasMessage("connect to 127.0.0.1 port 9: connection refused");
  }

  @Test
  void anAnswerThatDoesNotBeginInTimeIsAnError() throws Exception {
    Server server = server(head -> HANG);
    assertThatThrownBy(() ->
            client.send(
                new HttpRequest(
                    "GET",
                    HttpUrl.parse(server.url("/")),
                    Map.of(),
                    Optional.of(Duration.ofMillis(100)),
                    Optional.empty())))
        .hasMessageStartingWith("no answer within");
  }

  private interface Body {
    void run() throws Exception;
  }

  private static Throwable interrupted(boolean virtual, CountDownLatch ready, Body body)
      throws Exception {
    AtomicReference<Throwable> failure = new AtomicReference<>();
    Runnable work =
        () -> {
          try {
            body.run();
          } catch (Throwable e) {
            failure.set(e);
          }
        };
    Thread thread = virtual ? Threads.start("reader", work) : Threads.startPlatform("reader", work);
    ready.await();
    thread.interrupt();
    thread.join();
    return Objects.requireNonNull(failure.get());
  }

  @Test
  void anInterruptEndsWaitingAndReading() throws Exception {
    for (boolean virtual : new boolean[] {true, false}) {
      CountDownLatch asked = new CountDownLatch(1);
      Server silent =
          server(head -> {
            asked.countDown();
            return HANG;
          });
      assertThat(interrupted(virtual, asked, () -> client.send(get(silent.url("/")))))
          .isInstanceOf(InterruptedException.class);
      CountDownLatch begun = new CountDownLatch(1);
      Server slow = server(head -> "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart");
      Throwable failure =
          interrupted(
              virtual,
              begun,
              () -> {
                HttpResponse response = client.send(get(slow.url("/")));
                response.body().readNBytes(4);
                begun.countDown();
                response.body().read();
              });
      assertThat(failure)
          .isInstanceOfSatisfying(
              IOException.class, e -> assertThat(HttpClient.isInterrupt(e)).isTrue());
    }
  }

  @Test
  void aBodyThatIsClosedWakesItsReader() throws Exception {
    Server slow = server(head -> "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart");
    HttpResponse response = client.send(get(slow.url("/")));
    response.body().readNBytes(4);
    CountDownLatch reading = new CountDownLatch(1);
    AtomicReference<Throwable> failure = new AtomicReference<>();
    Thread reader =
        Threads.start(
            "reader",
            () -> {
              try {
                reading.countDown();
                response.body().read();
              } catch (IOException e) {
                failure.set(e);
              }
            });
    reading.await();
    response.close();
    reader.join();
    assertThat(failure.get()).isInstanceOf(IOException.class);
  }

  @Test
  void proxiesAreAskedWithTheirCredentials() throws Exception {
    Server proxy =
        server(head ->
            head.startsWith("CONNECT")
                ? "HTTP/1.1 502 no\r\nContent-Length: 0\r\n\r\n"
                : ok("by proxy"));
    String address = "http://user:pass@127.0.0.1:" + proxy.socket.getLocalPort();
    HttpClient proxied =
        part(HttpClient.of(new Proxies(Map.of("HTTP_PROXY", address, "HTTPS_PROXY", address))));
    assertThat(text(proxied.send(get("http://files_1.test/x?y|z")))).isEqualTo("by proxy");
    assertThat(proxy.heads.getLast())
        .startsWith("GET http://files_1.test/x?y|z HTTP/1.1\r\nHost: files_1.test\r\n")
        .contains("Proxy-Authorization: Basic dXNlcjpwYXNz\r\n");
    assertThatThrownBy(() -> proxied.send(get("https://files.test/x")))
        .hasMessageContaining("refuses to connect to files.test:443: status 502");
    assertThat(proxy.heads.getLast())
        .startsWith("CONNECT files.test:443 HTTP/1.1\r\nHost: files.test:443\r\n")
        .contains("Proxy-Authorization: Basic dXNlcjpwYXNz\r\n");
  }

  @Test
  void headersCannotBreakOut() {
    assertThatThrownBy(() ->
            new HttpRequest(
                "GET",
                HttpUrl.parse("http://h/"),
                Map.of("A", "1\r\nB: 2"),
                Optional.empty(),
                Optional.empty()))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
