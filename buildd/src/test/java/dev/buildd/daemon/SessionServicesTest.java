package dev.buildd.daemon;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import dev.buildd.base.content.Digest;
import dev.buildd.client.BuildClient;
import dev.buildd.client.SolveOptions;
import dev.buildd.client.SolveStatus;
import dev.buildd.llb.FileAction;
import dev.buildd.llb.Llb;
import dev.buildd.llb.RunOption;
import dev.buildd.llb.State;
import dev.buildd.session.Attachable;
import dev.buildd.session.secrets.SecretsProvider;
import dev.buildd.session.ssh.SshAgent;
import dev.buildd.session.ssh.SshProvider;
import dev.buildd.session.upload.UploadProvider;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * What builds get from the client's session: secrets, SSH agents, streams, and git and HTTP by
 * them.
 */
@Tag("root")
@Timeout(180)
final class SessionServicesTest {
  @TempDir static Path directory;
  private static Machine machine;

  @TempDir Path temp;

  @BeforeAll
  static void start() throws Exception {
    Machine.busybox(directory);
    tools(directory.resolve("rootfs"), "/usr/bin/ssh-add");
    machine = new Machine(directory);
  }

  @AfterAll
  static void leavesNothing() throws Exception {
    assertThat(machine.stop()).isZero();
    assertThat(machine.mounts()).isEmpty();
  }

  /** Copies programs with the libraries that they load. */
  private static void tools(Path root, String... programs) throws Exception {
    for (String program : programs) {
      String loads = Programs.run(root, "ldd", program) + " " + program;
      for (String word : loads.split("\\s+")) {
        if (word.startsWith("/")) {
          Path to = root.resolve(word.substring(1));
          Files.createDirectories(to.getParent());
          if (!Files.exists(to)) {
            Files.copy(Path.of(word), to);
          }
        }
      }
    }
  }

  private static State sh(String script, RunOption... options) {
    RunOption[] all =
        Stream.concat(Stream.of(Llb.args("/bin/sh", "-ec", script)), Stream.of(options))
            .toArray(RunOption[]::new);
    return Machine.base().run(all).root();
  }

  /** Builds into a directory; returns all that the build says. */
  private static String build(State state, Path out, Attachable... attachables) throws Exception {
    ConcurrentLinkedQueue<String> said = new ConcurrentLinkedQueue<>();
    try (BuildClient client = machine.client()) {
      client.solve(
          Optional.of(state.marshal()),
          machine
              .options()
              .withExports(SolveOptions.Export.local(out))
              .withAttachables(attachables),
          status -> {
            for (SolveStatus.Vertex vertex : status.vertexes()) {
              said.add(vertex.name() + (vertex.cached() ? " CACHED" : ""));
            }
            status.logs().forEach(line -> said.add(line.data().toStringUtf8()));
          });
    }
    return String.join("\n", said);
  }

  private static SecretsProvider secrets(String... pairs) {
    Map<String, byte[]> all = new TreeMap<>();
    for (int i = 0; i < pairs.length; i += 2) {
      all.put(pairs[i], pairs[i + 1].getBytes(UTF_8));
    }
    return new SecretsProvider(SecretsProvider.Store.of(all));
  }

  // --- secrets ---

  @Test
  void secretsAreFilesAndVariablesAndStayNowhere() throws Exception {
    String secret = "hush-" + UUID.randomUUID();
    State state =
        sh(
            "busybox sha256sum < /run/secrets/file > /sums; echo -n $TOKEN | busybox sha256sum >>"
                + " /sums; ls -ln /run/secrets/file > /modes; busybox stat -c %a /run/secrets/file"
                + " >> /modes; busybox grep /run/secrets/file /proc/self/mountinfo > /mounts",
            Llb.addSecret("/run/secrets/file", Llb.secretId("it"), Llb.secretFile(12, 34, 0440)),
            Llb.addSecret("TOKEN", Llb.secretId("it"), Llb.secretAsEnv()));
    Path out = temp.resolve("out");
    String said = build(state, out, secrets("it", secret));
    String sum = Digest.of(secret).hex() + "  -";
    assertThat(Files.readAllLines(out.resolve("sums"))).containsExactly(sum, sum);
    assertThat(Files.readString(out.resolve("modes"))).matches("(?s)-r--r-----.* 12 +34 .*440\\s*");
    assertThat(Files.readString(out.resolve("mounts")))
        .contains(" ro,nosuid,nodev,noexec,")
        .contains("tmpfs");
    assertThat(out.resolve("run/secrets")).doesNotExist();
    assertThat(said).doesNotContain(secret);

    // another secret is no other step, and the first is nowhere
    assertThat(build(state, out, secrets("it", "another"))).contains("CACHED");
    assertThat(Files.readAllLines(out.resolve("sums"))).containsExactly(sum, sum);
    assertThat(filesWith(directory, secret)).isEmpty();
  }

  private static List<String> filesWith(Path below, String text) throws Exception {
    Process grep =
        new ProcessBuilder("grep", "-rlF", "--devices=skip", text, below.toString()).start();
    return new String(grep.getInputStream().readAllBytes(), UTF_8).lines().toList();
  }

  @Test
  void whatIsOptionalMayBeMissing() throws Exception {
    State state =
        sh(
            "[ ! -e /run/secrets/none ]; [ -z \"$NONE\" ]; [ ! -e /ssh ]; echo fine > /f",
            Llb.addSecret("/run/secrets/none", Llb.secretId("none"), Llb.secretOptional()),
            Llb.addSecret("NONE", Llb.secretAsEnv(), Llb.secretOptional()),
            Llb.addSshSocket(Llb.sshTarget("/ssh"), Llb.sshOptional()));
    build(state, temp.resolve("out"), secrets("other", "x"));
    assertThat(temp.resolve("out/f")).hasContent("fine");
  }

  @Test
  void whatIsMissingIsNamed() {
    Path out = temp.resolve("out");
    State file = sh("true", Llb.addSecret("/s", Llb.secretId("absent")));
    assertThatThrownBy(() -> build(file, out, secrets("other", "x")))
        .hasMessageContaining("secret absent: not found");
    State variable = sh("true", Llb.addSecret("S", Llb.secretId("absent-too"), Llb.secretAsEnv()));
    assertThatThrownBy(() -> build(variable, out))
        .hasMessageContaining("secret absent-too: not found");
    State ssh = sh("true", Llb.addSshSocket(Llb.sshId("deploy")));
    assertThatThrownBy(() -> build(ssh, out))
        .hasMessageContaining("no SSH key \"deploy\" forwarded from the client");
    assertThatThrownBy(() -> build(ssh, out, new SshProvider(Map.of())))
        .hasMessageContaining("unset ssh forward key deploy");
  }

  // --- SSH ---

  private Path key(String name) throws Exception {
    Path key = temp.resolve(name);
    Programs.run(
        temp, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", key.toString());
    return key;
  }

  private static String publicKey(Path key) throws IOException {
    return Files.readString(Path.of(key + ".pub")).split(" ", 3)[1];
  }

  @Test
  void stepsReachTheClientsAgents() throws Exception {
    Path first = key("first");
    Path second = key("second");
    SshProvider provider =
        new SshProvider(
            Map.of(
                "default", SshAgent.at(List.of(first), false),
                "deploy", SshAgent.at(List.of(second), false)));
    State state =
        sh(
            "echo $SSH_AUTH_SOCK > /where; ssh-add -L > /default;"
                + " SSH_AUTH_SOCK=/deploy.sock ssh-add -L > /deploy;"
                + " ssh-add -D && exit 1; ls -ln /deploy.sock > /modes",
            Llb.addSshSocket(),
            Llb.addSshSocket(Llb.sshId("deploy"), Llb.sshSocket("/deploy.sock", 12, 34, 0620)));
    Path out = temp.resolve("out");
    build(state, out, provider);
    assertThat(out.resolve("where")).hasContent("/run/buildkit/ssh_agent.0");
    assertThat(Files.readString(out.resolve("default"))).contains(publicKey(first));
    assertThat(Files.readString(out.resolve("deploy"))).contains(publicKey(second));
    assertThat(Files.readString(out.resolve("modes"))).matches("(?s)srw--w----.* 12 +34 .*");
    assertThat(out.resolve("deploy.sock")).doesNotExist();
    assertThat(machine.root().resolve("scratch")).isEmptyDirectory();
  }

  @Test
  void connectionsLeaveNoDescriptors() throws Exception {
    SshAgent agent = SshAgent.at(List.of(key("mine")), false);
    SshProvider provider = new SshProvider(Map.of("default", agent));
    long before = 0;
    for (int round = 0; round < 2; round++) {
      String script = "for i in $(seq 60); do ssh-add -L > /dev/null; done # " + round;
      build(sh(script, Llb.addSshSocket()), temp.resolve("out"), provider);
      long after = machine.descriptors();
      for (int i = 0; i < 100 && round > 0 && after > before + 10; i++) {
        Thread.sleep(50); // connections are closed by threads of their own
        after = machine.descriptors();
      }
      if (round > 0) {
        assertThat(after).isLessThanOrEqualTo(before + 10);
      }
      before = after;
    }
  }

  @Test
  void aStepOfAnotherUserReachesTheAgentThatIsHis() throws Exception {
    Path key = key("mine");
    SshProvider provider = new SshProvider(Map.of("default", SshAgent.at(List.of(key), false)));
    State his =
        sh("ssh-add -L", Llb.user("12:34"), Llb.addSshSocket(Llb.sshSocket("/his", 12, 34, 0600)));
    assertThat(build(his, temp.resolve("out"), provider)).contains(publicKey(key));
    State roots = sh("ssh-add -L", Llb.user("12:34"), Llb.addSshSocket());
    assertThatThrownBy(() -> build(roots, temp.resolve("out"), provider))
        .hasMessageContaining("exit code: 2");
  }

  /**
   * What is no agent to us may be changed: OpenSSH's agent, behind a raw socket, loses its keys.
   */
  @Test
  void rawSocketsCarryAnything() throws Exception {
    Path key = key("mine");
    Path socket = temp.resolve("socket");
    Process agent = new ProcessBuilder("ssh-agent", "-D", "-a", socket.toString()).start();
    try {
      while (!Files.exists(socket)) {
        assertThat(agent.isAlive()).isTrue();
        Thread.sleep(20);
      }
      String add = "SSH_AUTH_SOCK=" + socket + " ssh-add ";
      Programs.run(temp, "sh", "-c", add + "-q " + key);
      for (boolean raw : new boolean[] {false, true}) {
        SshProvider provider = new SshProvider(Map.of("it", SshAgent.at(List.of(socket), raw)));
        State state =
            sh(
                "ssh-add -L; ssh-add -D || true # " + raw,
                Llb.addSshSocket(Llb.sshId("it"), Llb.sshTarget("/it")));
        assertThat(build(state, temp.resolve("out"), provider)).contains(publicKey(key));
        assertThat(Programs.run(temp, "sh", "-c", add + "-L || true").contains(publicKey(key)))
            .as("the key is there still")
            .isEqualTo(!raw);
      }
    } finally {
      agent.destroy();
    }
  }

  // --- streams and web servers ---

  @Test
  void aStreamOfTheClientIsASource() throws Exception {
    UploadProvider uploads = new UploadProvider();
    String url = uploads.add(new ByteArrayInputStream("from standard input".getBytes(UTF_8)));
    State state =
        Llb.scratch()
            .file(Llb.copy(Llb.http(url, Llb.filename("context")), "/context", "/context"));
    build(state, temp.resolve("out"), uploads);
    assertThat(temp.resolve("out/context")).hasContent("from standard input");
    State gone = Llb.scratch().file(Llb.copy(Llb.http(url + "x"), "/", "/"));
    assertThatThrownBy(() -> build(gone, temp.resolve("out"), uploads))
        .hasMessageContaining("no http response from session for ");
  }

  private interface Handler {
    void handle(HttpExchange exchange) throws IOException;
  }

  private static HttpServer serve(Handler handler) throws IOException {
    HttpServer server =
        HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.createContext(
        "/",
        exchange -> {
          handler.handle(exchange);
          exchange.close();
        });
    server.start();
    return server;
  }

  private static void answer(HttpExchange exchange, int status, byte[] body) throws IOException {
    exchange.sendResponseHeaders(status, body.length == 0 ? -1 : body.length);
    if (body.length > 0 && !exchange.getRequestMethod().equals("HEAD")) {
      exchange.getResponseBody().write(body);
    }
  }

  private static String authorization(HttpExchange exchange) {
    String header = exchange.getRequestHeaders().getFirst("Authorization");
    return header == null ? "" : header;
  }

  @Test
  void webServersAreShownTheClientsSecret() throws Exception {
    HttpServer elsewhere =
        serve(e -> answer(e, 200, ("[" + authorization(e) + "]").getBytes(UTF_8)));
    String other = "http://127.0.0.1:" + elsewhere.getAddress().getPort() + "/f";
    HttpServer server =
        serve(e -> {
          if (e.getRequestURI().getPath().equals("/elsewhere")) {
            e.getResponseHeaders().add("Location", other);
            answer(e, 302, new byte[0]);
          } else {
            answer(e, 200, ("[" + authorization(e) + "]").getBytes(UTF_8));
          }
        });
    try {
      String base = "http://localhost:" + server.getAddress().getPort();
      SecretsProvider secrets =
          secrets(
              "HTTP_AUTH_TOKEN_localhost", "t0ken",
              "HTTP_AUTH_HEADER_127.0.0.1", "Custom header",
              "MINE", "Basic bWU6");
      assertThat(fetched(Llb.http(base + "/a"), secrets)).isEqualTo("[Bearer t0ken]");
      assertThat(fetched(Llb.http(other), secrets)).isEqualTo("[Custom header]");
      assertThat(fetched(Llb.http(base + "/b", Llb.authHeaderSecret("MINE")), secrets))
          .isEqualTo("[Basic bWU6]");
      assertThat(fetched(Llb.http(base + "/elsewhere"), secrets))
          .as("another host is not told")
          .isEqualTo("[]");
      State absent = Llb.http(base + "/c", Llb.authHeaderSecret("ABSENT"));
      assertThatThrownBy(() -> fetched(absent, secrets))
          .hasMessageContaining("failed to retrieve HTTP auth secret ABSENT");
    } finally {
      server.stop(0);
      elsewhere.stop(0);
    }
  }

  private String fetched(State file, Attachable... attachables) throws Exception {
    Path out = temp.resolve("out-" + UUID.randomUUID());
    build(
        Llb.scratch()
            .file(Llb.copy(file, "/*", "/f", FileAction.CopyOptions.DEFAULT.withWildcard(false))),
        out,
        attachables);
    return Files.readString(out.resolve("f"));
  }

  // --- git ---

  /** A repository with one commit; returns its directory. */
  private Path repository() throws Exception {
    Path repository = Files.createDirectory(temp.resolve("repository"));
    Programs.run(repository, "git", "init", "-q", "-b", "main");
    Files.writeString(repository.resolve("file"), "of the repository");
    Programs.run(repository, "git", "add", "-A");
    Programs.run(
        repository,
        "git",
        "-c",
        "user.name=t",
        "-c",
        "user.email=t@x",
        "commit",
        "-q",
        "-m",
        "first");
    return repository;
  }

  @Test
  void gitServersAreShownTheTokenForTheirHost() throws Exception {
    Path served = repository().resolve(".git");
    Programs.run(served, "git", "update-server-info");
    Set<String> accepted =
        Set.of(
            "basic "
                + Base64.getEncoder().encodeToString("x-access-token:g1t-token".getBytes(UTF_8)),
            "Bearer header");
    HttpServer server =
        serve(e -> {
          Path file = served.resolve(e.getRequestURI().getPath().substring("/r.git/".length()));
          if (!accepted.contains(authorization(e))) {
            answer(e, 401, new byte[0]);
          } else if (Files.isRegularFile(file)) {
            answer(e, 200, Files.readAllBytes(file));
          } else {
            answer(e, 404, new byte[0]);
          }
        });
    try {
      String host = "localhost:" + server.getAddress().getPort();
      String url = "http://" + host + "/r.git";
      for (SecretsProvider secrets :
          List.of(
              secrets("GIT_AUTH_TOKEN." + host, "g1t-token", "GIT_AUTH_HEADER", "wrong"),
              secrets("GIT_AUTH_HEADER." + host, "Bearer header", "GIT_AUTH_TOKEN", "wrong"),
              secrets("GIT_AUTH_TOKEN", "g1t-token\n"),
              secrets("GIT_AUTH_HEADER", "Bearer header"))) {
        Path out = temp.resolve("out-" + UUID.randomUUID());
        build(Llb.git(url, "main"), out, secrets);
        assertThat(out.resolve("file")).hasContent("of the repository");
      }
      assertThatThrownBy(() ->
              build(Llb.git(url, "main"), temp.resolve("out"), secrets("GIT_AUTH_TOKEN", "other")))
          .hasMessageContaining("failed to fetch remote " + url)
          .hasMessageNotContaining("other");
      assertThat(filesWith(directory, "g1t-token")).isEmpty();
    } finally {
      server.stop(0);
    }
  }

  @Test
  void gitReachesServersByTheClientsAgent() throws Exception {
    Path repository = repository();
    Path user = key("user");
    Path stranger = key("stranger");
    Path hostKey = key("host");
    int port = Programs.freePort();
    try (Programs programs = new Programs(temp)) {
      sshd(programs, port, hostKey, user);
      String url = "ssh://root@127.0.0.1:" + port + repository;
      String known = "[127.0.0.1]:" + port + " ssh-ed25519 " + publicKey(hostKey);
      SshProvider his = new SshProvider(Map.of("deploy", SshAgent.at(List.of(user), false)));
      State state = Llb.git(url, "main", Llb.mountSshSock("deploy"), Llb.knownSshHosts(known));
      Path out = temp.resolve("out");
      build(state, out, his);
      assertThat(out.resolve("file")).hasContent("of the repository");

      State same =
          Llb.git(url, "", Llb.keepGitDir(), Llb.mountSshSock("deploy"), Llb.knownSshHosts(known));
      assertThatThrownBy(() -> build(same, out))
          .hasMessageContaining("no SSH key \"deploy\" forwarded from the client");
      SshProvider wrong = new SshProvider(Map.of("deploy", SshAgent.at(List.of(stranger), false)));
      assertThatThrownBy(() -> build(same, out, wrong)).hasMessageContaining("Permission denied");
      State impostor =
          Llb.git(
              url,
              "",
              Llb.mountSshSock("deploy"),
              Llb.knownSshHosts("[127.0.0.1]:" + port + " ssh-ed25519 " + publicKey(stranger)));
      assertThatThrownBy(() -> build(impostor, out, his))
          .hasMessageContaining("Host key verification failed");
    }
  }

  private void sshd(Programs programs, int port, Path hostKey, Path user) throws Exception {
    Files.createDirectories(Path.of("/run/sshd")); // as Debian's service makes it
    Path config =
        Files.writeString(
            temp.resolve("sshd_config"),
            """
            Port %d
            ListenAddress 127.0.0.1
            HostKey %s
            AuthorizedKeysFile %s.pub
            PermitRootLogin yes
            StrictModes no
            PasswordAuthentication no
            KbdInteractiveAuthentication no
            UsePAM no
            PidFile none
            """
                .formatted(port, hostKey, user));
    programs.serve(port, "/usr/sbin/sshd", "-D", "-e", "-f", config.toString());
  }
}
