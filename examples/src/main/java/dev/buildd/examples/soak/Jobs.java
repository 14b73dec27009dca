package dev.buildd.examples.soak;

import dev.buildd.base.content.Platform;
import dev.buildd.client.SolveOptions;
import dev.buildd.llb.CacheSharing;
import dev.buildd.llb.Definition;
import dev.buildd.llb.ExecState;
import dev.buildd.llb.FileAction;
import dev.buildd.llb.Llb;
import dev.buildd.llb.MarshalOptions;
import dev.buildd.llb.State;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;

/**
 * What one client builds. A build is decided by the seed, its number and its client; only the files
 * that a client sends carry over from one of its builds to the next.
 */
final class Jobs {
  private static final int POPULAR = 12;
  private static final int SENT = 24;
  private static final List<CacheSharing> SHARINGS =
      List.of(CacheSharing.SHARED, CacheSharing.PRIVATE, CacheSharing.LOCKED);
  private static final int MOST_STEPS = 4;
  private static final long REST = 16_000_000;
  private static final List<String> APPLETS =
      List.of("sh", "cat", "echo", "head", "yes", "mkdir", "rm", "ls", "sleep", "wc", "tr");

  private final Path directory;
  private final int step; // bytes that a step's command leaves at most
  private final Map<String, byte[]> sent = new HashMap<>(); // by name; for the next build to change
  private String source = "source";

  Jobs(Path directory, long cap) throws IOException {
    this.directory = directory;
    this.step = step(cap);
    Path bin = Files.createDirectories(directory.resolve("rootfs/bin"));
    Path busybox = bin.resolve("busybox");
    Files.copy(Path.of("/bin/busybox"), busybox, StandardCopyOption.REPLACE_EXISTING);
    for (String applet : APPLETS) {
      Files.createSymbolicLink(bin.resolve(applet), Path.of("busybox"));
    }
    Files.createDirectories(directory.resolve("data"));
    Path context = Files.createDirectories(directory.resolve("context/src"));
    Files.copy(busybox, context.resolveSibling("busybox"), StandardCopyOption.COPY_ATTRIBUTES);
    Files.writeString(
        context.resolveSibling("Dockerfile"),
        """
        FROM scratch AS base
        COPY busybox /bin/busybox
        RUN ["/bin/busybox", "--install", "-s", "/bin"]
        ENV PATH=/bin
        FROM base AS made
        ARG SALT
        COPY src /src
        RUN --mount=type=cache,target=/cache,id=docker \\
          cat /src/* > /made && echo "$SALT" >> /made && yes "$SALT" | head -c 500000 > "/cache/${SALT%?}"
        FROM scratch
        COPY --from=made /made /made
        """);
  }

  /** So much that a few hundred steps fill what the daemon may hold. */
  private static int step(long cap) {
    return (int) Math.min(20_000_000, Math.max(300_000, cap / 170));
  }

  /** How many bytes a build writes at most, the root filesystem of its steps included. */
  static long mostWritten(long cap) {
    return (long) MOST_STEPS * step(cap) + REST;
  }

  /** The build of a number; {@code random} decides all the rest of it. */
  Job job(int number, Random random) {
    String salt = "b" + number;
    int kind = random.nextInt(100);
    if (kind < 25) { // asked for again and again, by all clients
      int which = random.nextInt(POPULAR);
      Random popular = new Random(which);
      return graph("cached", "popular" + which, popular.nextInt(3), popular, random);
    }
    if (kind < 60) {
      return graph("new", salt, random.nextInt(3), random, random);
    }
    if (kind < 73) {
      return upload(salt, random);
    }
    if (kind < 83) {
      return dockerfile(salt, random);
    }
    return kind < 94 ? cacheMount(salt, random) : failing(salt, random);
  }

  private Job graph(String kind, String salt, int form, Random random, Random export) {
    Map<String, byte[]> expected = new HashMap<>();
    State state =
        switch (form) {
          case 0 -> files(salt, random, expected);
          case 1 -> merged(salt, random, expected);
          default -> steps(salt, random, expected);
        };
    String name = kind + (form == 0 ? " files" : form == 1 ? " merge" : " steps");
    Job.Export to = export.nextInt(10) < 7 ? Job.Export.LOCAL : Job.Export.NONE;
    return job(name, state, to, () -> {}, expected, Optional.empty());
  }

  private Job job(
      String kind,
      State state,
      Job.Export export,
      Job.Preparation prepare,
      Map<String, byte[]> expected,
      Optional<String> failure) {
    Definition definition =
        state.marshal(
            MarshalOptions.defaults(Llb.platform(Platform.host().normalized()))
                .withLocalUniqueId(String.valueOf(directory.getFileName())));
    return new Job(kind, Optional.of(definition), sources(), export, prepare, expected, failure);
  }

  private SolveOptions sources() {
    return SolveOptions.defaults()
        .withLocalDir("rootfs", directory.resolve("rootfs"))
        .withLocalDir("data", directory.resolve("data"));
  }

  private static byte[] text(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  /** What {@code yes LINE | head -c SIZE} writes. */
  private static byte[] lines(String line, int size) {
    byte[] one = text(line + "\n");
    byte[] out = new byte[size];
    for (int at = 0; at < size; at += one.length) {
      System.arraycopy(one, 0, out, at, Math.min(one.length, size - at));
    }
    return out;
  }

  private static FileAction.CopyOptions contents() {
    return FileAction.CopyOptions.DEFAULT.contentsOnly();
  }

  private static State base() {
    return Llb.scratch()
        .file(Llb.copy(Llb.local("rootfs"), "/", "/", contents()))
        .addEnv("PATH", "/bin");
  }

  /** Files side by side, gathered by one copy. */
  private static State files(String salt, Random random, Map<String, byte[]> expected) {
    int count = 2 + random.nextInt(40);
    FileAction copies = Llb.mkfile("/salt", 0644, salt);
    expected.put("salt", text(salt));
    for (int i = 0; i < count; i++) {
      byte[] content = lines(salt + " " + i, 1 + random.nextInt(60_000));
      State file = Llb.scratch().file(Llb.mkfile("/f" + i, 0644, content, FileAction.Make.DEFAULT));
      copies = copies.copy(file, "/f" + i, "/");
      expected.put("f" + i, content);
    }
    return Llb.scratch().file(copies);
  }

  /** A merge of chains of files and of a difference. */
  private static State merged(String salt, Random random, Map<String, byte[]> expected) {
    List<State> parts = new ArrayList<>();
    for (int part = 0; part < 2 + random.nextInt(3); part++) {
      State state = Llb.scratch();
      for (int i = 0; i < 1 + random.nextInt(4); i++) {
        String name = "p" + part + "-" + i;
        byte[] content = lines(salt + name, 1 + random.nextInt(300_000));
        state = state.file(Llb.mkfile("/" + name, 0644, content, FileAction.Make.DEFAULT));
        expected.put(name, content);
      }
      parts.add(state);
    }
    State lower = parts.getFirst();
    parts.add(Llb.diff(lower, lower.file(Llb.mkfile("/added", 0644, salt))));
    expected.put("added", text(salt));
    return Llb.merge(parts);
  }

  /** Commands one after another, each of which leaves something, and one that tells of all. */
  private State steps(String salt, Random random, Map<String, byte[]> expected) {
    State state = base();
    StringBuilder log = new StringBuilder();
    int count = 1 + random.nextInt(MOST_STEPS);
    for (int i = 0; i < count; i++) {
      String line = salt + " step " + i;
      int size = 100_000 + random.nextInt(step - 100_000);
      state =
          state
              .run(
                  Llb.shell(
                      "echo '%s' >> /log && yes '%s' | head -c %d > /data%d"
                          .formatted(line, line, size, i)))
              .root();
      log.append(line).append('\n');
    }
    int size = 1 + random.nextInt(2_000_000);
    ExecState told =
        state.run(
            Llb.shell(
                "cat /log > /out/log && yes '" + salt + "' | head -c " + size + " > /out/data"));
    expected.put("log", text(log.toString()));
    expected.put("data", lines(salt, size));
    return told.addMount("/out", Llb.scratch());
  }

  /** What changed of some files since the client's last build. */
  private Job upload(String salt, Random random) {
    Map<String, byte[]> changed = new HashMap<>();
    int changes = sent.isEmpty() ? SENT : 1 + random.nextInt(SENT);
    for (int i = 0; i < changes; i++) {
      byte[] content = new byte[1 + random.nextInt(300_000)];
      random.nextBytes(content);
      changed.put("f" + (sent.isEmpty() ? i : random.nextInt(SENT)), content);
    }
    sent.putAll(changed);
    State state =
        Llb.scratch()
            .file(Llb.copy(Llb.local("data"), "/", "/", contents()).mkfile("/salt", 0644, salt));
    Map<String, byte[]> expected = new HashMap<>(sent);
    expected.put("salt", text(salt));
    return job(
        "upload",
        state,
        Job.Export.LOCAL,
        () -> {
          for (Map.Entry<String, byte[]> file : changed.entrySet()) {
            Files.write(directory.resolve("data").resolve(file.getKey()), file.getValue());
          }
        },
        expected,
        Optional.empty());
  }

  private Job dockerfile(String salt, Random random) {
    Path context = directory.resolve("context");
    SolveOptions options =
        SolveOptions.defaults()
            .withFrontend("dockerfile.v0", Map.of("build-arg:SALT", salt))
            .withLocalDir("context", context)
            .withLocalDir("dockerfile", context);
    if (random.nextBoolean()) {
      source = salt + " " + random.nextInt();
    }
    byte[] now = text(source);
    byte[] made = text(source + salt + "\n");
    return new Job(
        "Dockerfile",
        Optional.empty(),
        options,
        Job.Export.OCI,
        () -> Files.write(context.resolve("src/source"), now),
        Map.of("made", made),
        Optional.empty());
  }

  /** A cache of some MB that several steps fill and clear. */
  private Job cacheMount(String salt, Random random) {
    int id = random.nextInt(9);
    CacheSharing sharing = SHARINGS.get(id % SHARINGS.size());
    int size = 100_000 + random.nextInt(step - 100_000);
    String script =
        "yes '%s' | head -c %d > /cache/%s && cat /cache/%s | wc -c | tr -d ' ' > /out/size"
            .formatted(salt, size, salt, salt);
    if (random.nextInt(4) == 0) {
      script = "rm -f /cache/*; " + script;
    }
    // another's rm may come between the two in a shared cache
    String tolerated = sharing == CacheSharing.SHARED ? script + "; echo ok > /out/size" : script;
    State state =
        base()
            .run(
                Llb.shell(tolerated),
                Llb.addMount(
                    "/cache", Llb.scratch(), Llb.asPersistentCacheDir("soak" + id, sharing)))
            .addMount("/out", Llb.scratch());
    String told = sharing == CacheSharing.SHARED ? "ok" : Integer.toString(size);
    return job(
        "cache mount",
        state,
        Job.Export.LOCAL,
        () -> {},
        Map.of("size", text(told + "\n")),
        Optional.empty());
  }

  private Job failing(String salt, Random random) {
    int code = 2 + random.nextInt(100);
    State state =
        base()
            .run(Llb.shell("yes '" + salt + "' | head -c 300000 > /data"))
            .root()
            .run(Llb.shell("echo " + salt + "; exit " + code))
            .root();
    return job(
        "failing step",
        state,
        Job.Export.NONE,
        () -> {},
        Map.of(),
        Optional.of("exit code: " + code));
  }
}
