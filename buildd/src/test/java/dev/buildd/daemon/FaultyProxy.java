package dev.buildd.daemon;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import dev.buildd.base.concurrent.Threads;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;

/** Stands before a registry and lets through what a test does not break. */
final class FaultyProxy implements AutoCloseable {
  private final HttpServer server;
  private final HttpClient http = HttpClient.newHttpClient();
  private final String registry;
  volatile Fault fault = request -> false;

  /** Something that goes wrong with a request. */
  @FunctionalInterface
  interface Fault {
    /**
     * @return whether it took the request
     */
    boolean takes(HttpExchange request) throws IOException;
  }

  FaultyProxy(String registry) throws IOException {
    this.registry = registry;
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.setExecutor(Threads.perTask("faulty proxy"));
    server.createContext("/", this::handle);
    server.start();
  }

  String host() {
    return "localhost:" + server.getAddress().getPort();
  }

  private void handle(HttpExchange request) throws IOException {
    try (request) {
      if (!fault.takes(request)) {
        pass(request);
      }
    }
  }

  private void pass(HttpExchange request) throws IOException {
    HttpRequest.Builder asked =
        HttpRequest.newBuilder(URI.create("http://" + registry + request.getRequestURI()))
            .method(request.getRequestMethod(), HttpRequest.BodyPublishers.noBody());
    for (String name : new String[] {"Accept", "Range"}) {
      if (request.getRequestHeaders().containsKey(name)) {
        asked.header(name, request.getRequestHeaders().getFirst(name));
      }
    }
    HttpResponse<byte[]> answer;
    try {
      answer = http.send(asked.build(), HttpResponse.BodyHandlers.ofByteArray());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException(e);
    }
    for (String name :
        new String[] {"Content-Type", "Docker-Content-Digest", "Content-Range", "Content-Length"}) {
      answer.headers().firstValue(name).ifPresent(v -> request.getResponseHeaders().set(name, v));
    }
    boolean head = request.getRequestMethod().equals("HEAD");
    request.sendResponseHeaders(answer.statusCode(), head ? -1 : answer.body().length);
    if (!head) {
      request.getResponseBody().write(answer.body());
    }
  }

  @Override
  public void close() {
    server.stop(0);
  }
}
