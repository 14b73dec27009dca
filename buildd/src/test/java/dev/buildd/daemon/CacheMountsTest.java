package dev.buildd.daemon;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.buildd.base.concurrent.Threads;
import dev.buildd.client.BuildClient;
import dev.buildd.llb.CacheSharing;
import dev.buildd.llb.FileAction;
import dev.buildd.llb.Llb;
import dev.buildd.llb.MountOption;
import dev.buildd.llb.RunOption;
import dev.buildd.llb.State;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Directories that steps keep, and who may use them at the same time. */
@Tag("root")
@Timeout(180)
final class CacheMountsTest {
  @TempDir static Path directory;
  private static Machine machine;

  /** An id of this test's own. */
  private final String id = UUID.randomUUID().toString();

  @BeforeAll
  static void start() throws Exception {
    Machine.busybox(directory);
    machine = new Machine(directory);
  }

  @AfterAll
  static void leavesNothing() throws Exception {
    assertThat(machine.stop()).isZero();
    assertThat(machine.mounts()).isEmpty();
  }

  private static RunOption mount(String at, String id, CacheSharing sharing) {
    return Llb.addMount(at, Llb.scratch(), Llb.asPersistentCacheDir(id, sharing));
  }

  private static State step(String script, RunOption... mounts) {
    RunOption[] all =
        Stream.concat(Stream.of(Llb.args("/bin/sh", "-ec", script)), Stream.of(mounts))
            .toArray(RunOption[]::new);
    return Machine.base().run(all).root();
  }

  /** A build in the background. */
  private static final class Build {
    final CountDownLatch speaks = new CountDownLatch(1);
    private final AtomicReference<Optional<Exception>> failure =
        new AtomicReference<>(Optional.empty());
    private final Thread thread;

    Build(State state) {
      thread =
          Threads.start(
              "build",
              () -> {
                try (BuildClient client = machine.client()) {
                  client.solve(
                      Optional.of(state.marshal()),
                      machine.options(),
                      status -> {
                        if (!status.logs().isEmpty()) {
                          speaks.countDown();
                        }
                      });
                } catch (Exception e) {
                  failure.set(Optional.of(e));
                }
              });
    }

    void awaitWords() throws InterruptedException {
      assertThat(speaks.await(60, TimeUnit.SECONDS)).as("the step says something").isTrue();
    }

    Optional<Exception> end() throws InterruptedException {
      assertThat(thread.join(Duration.ofSeconds(60))).as("the build ends").isTrue();
      return Objects.requireNonNull(failure.get());
    }

    void cancel() throws InterruptedException {
      thread.interrupt();
      end();
    }
  }

  private static void run(State state) throws Exception {
    assertThat(new Build(state).end()).isEmpty();
  }

  @Test
  void sharedIsUsedByAllAtOnce() throws Exception {
    List<Build> builds = new ArrayList<>();
    for (String[] names : new String[][] {{"a", "b"}, {"b", "a"}}) {
      String script =
          "echo > /c/" + names[0] + "; while [ ! -e /c/" + names[1] + " ]; do sleep 0.1; done";
      builds.add(new Build(step(script, mount("/c", id, CacheSharing.SHARED))));
    }
    for (Build build : builds) {
      assertThat(build.end()).isEmpty();
    }
  }

  @Test
  void privateIsAnothersOwn() throws Exception {
    RunOption mine = mount("/c", id, CacheSharing.PRIVATE);
    Build first = new Build(step("echo > /c/f; echo on; sleep 1000", mine));
    first.awaitWords();
    run(step("[ ! -e /c/f ]; echo > /c/g", mine));
    first.cancel();
    run(step("[ -e /c/f ] || [ -e /c/g ] # one of the two is taken again", mine));
  }

  @Test
  void lockedIsWaitedFor() throws Exception {
    RunOption locked = mount("/c", id, CacheSharing.LOCKED);
    List<Build> builds = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      builds.add(new Build(step("mkdir /c/lock; sleep 0.2; rm -r /c/lock # " + i, locked)));
    }
    for (Build build : builds) {
      assertThat(build.end()).isEmpty();
    }
  }

  /** One has the first and wants the second, which those get that want the first after it. */
  @Test
  void thoseThatLockTheSameInDifferentOrderDoNotWaitForEachOther() throws Exception {
    for (int round = 0; round < 3; round++) {
      String one = id + "-1-" + round;
      String two = id + "-2-" + round;
      Build holder =
          new Build(step("echo on; sleep 1 # " + two, mount("/a", two, CacheSharing.LOCKED)));
      holder.awaitWords();
      List<Build> builds = new ArrayList<>();
      builds.add(new Build(locking(one, two, "forth " + round)));
      for (int i = 0; i < 3; i++) {
        builds.add(new Build(locking(two, one, "back " + round + " " + i)));
      }
      assertThat(holder.end()).isEmpty();
      for (Build build : builds) {
        assertThat(build.end()).isEmpty();
      }
    }
  }

  private static State locking(String first, String second, String name) {
    return step(
        "echo " + name,
        mount("/a", first, CacheSharing.LOCKED),
        mount("/b", second, CacheSharing.LOCKED));
  }

  @Test
  void whoWaitsCanBeCancelled() throws Exception {
    RunOption locked = mount("/c", id, CacheSharing.LOCKED);
    Build holder = new Build(step("echo on; sleep 1000", locked));
    holder.awaitWords();
    Build waiting = new Build(step("echo waited", locked));
    assertThat(waiting.speaks.await(1, TimeUnit.SECONDS)).isFalse();
    waiting.cancel();
    holder.cancel();
    run(step("echo free", locked));
  }

  @Test
  void aFreshOneBeginsAsItsSourceWithItsOwnerAndMode(@TempDir Path out) throws Exception {
    FileAction.Make owned = new FileAction.Make(FileAction.Owner.of(7, 8), Optional.empty(), false);
    State source =
        Llb.scratch().file(Llb.mkdir("/cache", 0750, owned).mkfile("/cache/f", 0640, "begin"));
    MountOption cache = Llb.asPersistentCacheDir(id, CacheSharing.SHARED);
    for (String expected : new String[] {"begin", "begin\nmore"}) {
      State state =
          step(
              "ls -nd /c > /seen; cat /c/f > /content; echo >> /c/f; echo more >> /c/f # "
                  + expected.length(),
              Llb.addMount("/c", source, cache, Llb.sourcePath("/cache")));
      try (BuildClient client = machine.client()) {
        machine.build(client, state, out);
      }
      assertThat(Files.readString(out.resolve("seen"))).startsWith("drwxr-x---").contains(" 7 ");
      assertThat(Files.readString(out.resolve("content")).strip()).isEqualTo(expected);
    }
    run(
        step(
            "[ \"$(ls /c)\" = \"\" ] # another beginning is another directory",
            mount("/c", id, CacheSharing.SHARED)));
  }

  @Test
  void aSourcePathDoesNotLeaveTheSource(@TempDir Path out) throws Exception {
    State source =
        Llb.scratch()
            .file(
                Llb.mkfile("/inside", 0600, "")
                    .symlink("/", "/absolute")
                    .symlink("../../../../../..", "/relative"));
    for (String path : new String[] {"/absolute", "/relative", "/absolute/relative/../.."}) {
      State state =
          step(
              "ls /c > /seen # " + path,
              Llb.addMount(
                  "/c",
                  source,
                  Llb.asPersistentCacheDir(id, CacheSharing.SHARED),
                  Llb.sourcePath(path)));
      try (BuildClient client = machine.client()) {
        machine.build(client, state, out);
      }
      assertThat(Files.readAllLines(out.resolve("seen"))).contains("inside");
    }
  }

  @Test
  void readOnlyOnesAreNotWritten() throws Exception {
    MountOption cache = Llb.asPersistentCacheDir(id, CacheSharing.SHARED);
    run(step("echo kept > /c/f", mount("/c", id, CacheSharing.SHARED)));
    run(
        step(
            "[ \"$(cat /c/f)\" = kept ]; ! echo > /c/g",
            Llb.addMount("/c", Llb.scratch(), cache, Llb.readonly())));
  }

  @Test
  void oneStepSeesOneDirectoryAtTwoPlaces() throws Exception {
    run(
        step(
            "echo x > /a/f; [ \"$(cat /b/f)\" = x ]",
            mount("/a", id, CacheSharing.LOCKED),
            mount("/b", id, CacheSharing.LOCKED)));
  }

  @Test
  void aSourcePathThatIsNotThereIsNamed() throws Exception {
    Build build =
        new Build(
            step(
                "true",
                Llb.addMount(
                    "/c",
                    Llb.scratch(),
                    Llb.asPersistentCacheDir(id, CacheSharing.SHARED),
                    Llb.sourcePath("/none"))));
    Optional<Exception> failure = build.end();
    assertThatThrownBy(
            () -> {
              throw failure.orElseThrow();
            })
        .hasMessageContaining("failed to mount /none: no such file or directory");
  }
}
