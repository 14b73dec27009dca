package dev.buildd.solver.source.git;

import dev.buildd.base.concurrent.Cleanup;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.linux.FileTree;
import dev.buildd.session.Session;
import dev.buildd.session.secrets.Secrets;
import dev.buildd.session.ssh.SshForward;
import dev.buildd.solver.source.SourceContext;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Base64;
import java.util.Deque;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Git with what the client gives it to reach the remote, until closed: a secret for web servers,
 * the keys of SSH servers, and an SSH agent (wire.md section 7.4).
 */
final class RemoteAccess implements AutoCloseable {
  private final Deque<AutoCloseable> open = new ArrayDeque<>();
  private @Nullable Path directory;
  private final Git git;

  private RemoteAccess(GitSource.Request request, SourceContext context) throws Exception {
    boolean done = false;
    try {
      git =
          Git.anywhere(
              context.progress(),
              new Git.Access(
                  header(request, context), knownHosts(request), agent(request, context)));
      done = true;
    } finally {
      if (!done) {
        close();
      }
    }
  }

  static RemoteAccess open(GitSource.Request request, SourceContext context) throws Exception {
    return new RemoteAccess(request, context);
  }

  Git git() {
    return git;
  }

  /** For this user's eyes only. */
  private Path directory() throws IOException {
    Path known = directory;
    if (known == null) {
      Path made = Files.createTempDirectory("buildd-git");
      open.push(() -> FileTree.delete(made));
      directory = made;
      return made;
    }
    return known;
  }

  private Optional<Path> knownHosts(GitSource.Request request) throws IOException {
    if (request.knownHosts().isEmpty()) {
      return Optional.empty();
    }
    return Optional.of(Files.writeString(directory().resolve("known_hosts"), request.knownHosts()));
  }

  private Optional<Path> agent(GitSource.Request request, SourceContext context) throws Exception {
    String id = request.sshSocket();
    if (id.isEmpty()) {
      return Optional.empty();
    }
    Session client = SshForward.find(context.sessions(), id);
    SshForward forward = SshForward.listen(client, id, directory().resolve("agent"));
    open.push(forward);
    return Optional.of(forward.path());
  }

  private static Optional<Git.Header> header(GitSource.Request request, SourceContext context)
      throws Exception {
    String host = request.url().host();
    String header = request.headerSecret();
    String token = request.tokenSecret();
    for (String suffix : new String[] {"." + host, ""}) {
      if (!header.isEmpty()) {
        Optional<byte[]> secret = Secrets.get(context.sessions(), header + suffix);
        if (secret.isPresent()) {
          return Optional.of(new Git.Header(scope(request), text(secret.get())));
        }
      }
      if (!token.isEmpty()) {
        Optional<byte[]> secret = Secrets.get(context.sessions(), token + suffix);
        if (secret.isPresent()) {
          String pair = "x-access-token:" + text(secret.get());
          String encoded =
              Base64.getEncoder().encodeToString(pair.getBytes(StandardCharsets.UTF_8));
          return Optional.of(new Git.Header(scope(request), "basic " + encoded));
        }
      }
    }
    return Optional.empty();
  }

  /** GitHub's token also serves for submodules there. */
  private static String scope(GitSource.Request request) {
    String remote = request.url().remote();
    for (String prefix : new String[] {"https://github.com/", "https://www.github.com/"}) {
      if (remote.startsWith(prefix)) {
        return prefix;
      }
    }
    return remote;
  }

  private static String text(byte[] secret) {
    String text = new String(secret, StandardCharsets.UTF_8).strip();
    if (text.chars().anyMatch(c -> c < ' ')) {
      throw BuildException.invalid("git credentials contain control characters");
    }
    return text;
  }

  @Override
  public void close() {
    while (!open.isEmpty()) {
      AutoCloseable last = open.pop();
      Cleanup.run("git access", last::close);
    }
  }
}
