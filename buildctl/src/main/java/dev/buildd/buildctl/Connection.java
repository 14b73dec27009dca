package dev.buildd.buildctl;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.http.TlsSettings;
import dev.buildd.buildctl.cli.Invocation;
import dev.buildd.client.BuildClient;
import dev.buildd.client.ConnectOptions;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;

/** Reaches the daemon that the flags name. */
final class Connection {
  private static final Path TODAY = Path.of("/run/buildkit/buildkitd.sock");
  private static final Path SEED = Path.of("/run/buildkit/buildd.sock");

  private Connection() {}

  /** {@code $BUILDKIT_HOST}, else the socket that is there. */
  static String defaultAddress() {
    String host = System.getenv("BUILDKIT_HOST");
    if (host != null && !host.isEmpty()) {
      return host;
    }
    return "unix://" + (!Files.exists(TODAY) && Files.exists(SEED) ? SEED : TODAY);
  }

  static BuildClient open(Invocation flags) throws IOException, InterruptedException {
    long seconds = flags.number("timeout");
    Duration timeout = seconds > 0 ? Duration.ofSeconds(seconds) : Duration.ofDays(1);
    ConnectOptions options = new ConnectOptions(flags.text("addr"), tls(flags), timeout);
    long deadline = System.nanoTime() + timeout.toNanos();
    while (true) {
      try {
        return BuildClient.connect(options);
      } catch (BuildException e) {
        if (!flags.flag("wait") || System.nanoTime() > deadline) {
          throw e;
        }
        Thread.sleep(100);
      }
    }
  }

  private static Optional<ConnectOptions.Tls> tls(Invocation flags) {
    Optional<Path> ca = flags.given("tlscacert").map(Path::of);
    Optional<Path> certificate = flags.given("tlscert").map(Path::of);
    Optional<Path> key = flags.given("tlskey").map(Path::of);
    Optional<Path> directory = flags.given("tlsdir").map(Path::of);
    if (directory.isPresent()) {
      if (ca.isPresent() || certificate.isPresent() || key.isPresent()) {
        throw BuildException.invalid(
            "cannot specify tlsdir and tlscacert/tlscert/tlskey at the same time");
      }
      ca = Optional.of(oneOf(directory.get(), "ca.pem", "ca.crt"));
      certificate = Optional.of(oneOf(directory.get(), "cert.pem", "tls.crt"));
      key = Optional.of(oneOf(directory.get(), "key.pem", "tls.key"));
    }
    if (certificate.isPresent() != key.isPresent()) {
      throw BuildException.invalid("tlscert and tlskey must be specified together");
    }
    if (ca.isEmpty() && certificate.isEmpty()) {
      return Optional.empty();
    }
    Optional<TlsSettings.KeyPair> own =
        certificate.isPresent() && key.isPresent()
            ? Optional.of(new TlsSettings.KeyPair(key.get(), certificate.get()))
            : Optional.empty();
    return Optional.of(new ConnectOptions.Tls(flags.given("tlsservername"), ca, own));
  }

  private static Path oneOf(Path directory, String one, String other) {
    for (String name : new String[] {one, other}) {
      if (Files.exists(directory.resolve(name))) {
        return directory.resolve(name);
      }
    }
    throw BuildException.invalid(
        "directory did not contain one of the needed files: " + one + " or " + other);
  }
}
