package dev.buildd.base.http;

import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.ConnectException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.net.StandardSocketOptions;
import java.net.UnknownHostException;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.AbstractMap.SimpleImmutableEntry;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;

/**
 * One connection to a server or to a proxy: HTTP/1.1 (RFC 9112), one exchange after the other. For
 * one thread at a time; any may {@link #close} it, which wakes that one, as an interrupt does.
 */
final class HttpConnection implements AutoCloseable {
  private static final Duration CONNECT_PATIENCE = Duration.ofSeconds(30);
  private static final int BUFFER = 16 << 10;
  private static final int MAX_HEAD = 256 << 10;

  private final SocketChannel channel;
  private InputStream in;
  private OutputStream out;
  private final Optional<Proxies.Server> forward;
  private boolean used;

  private HttpConnection(SocketChannel channel, Optional<Proxies.Server> forward)
      throws IOException {
    this.channel = channel;
    this.forward = forward;
    Socket socket = channel.socket();
    this.in = new BufferedInputStream(HttpTraffic.counted(socket.getInputStream()), BUFFER);
    this.out = new BufferedOutputStream(HttpTraffic.counted(socket.getOutputStream()), BUFFER);
  }

  /**
   * Connects to a server.
   *
   * @param proxy through which, if not directly
   */
  static HttpConnection open(HttpUrl url, Optional<Proxies.Server> proxy, SSLContext tls)
      throws IOException {
    HttpUrl first = proxy.map(Proxies.Server::url).orElse(url);
    SocketChannel channel = connect(first);
    boolean done = false;
    try {
      HttpConnection made = new HttpConnection(channel, url.isSecure() ? Optional.empty() : proxy);
      Socket socket = channel.socket();
      socket.setSoTimeout((int) CONNECT_PATIENCE.toMillis()); // of handshakes
      if (proxy.isPresent() && first.isSecure()) {
        socket = made.secure(socket, first, tls);
      }
      if (proxy.isPresent() && url.isSecure()) {
        made.tunnel(url, proxy.get());
      }
      if (url.isSecure()) {
        made.secure(socket, url, tls);
      }
      channel.socket().setSoTimeout(0);
      done = true;
      return made;
    } finally {
      if (!done) {
        channel.close();
      }
    }
  }

  private static SocketChannel connect(HttpUrl to) throws IOException {
    InetAddress[] addresses;
    try {
      addresses = InetAddress.getAllByName(to.address());
    } catch (UnknownHostException e) {
      UnknownHostException plain = new UnknownHostException(to.address() + ": no such host");
      plain.initCause(e);
      throw plain;
    }
    IOException failure = new ConnectException(to.authority() + ": no address");
    for (InetAddress address : addresses) {
      SocketChannel channel = SocketChannel.open();
      try {
        channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
        channel
            .socket()
            .connect(
                new InetSocketAddress(address, to.effectivePort()),
                (int) CONNECT_PATIENCE.toMillis());
        return channel;
      } catch (IOException e) {
        channel.close();
        failure = said(e, address, to.effectivePort());
      }
    }
    throw failure;
  }

  private static IOException said(IOException e, InetAddress address, int port) {
    String text = e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
    String why = "connect to " + address.getHostAddress() + " port " + port + ": ";
    if (e instanceof ConnectException) {
      ConnectException failure = new ConnectException(why + text.toLowerCase(Locale.ROOT));
      failure.initCause(e);
      return failure;
    }
    return e instanceof SocketTimeoutException
        ? new IOException(why + "no answer within " + CONNECT_PATIENCE.toSeconds() + " s", e)
        : e;
  }

  private SSLSocket secure(Socket below, HttpUrl peer, SSLContext tls) throws IOException {
    SSLSocket socket =
        (SSLSocket)
            tls.getSocketFactory().createSocket(below, peer.address(), peer.effectivePort(), true);
    SSLParameters parameters = socket.getSSLParameters();
    parameters.setEndpointIdentificationAlgorithm("HTTPS");
    parameters.setApplicationProtocols(new String[] {"http/1.1"});
    socket.setSSLParameters(parameters);
    socket.startHandshake();
    in = new BufferedInputStream(HttpTraffic.counted(socket.getInputStream()), BUFFER);
    out = new BufferedOutputStream(HttpTraffic.counted(socket.getOutputStream()), BUFFER);
    return socket;
  }

  private void tunnel(HttpUrl url, Proxies.Server proxy) throws IOException {
    String to = url.host() + ":" + url.effectivePort();
    StringBuilder head = new StringBuilder("CONNECT " + to + " HTTP/1.1\r\nHost: " + to + "\r\n");
    proxy.authorization().ifPresent(value -> line(head, "Proxy-Authorization", value));
    write(head.append("\r\n"));
    Head answer = readHead();
    if (answer.status() < 200 || answer.status() >= 300) {
      throw new IOException(
          "proxy " + proxy + " refuses to connect to " + to + ": status " + answer.status());
    }
  }

  // --- an exchange ---

  /** Whether it has served before, so that its peer may have ended it meanwhile. */
  boolean isUsed() {
    return used;
  }

  /** Whether the peer has neither ended it nor sent what nobody has asked for. */
  boolean isIdle() {
    try {
      channel.configureBlocking(false);
      try {
        return channel.read(ByteBuffer.allocate(1)) == 0;
      } finally {
        channel.configureBlocking(true);
      }
    } catch (IOException e) {
      return false;
    }
  }

  /** The status line and the headers of an answer. */
  record Head(int status, boolean isOld, HttpHeaders headers) {}

  /** Sends a request and reads the head of the final answer to it. */
  Head exchange(HttpRequest request) throws IOException {
    try {
      send(request);
    } catch (IOException e) {
      if (request.body().isEmpty() || !channel.isOpen()) {
        throw e;
      }
      try {
        return readHead(); // it may have said no before it had all of the body
      } catch (IOException none) {
        e.addSuppressed(none);
        throw e;
      }
    }
    used = true;
    return readHead();
  }

  private void send(HttpRequest request) throws IOException {
    HttpUrl url = request.url();
    String target = forward.isPresent() ? url.toString() : url.target();
    StringBuilder head = new StringBuilder();
    head.append(request.method()).append(' ').append(target).append(" HTTP/1.1\r\n");
    line(head, "Host", url.authority());
    request.headers().forEach((name, value) -> line(head, name, value));
    forward
        .flatMap(Proxies.Server::authorization)
        .ifPresent(value -> line(head, "Proxy-Authorization", value));
    if (request.body().isPresent()) {
      line(head, "Content-Length", Long.toString(request.body().get().length()));
    } else if (request.method().matches("POST|PUT|PATCH")) {
      line(head, "Content-Length", "0");
    }
    write(head.append("\r\n"));
    if (request.body().isPresent()) {
      HttpRequest.Body body = request.body().get();
      try (InputStream content = body.content().get()) {
        copy(content, body.length());
      }
    }
  }

  private void copy(InputStream content, long length) throws IOException {
    byte[] buffer = new byte[BUFFER];
    long left = length;
    while (left > 0) {
      int n = content.read(buffer, 0, (int) Math.min(buffer.length, left));
      if (n < 0) {
        throw new EOFException("the body ends " + left + " bytes before its length");
      }
      out.write(buffer, 0, n);
      left -= n;
    }
    out.flush();
  }

  private static void line(StringBuilder to, String name, String value) {
    to.append(name).append(": ").append(value).append("\r\n");
  }

  private void write(StringBuilder head) throws IOException {
    out.write(head.toString().getBytes(StandardCharsets.UTF_8));
    out.flush();
  }

  private Head readHead() throws IOException {
    while (true) {
      Head head = readOneHead();
      if (head.status >= 200) {
        return head;
      }
      if (head.status == 101) {
        throw new IOException("malformed answer: another protocol");
      }
    }
  }

  private Head readOneHead() throws IOException {
    int[] left = {MAX_HEAD};
    String[] status = readLine(left).split(" ", 3);
    if (status.length < 2
        || !status[0].matches("HTTP/1\\.[01]")
        || !status[1].matches("[1-9][0-9]{2}")) {
      throw new IOException("malformed answer: no status of HTTP/1");
    }
    List<Map.Entry<String, String>> lines = new ArrayList<>();
    for (String line = readLine(left); !line.isEmpty(); line = readLine(left)) {
      int colon = line.indexOf(':');
      if (colon <= 0 || line.charAt(0) == ' ' || line.charAt(0) == '\t') {
        throw new IOException("malformed answer: no header");
      }
      lines.add(
          new SimpleImmutableEntry<>(
              line.substring(0, colon).strip(), line.substring(colon + 1).strip()));
    }
    return new Head(Integer.parseInt(status[1]), status[0].endsWith("0"), new HttpHeaders(lines));
  }

  /** A line without its end. */
  private String readLine(int[] left) throws IOException {
    ByteArrayOutputStream line = new ByteArrayOutputStream(80);
    for (int c = in.read(); c != '\n'; c = in.read()) {
      if (c < 0) {
        throw new EOFException("unexpected EOF");
      }
      if (--left[0] < 0) {
        throw new IOException("malformed answer: more than " + MAX_HEAD + " bytes of headers");
      }
      line.write(c);
    }
    String text = line.toString(StandardCharsets.ISO_8859_1);
    return text.endsWith("\r") ? text.substring(0, text.length() - 1) : text;
  }

  // --- the body ---

  /**
   * The body of the answer.
   *
   * @param whenRead takes the connection back once all of the body was read, if it can serve again
   */
  InputStream body(HttpRequest request, Head head, Runnable whenRead) throws IOException {
    boolean last =
        head.headers.lists("Connection", "close")
            || (head.isOld && !head.headers.lists("Connection", "keep-alive"));
    Runnable end = last ? this::close : whenRead;
    if (request.method().equals("HEAD") || head.status == 204 || head.status == 304) {
      end.run();
      return InputStream.nullInputStream();
    }
    if (!head.headers.allValues("Transfer-Encoding").isEmpty()) {
      if (!head.headers.lists("Transfer-Encoding", "chunked")) {
        throw new IOException("malformed answer: unknown transfer encoding");
      }
      return new Chunked(end);
    }
    List<String> lengths = head.headers.allValues("Content-Length").stream().distinct().toList();
    if (lengths.isEmpty()) {
      return new Body(Long.MAX_VALUE, this::close);
    }
    if (lengths.size() > 1 || !lengths.getFirst().matches("[0-9]{1,18}")) {
      throw new IOException("malformed answer: invalid length");
    }
    long length = Long.parseLong(lengths.getFirst());
    if (length == 0) {
      end.run();
      return InputStream.nullInputStream();
    }
    return new Body(length, end);
  }

  /** As many bytes as were said, or, of the length {@code Long.MAX_VALUE}, as there come. */
  private class Body extends dev.buildd.base.io.BlockInput {
    private final Runnable end;
    private final long length;
    long left;
    private boolean ended;

    Body(long length, Runnable end) {
      this.length = length;
      this.left = length;
      this.end = end;
    }

    @Override
    public int read(byte[] to, int at, int count) throws IOException {
      if (ended) {
        return -1;
      }
      if (count == 0) {
        return 0;
      }
      int n = in.read(to, at, (int) Math.min(count, left));
      if (n < 0) {
        if (length != Long.MAX_VALUE) {
          close();
          throw new EOFException(
              "unexpected EOF: " + (length - left) + " of " + length + " bytes received");
        }
        end();
        return -1;
      }
      left -= n;
      if (left == 0) {
        end();
      }
      return n;
    }

    void end() {
      if (!ended) {
        ended = true;
        end.run();
      }
    }

    boolean isEnded() {
      return ended;
    }

    @Override
    public void close() {
      if (!ended) {
        HttpConnection.this.close();
      }
    }
  }

  /** A body in pieces that tell their lengths. */
  private final class Chunked extends Body {
    private boolean first = true;

    Chunked(Runnable end) {
      super(0, end);
    }

    @Override
    public int read(byte[] to, int at, int count) throws IOException {
      if (isEnded()) {
        return -1;
      }
      if (count == 0) {
        return 0;
      }
      if (left == 0 && !next()) {
        return -1;
      }
      int n = in.read(to, at, (int) Math.min(count, left));
      if (n < 0) {
        close();
        throw new EOFException("unexpected EOF");
      }
      left -= n;
      return n;
    }

    private boolean next() throws IOException {
      int[] limit = {MAX_HEAD};
      if (!first && !readLine(limit).isEmpty()) {
        throw new IOException("malformed answer: invalid chunk");
      }
      first = false;
      String size = readLine(limit).split(";", 2)[0].strip();
      if (!size.matches("[0-9a-fA-F]{1,15}")) {
        throw new IOException("malformed answer: invalid chunk");
      }
      left = Long.parseLong(size, 16);
      if (left > 0) {
        return true;
      }
      while (!readLine(limit).isEmpty()) {
        // trailers mean nothing to us
      }
      end();
      return false;
    }
  }

  @Override
  public void close() {
    try {
      channel.close(); // a TLS socket above it would wait for its reader
    } catch (IOException e) {
      // it is gone in any case
    }
  }
}
