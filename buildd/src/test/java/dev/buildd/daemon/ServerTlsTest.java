package dev.buildd.daemon;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.buildd.base.concurrent.Threads;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.http.Tls;
import dev.buildd.base.http.TlsSettings;
import dev.buildd.client.BuildClient;
import dev.buildd.client.ConnectOptions;
import dev.buildd.client.SolveOptions;
import dev.buildd.llb.Llb;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSocket;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Who comes in by TCP, and what they are shown. */
@Tag("root")
@Timeout(120)
final class ServerTlsTest {
  @TempDir Path directory;
  private Authority servers;
  private Authority clients;
  private Path server;
  private Path good;
  private int port;

  @BeforeEach
  void issue() throws Exception {
    servers = new Authority("servers");
    clients = new Authority("clients");
    servers.write(directory.resolve("servers.crt"));
    clients.write(directory.resolve("clients.crt"));
    server = servers.issue(directory.resolve("server.crt"), "server");
    good = clients.issue(directory.resolve("good.crt"), "good");
    port = Programs.freePort();
  }

  private Machine machine(String... more) throws Exception {
    List<String> flags =
        List.of(
            "--addr",
            address(),
            "--tlscert",
            server.toString(),
            "--tlskey",
            Authority.key(server).toString());
    return new Machine(
        directory, Stream.concat(flags.stream(), Arrays.stream(more)).toArray(String[]::new));
  }

  private Machine mutual() throws Exception {
    return machine("--tlscacert", directory.resolve("clients.crt").toString());
  }

  private String address() {
    return "tcp://localhost:" + port;
  }

  private BuildClient connect(Optional<Path> certificate) throws Exception {
    return BuildClient.connect(
        new ConnectOptions(
            address(),
            Optional.of(
                new ConnectOptions.Tls(
                    Optional.empty(),
                    Optional.of(directory.resolve("servers.crt")),
                    certificate.map(c -> new TlsSettings.KeyPair(Authority.key(c), c)))),
            Duration.ofSeconds(2)));
  }

  private void build(BuildClient client) throws Exception {
    client.solve(
        Optional.of(Llb.scratch().file(Llb.mkfile("/f", 0644, "f")).marshal()),
        SolveOptions.defaults(),
        status -> {});
  }

  private void admits(Path certificate) throws Exception {
    try (BuildClient client = connect(Optional.of(certificate))) {
      build(client);
    }
  }

  /** The end of a handshake is not the end of the daemon's look at what it was shown. */
  private void refuses(Optional<Path> certificate) {
    assertThatThrownBy(
            () -> {
              try (BuildClient client = connect(certificate)) {
                client.info();
              }
            })
        .isInstanceOf(BuildException.class);
  }

  /** What the daemon shows to whom it lets in. */
  private X509Certificate shown(String... protocols) throws Exception {
    SSLContext context =
        Tls.context(
            new TlsSettings(
                true, List.of(), List.of(new TlsSettings.KeyPair(Authority.key(good), good))));
    try (SSLSocket socket =
        (SSLSocket) context.getSocketFactory().createSocket("localhost", port)) {
      if (protocols.length > 0) {
        socket.setEnabledProtocols(protocols);
      }
      socket.startHandshake();
      return (X509Certificate) socket.getSession().getPeerCertificates()[0];
    }
  }

  @Test
  void onlyWhomTheAuthorityVouchesForComesIn() throws Exception {
    try (Machine machine = mutual()) {
      admits(good);
      refuses(Optional.empty());
      refuses(Optional.of(servers.issue(directory.resolve("other.crt"), "good")));
      refuses(Optional.of(clients.issueExpired(directory.resolve("expired.crt"), "good")));
      assertThatThrownBy(() ->
              BuildClient.connect(
                      new ConnectOptions(address(), Optional.empty(), Duration.ofSeconds(2)))
                  .info())
          .isInstanceOf(BuildException.class);
      admits(good);
      try (BuildClient local = machine.client()) {
        build(local); // a unix socket has its own guard
      }
      assertThat(machine.log()).doesNotContain("TLS is not enabled", "need no certificate");
      assertThat(shown("TLSv1.2").getSubjectX500Principal().getName()).isEqualTo("CN=server");
      assertThatThrownBy(() -> shown("TLSv1.1")).isInstanceOf(IOException.class);
    }
  }

  @Test
  void withoutAnAuthorityEveryClientComesInAndIsSaidTo() throws Exception {
    try (Machine machine = machine()) {
      try (BuildClient client = connect(Optional.empty())) {
        build(client);
      }
      assertThat(machine.log()).contains("clients of " + address() + " need no certificate");
    }
  }

  @Test
  void clearTcpIsWarnedOf() throws Exception {
    try (Machine machine = new Machine(directory, "--addr", address())) {
      machine.awaitLog("running server on " + address()); // the unix socket is there before
      assertThat(machine.log()).containsOnlyOnce("TLS is not enabled for " + address());
    }
  }

  @Test
  void certificatesChangeWhileClientsComeAndGo() throws Exception {
    try (Machine machine = mutual();
        BuildClient early = connect(Optional.of(good))) {
      AtomicBoolean over = new AtomicBoolean();
      AtomicInteger builds = new AtomicInteger();
      AtomicReference<Exception> failure = new AtomicReference<>();
      Thread load =
          Threads.start(
              "load",
              () -> {
                while (!over.get()) {
                  try {
                    admits(good);
                    builds.incrementAndGet();
                  } catch (Exception e) {
                    failure.set(e);
                    return;
                  }
                }
              });
      Path next = servers.issue(directory.resolve("next.crt"), "renewed");
      Files.move(Authority.key(next), Authority.key(server), StandardCopyOption.ATOMIC_MOVE);
      Thread.sleep(2500); // half of a pair is looked at
      assertThat(shown().getSubjectX500Principal().getName()).isEqualTo("CN=server");
      machine.awaitLog("TLS files cannot be used, the earlier ones stand");
      Files.move(next, server, StandardCopyOption.ATOMIC_MOVE);
      machine.awaitLog("TLS certificate was read anew");
      assertThat(shown().getSubjectX500Principal().getName()).isEqualTo("CN=renewed");
      int soFar = builds.get();
      while (builds.get() < soFar + 3 && failure.get() == null) {
        Thread.sleep(20);
      }
      over.set(true);
      load.join();
      assertThat(failure.get()).isNull();
      build(early); // its connection is older than all that
      new Authority("clients").write(directory.resolve("clients.crt")); // another of that name
      Thread.sleep(4500);
      refuses(Optional.of(good));
      assertThat(machine.log()).containsOnlyOnce("TLS files cannot be used");
    }
  }

  private void failsToStart(String why, String... flags) throws Exception {
    Path own = Files.createTempDirectory(directory, "start");
    assertThatThrownBy(() -> new Machine(own, flags))
        .isInstanceOf(AssertionError.class)
        .hasMessageContaining(why);
  }

  @Test
  void filesThatCannotBeUsedStopTheStart() throws Exception {
    String key = Authority.key(server).toString();
    failsToStart("/none.crt does not exist", "--tlscert", "/none.crt", "--tlskey", key);
    failsToStart(
        "the key in " + Authority.key(good) + " is not that of the certificate in " + server,
        "--tlscert",
        server.toString(),
        "--tlskey",
        Authority.key(good).toString());
    failsToStart(
        "holds no private key", "--tlscert", server.toString(), "--tlskey", server.toString());
    failsToStart(
        "you must specify key and cert file if one is specified", "--tlscert", server.toString());
    failsToStart(
        "you must specify key and cert file if one is specified",
        "--tlscacert",
        directory.resolve("clients.crt").toString());
    Path empty = Files.writeString(directory.resolve("empty.crt"), "");
    failsToStart(
        empty + " holds no certificate",
        "--tlscert",
        server.toString(),
        "--tlskey",
        key,
        "--tlscacert",
        empty.toString());
  }
}
