package dev.buildd.daemon;

import dev.buildd.base.concurrent.Threads;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.http.Tls;
import dev.buildd.base.http.TlsSettings;
import dev.buildd.base.linux.Linux;
import dev.buildd.base.linux.LinuxException;
import dev.buildd.base.linux.Stat;
import io.netty.buffer.ByteBufAllocator;
import io.netty.handler.codec.http2.Http2SecurityUtil;
import io.netty.handler.ssl.ApplicationProtocolConfig;
import io.netty.handler.ssl.ApplicationProtocolConfig.Protocol;
import io.netty.handler.ssl.ApplicationProtocolConfig.SelectedListenerFailureBehavior;
import io.netty.handler.ssl.ApplicationProtocolConfig.SelectorFailureBehavior;
import io.netty.handler.ssl.ApplicationProtocolNames;
import io.netty.handler.ssl.ApplicationProtocolNegotiator;
import io.netty.handler.ssl.ClientAuth;
import io.netty.handler.ssl.JdkSslContext;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SupportedCipherSuiteFilter;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLSessionContext;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What the daemon shows to clients that come by TCP, and whom it lets in. Its files are looked at
 * anew when they change: connections made from then on see what is in them, others go on as they
 * are. While the files cannot be used, what was read before stands. Nobody resumes a TLS session
 * across a change, so that an authority that is gone lets nobody in.
 *
 * <p>Safe for use by many threads.
 */
final class ServerTls implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(ServerTls.class);
  private static final Duration LOOK_EVERY = Duration.ofSeconds(2);

  private BuilddConfig.Tls files; // guarded by this
  private List<Seen> seen; // guarded by this
  private volatile SslContext current;
  private final Thread watch;

  private ServerTls(BuilddConfig.Tls files) {
    this.files = files;
    this.seen = look(files); // before they are read: what changes meanwhile is noticed
    this.current = read(files);
    this.watch = Threads.start("TLS files", this::watch);
  }

  /**
   * What the settings ask for; empty if they ask for none.
   *
   * @throws BuildException if a file is missing, is not readable or does not fit the others
   */
  static Optional<ServerTls> open(BuilddConfig.Tls files) {
    return isAskedFor(files) ? Optional.of(new ServerTls(files)) : Optional.empty();
  }

  /**
   * Whether the settings ask for TLS.
   *
   * @throws BuildException if they are incomplete
   */
  static boolean isAskedFor(BuilddConfig.Tls files) {
    if (files.equals(BuilddConfig.Tls.NONE)) {
      return false;
    }
    // with an authority alone, clients would be checked nowhere
    if (files.cert().isEmpty() || files.key().isEmpty()) {
      throw BuildException.invalid("you must specify key and cert file if one is specified");
    }
    return true;
  }

  /** Whether clients have to show a certificate. */
  synchronized boolean asksForCertificates() {
    return !files.ca().isEmpty();
  }

  private static SslContext read(BuilddConfig.Tls files) {
    Optional<Path> clients = Optional.of(files.ca()).filter(ca -> !ca.isEmpty()).map(Path::of);
    return new JdkSslContext(
        Tls.serverContext(
            new TlsSettings.KeyPair(Path.of(files.key()), Path.of(files.cert())), clients),
        false,
        Http2SecurityUtil.CIPHERS,
        SupportedCipherSuiteFilter.INSTANCE,
        new ApplicationProtocolConfig(
            Protocol.ALPN,
            SelectorFailureBehavior.NO_ADVERTISE,
            SelectedListenerFailureBehavior.ACCEPT,
            ApplicationProtocolNames.HTTP_2),
        clients.isPresent() ? ClientAuth.REQUIRE : ClientAuth.NONE,
        new String[] {"TLSv1.3", "TLSv1.2"},
        false);
  }

  // --- changes ---

  /** What tells one state of a file from another, links followed. */
  private record Seen(long device, long inode, long size, long mtimeNanos, long ctimeNanos) {
    private static final Seen NOTHING = new Seen(0, 0, 0, 0, 0);

    static Seen of(Path file) {
      try {
        Stat stat = Linux.stat(file);
        return new Seen(stat.dev(), stat.ino(), stat.size(), stat.mtimeNanos(), stat.ctimeNanos());
      } catch (LinuxException e) {
        return NOTHING;
      }
    }
  }

  private static List<Seen> look(BuilddConfig.Tls files) {
    List<Seen> out = new ArrayList<>();
    for (String file : List.of(files.cert(), files.key(), files.ca())) {
      out.add(file.isEmpty() ? Seen.NOTHING : Seen.of(Path.of(file)));
    }
    return out;
  }

  private void watch() {
    try {
      while (true) {
        Thread.sleep(LOOK_EVERY);
        readIfChanged();
      }
    } catch (InterruptedException e) {
      // closed
    }
  }

  private synchronized void readIfChanged() {
    List<Seen> now = look(files);
    if (now.equals(seen)) {
      return;
    }
    seen = now; // a broken state is told of once
    try {
      current = read(files);
      log.info("TLS certificate was read anew cert={}", files.cert());
    } catch (BuildException e) {
      log.error("TLS files cannot be used, the earlier ones stand cause=\"{}\"", e.getMessage());
    }
  }

  /**
   * Uses these files from now on, or what is in the same ones now.
   *
   * @throws BuildException as {@link #open}; then the earlier ones stand
   */
  synchronized void use(BuilddConfig.Tls others) {
    if (!isAskedFor(others)) {
      throw BuildException.invalid("grpc.tls cannot be switched off without a restart");
    }
    List<Seen> now = look(others);
    current = read(others);
    files = others;
    seen = now;
  }

  @Override
  public void close() {
    watch.interrupt();
  }

  // --- for connections ---

  /** For a server: each connection is made with what stands then. */
  SslContext context() {
    return new SslContext() {
      @Override
      public boolean isClient() {
        return false;
      }

      @Override
      public List<String> cipherSuites() {
        return current.cipherSuites();
      }

      @Override
      public ApplicationProtocolNegotiator applicationProtocolNegotiator() {
        return current.applicationProtocolNegotiator();
      }

      @Override
      public SSLEngine newEngine(ByteBufAllocator allocator) {
        return current.newEngine(allocator);
      }

      @Override
      public SSLEngine newEngine(ByteBufAllocator allocator, String host, int port) {
        return current.newEngine(allocator, host, port);
      }

      @Override
      public SSLSessionContext sessionContext() {
        return current.sessionContext();
      }
    };
  }
}
