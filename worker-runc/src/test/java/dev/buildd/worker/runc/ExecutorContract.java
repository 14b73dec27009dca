package dev.buildd.worker.runc;

import static java.util.Comparator.comparing;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.buildd.base.concurrent.Scope;
import dev.buildd.base.concurrent.Threads;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.linux.Linux;
import dev.buildd.base.linux.Stat;
import dev.buildd.base.metrics.ResourceSample;
import dev.buildd.base.metrics.ResourceUsage;
import dev.buildd.solver.executor.Container;
import dev.buildd.solver.executor.ContainerProcess;
import dev.buildd.solver.executor.Executor;
import dev.buildd.solver.executor.ExitException;
import dev.buildd.solver.executor.ProcessIo;
import dev.buildd.solver.executor.ProcessSpec.Network;
import dev.buildd.solver.executor.ProcessSpec.Resources;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PipedInputStream;
import java.io.PipedOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What every executor does. Cgroups of its containers are below {@code buildd-test}. */
@Tag("root")
@Timeout(60)
abstract class ExecutorContract {
  @TempDir Path dir;
  Path rootfs;
  Executor executor;

  abstract Executor open(Path directory) throws Exception;

  /** An empty directory that is to be a root filesystem. */
  abstract Path newRoot() throws Exception;

  /** Whatever {@link #newRoot} needs. */
  abstract void closeRoot() throws Exception;

  /** What containers have left behind, by its names. */
  abstract List<String> left() throws Exception;

  @BeforeEach
  void setUp() throws Exception {
    rootfs = newRoot();
    Linux.chmod(rootfs, 0755);
    Files.createDirectories(rootfs.resolve("bin"));
    Files.copy(Path.of("/bin/busybox"), rootfs.resolve("bin/busybox"));
    for (String name :
        List.of(
            "sh",
            "cat",
            "id",
            "touch",
            "ls",
            "sleep",
            "mount",
            "hostname",
            "unshare",
            "dd",
            "grep",
            "mkdir",
            "ln",
            "rm",
            "true",
            "pwd",
            "env",
            "df",
            "stat",
            "mknod",
            "ip",
            "rmdir",
            "echo",
            "chmod",
            "readlink",
            "stty",
            "kill",
            "tty")) {
      Linux.symlink("busybox", rootfs.resolve("bin").resolve(name));
    }
    executor = open(dir.resolve("executor"));
  }

  @AfterEach
  void nothingIsLeft() throws Exception {
    assertThat(left()).isEmpty();
  }

  @AfterEach
  void unmount() throws Exception {
    closeRoot();
  }

  static List<String> list(Path directory) throws IOException {
    if (!Files.isDirectory(directory)) {
      return List.of();
    }
    try (Stream<Path> entries = Files.list(directory)) {
      return entries.map(path -> String.valueOf(path.getFileName())).sorted().toList();
    }
  }

  Step shell(String script) {
    return Step.shell(rootfs, script).cgroupParent("buildd-test");
  }

  String out(Step step) throws Exception {
    Step.Outcome outcome = step.run(executor);
    assertThat(outcome.code()).as(outcome.err()).isZero();
    return outcome.out();
  }

  void put(String path, String text) throws IOException {
    Path file = rootfs.resolve(path);
    Files.createDirectories(file.getParent());
    Files.writeString(file, text);
  }

  @Test
  void exitCodeAndBothStreamsComeBack() throws Exception {
    Step.Outcome outcome = shell("echo out; echo err >&2; exit 42").run(executor);
    assertThat(outcome).isEqualTo(new Step.Outcome(42, "out\n", "err\n"));
  }

  @Test
  void deathBySignalIs128PlusItsNumber() throws Exception {
    assertThat(shell("sh -c 'kill -TERM $$; sleep 5'; exit $?").run(executor).code())
        .isEqualTo(143);
  }

  @Test
  void standardInputIsEmpty() throws Exception {
    assertThat(out(shell("cat; echo end"))).isEqualTo("end\n");
  }

  @Test
  void laterVariableReplacesEarlierOne() throws Exception {
    assertThat(out(shell("echo $A-$B-$C").env("PATH=/bin", "A=1", "B=x=y", "A=2", "C")))
        .isEqualTo("2-x=y-\n");
  }

  @Test
  void usersAndGroupsAreLookedUp() throws Exception {
    put("etc/passwd", "root:x:0:0:r:/:/bin/sh\nann:x:1001:1002::/:/bin/sh\nbad\n");
    put("etc/group", "root:x:0:\nstaff:x:50:ann,bob\nwheel:x:60:bob\nown:x:1002:\n");
    assertThat(out(shell("id -u; id -g; id -G").user("ann"))).isEqualTo("1001\n1002\n1002 50\n");
    assertThat(out(shell("id -u; id -g; id -G").user("1001"))).isEqualTo("1001\n1002\n1002 50\n");
    assertThat(out(shell("id -u; id -g; id -G").user("ann:wheel"))).isEqualTo("1001\n60\n60\n");
    assertThat(out(shell("id -u; id -g").user("7:8"))).isEqualTo("7\n8\n");
    assertThat(out(shell("id -u; id -g").user("77"))).isEqualTo("77\n0\n");
    assertThatThrownBy(() -> shell("true").user("nobody").run(executor))
        .hasMessage("unable to find user nobody: no matching entries in passwd file");
    assertThatThrownBy(() -> shell("true").user("ann:nogroup").run(executor))
        .hasMessage("unable to find group nogroup: no matching entries in group file");
    assertThatThrownBy(() -> shell("true").user("4294967295:0").run(executor))
        .isInstanceOf(BuildException.class);
  }

  @Test
  void passwdThatIsNoFileIsNotRead() throws Exception {
    Files.createDirectories(rootfs.resolve("etc"));
    Linux.mknod(
        rootfs.resolve("etc/passwd"),
        Stat.S_IFCHR | 0644,
        Linux.lstat(Path.of("/dev/zero")).rdev());
    assertThatThrownBy(() -> shell("id -u").user("ann").run(executor))
        .hasMessageContaining("not a regular file");
    Files.delete(rootfs.resolve("etc/passwd"));
    Linux.mkfifo(rootfs.resolve("etc/passwd"), 0644);
    assertThatThrownBy(() -> shell("id -u").run(executor))
        .hasMessageContaining("not a regular file");
  }

  @Test
  void readOnlyRootCannotBeWritten() throws Exception {
    assertThat(shell("touch /x").readOnlyRoot().run(executor).err())
        .contains("Read-only file system");
  }

  @Test
  void bindsAreWritableOrNot() throws Exception {
    Path data = Files.createDirectories(dir.resolve("data"));
    out(shell("touch /data/made").bind(data, "/data", false));
    assertThat(data.resolve("made")).exists();
    assertThat(shell("touch /data/more").bind(data, "/data", true).run(executor).code())
        .isNotZero();
    assertThat(data.resolve("more")).doesNotExist();
  }

  @Test
  void tmpfsKeepsToItsSize() throws Exception {
    Step.Outcome outcome =
        shell("dd if=/dev/zero of=/t/f bs=1k count=200").tmpfs("/t", 65536).run(executor);
    assertThat(outcome.err()).contains("No space left");
  }

  @Test
  void hostsNamesTheHostAndTheExtraOnes() throws Exception {
    assertThat(out(shell("cat /etc/hosts; hostname").hostname("box").host("other", "10.1.2.3")))
        .isEqualTo(
            """
            127.0.0.1\tlocalhost box
            ::1\tlocalhost ip6-localhost ip6-loopback
            10.1.2.3\tother
            box
            """);
    assertThat(out(shell("hostname"))).isEqualTo("buildkitsandbox\n");
    assertThat(out(shell("touch /etc/hosts 2>/dev/null || echo ro"))).isEqualTo("ro\n");
  }

  @Test
  void networkNoneHasOnlyLoopback() throws Exception {
    String none = out(shell("ls /sys/class/net").network(Network.NONE));
    assertThat(none.lines()).contains("lo").noneMatch(name -> name.startsWith("eth"));
    String ours = Files.readSymbolicLink(Path.of("/proc/self/ns/net")).toString();
    assertThat(out(shell("readlink /proc/self/ns/net").network(Network.HOST)).trim())
        .isEqualTo(ours);
    assertThat(out(shell("readlink /proc/self/ns/net")).trim()).isEqualTo(ours);
    assertThat(out(shell("readlink /proc/self/ns/net").network(Network.NONE)).trim())
        .isNotEqualTo(ours);
  }

  @Test
  void ulimitsHold() throws Exception {
    assertThat(out(shell("ulimit -n; ulimit -Hn").ulimit("nofile", 100, 200)))
        .isEqualTo("100\n200\n");
  }

  @Test
  void sandboxHasTheDefaultCapabilitiesAndNoMore() throws Exception {
    assertThat(out(shell("grep -E 'Cap(Inh|Prm|Eff|Bnd|Amb)' /proc/self/status")))
        .contains("CapInh:\t0000000000000000")
        .contains("CapPrm:\t00000000a80425fb")
        .contains("CapEff:\t00000000a80425fb")
        .contains("CapBnd:\t00000000a80425fb")
        .contains("CapAmb:\t0000000000000000");
  }

  @Test
  void seccompBlocksNewNamespacesUnlessInsecure() throws Exception {
    assertThat(out(shell("grep '^Seccomp:' /proc/self/status"))).isEqualTo("Seccomp:\t2\n");
    assertThat(shell("unshare -U true").run(executor).err()).contains("not permitted");
    assertThat(out(shell("grep '^Seccomp:' /proc/self/status").insecure()))
        .isEqualTo("Seccomp:\t0\n");
    assertThat(out(shell("unshare -m true && echo done").insecure())).isEqualTo("done\n");
  }

  @Test
  void kernelFilesAreMaskedUnlessInsecure() throws Exception {
    assertThat(shell("echo 1 > /proc/sys/kernel/printk").run(executor).err()).contains("Read-only");
    assertThat(out(shell("cat /proc/keys"))).isEmpty();
    assertThat(out(shell("ls /dev/loop0 /dev/fuse").insecure())).isNotEmpty();
    assertThat(out(shell("grep ' /sys sysfs' /proc/mounts"))).contains(" ro,");
    assertThat(out(shell("grep ' /sys sysfs' /proc/mounts").insecure())).contains(" rw,");
  }

  @Test
  void memoryLimitHolds() throws Exception {
    Resources limits = new Resources(16 << 20, 0, 0, 0, 0, "", "");
    Path v1 = Path.of("/sys/fs/cgroup/memory");
    String file =
        Files.exists(v1)
            ? "/sys/fs/cgroup/memory/memory.limit_in_bytes"
            : "/sys/fs/cgroup/memory.max";
    assertThat(out(shell("cat " + file).resources(limits))).isEqualTo((16 << 20) + "\n");
  }

  @Test
  void whatAProcessTookIsTold() throws Exception {
    ProcessIo io = new ProcessIo(OutputStream.nullOutputStream(), OutputStream.nullOutputStream());
    List<ResourceUsage> used = new ArrayList<>();
    String busy = "i=0; while [ $i -lt 100000 ]; do i=$((i + 1)); done";
    executor.run(shell(busy).spec(), io, used::add);
    executor.run(shell("true").spec(), io, used::add);
    assertThat(used.getFirst().peakMemory().orElseThrow()).isGreaterThan(500_000);
    assertThat(used.getFirst().cpu().orElseThrow())
        .isGreaterThan(used.getLast().cpu().orElseThrow());
  }

  @Test
  void whatAProcessHasIsLookedAtWhileItRuns() throws Exception {
    ProcessIo io = new ProcessIo(OutputStream.nullOutputStream(), OutputStream.nullOutputStream());
    List<ResourceUsage> used = new ArrayList<>();
    String idleThenBusy = "sleep 3; i=0; while [ $i -lt 100000 ]; do i=$((i + 1)); done; sleep 3";
    executor.run(shell(idleThenBusy).spec(), io, used::add);
    List<ResourceSample> samples = used.getFirst().samples();
    assertThat(samples)
        .hasSizeGreaterThanOrEqualTo(2)
        .isSortedAccordingTo(comparing(ResourceSample::at));
    ResourceSample first = samples.getFirst();
    ResourceSample last = samples.getLast();
    assertThat(first.memory().orElseThrow()).isPositive();
    assertThat(first.processes().orElseThrow()).as("the shell and its sleep").isGreaterThan(1);
    assertThat(last.cpu().orElseThrow()).isGreaterThan(first.cpu().orElseThrow());
    assertThat(last.cpu().orElseThrow()).isLessThanOrEqualTo(used.getFirst().cpu().orElseThrow());
    executor.run(shell("true").spec(), io, used::add);
    assertThat(used.getLast().samples()).isEmpty();
  }

  @Test
  void lackOfMemoryIsTold() throws Exception {
    Resources limits = new Resources(16 << 20, 0, 0, 0, 0, "", "");
    ProcessIo io = new ProcessIo(OutputStream.nullOutputStream(), OutputStream.nullOutputStream());
    assertThatThrownBy(() -> executor.run(shell("tail /dev/zero").resources(limits).spec(), io))
        .isInstanceOfSatisfying(ExitException.class, e -> assertThat(e.code()).isEqualTo(137))
        .hasMessageStartingWith("cannot allocate memory")
        .hasMessageContaining("exit code: 137");
    assertThatThrownBy(
            () -> executor.run(shell("sh -c 'kill -9 $$'; exit $?").resources(limits).spec(), io))
        .hasMessage("exit code: 137");
    nothingIsLeft();
  }

  @Test
  void stubsAreRemovedUnlessChanged() throws Exception {
    Path data = Files.createDirectories(dir.resolve("data"));
    Path file = Files.writeString(dir.resolve("file"), "x");
    out(
        shell("true")
            .bind(data, "/a/b/dir", false)
            .bind(file, "/c/file", true)
            .tmpfs("/run/t", 0)
            .recursiveStubs());
    assertThat(list(rootfs)).containsExactly("bin", "dev", "proc", "sys");
    out(shell("true").bind(data, "/a/b/dir", false));
    assertThat(rootfs.resolve("a/b")).isEmptyDirectory();
    assertThat(rootfs.resolve("etc")).isEmptyDirectory();
    // a stub below a mount is the mount's, and one that was there stays
    put("kept", "");
    out(shell("true").bind(file, "/kept", true));
    assertThat(rootfs.resolve("kept")).exists();
  }

  @Test
  void removedStubsLeaveTheTimeThatTheStepGave() throws Exception {
    out(shell("mkdir -p /d && touch -d '2001-02-03 04:05:06' /d").tmpfs("/d/tmp", 0));
    assertThat(rootfs.resolve("d")).isEmptyDirectory();
    assertThat(Linux.lstat(rootfs.resolve("d")).mtimeNanos() / 1_000_000_000L)
        .isEqualTo(981173106L);
  }

  @Test
  void stubRemovalFollowsNoLinkOutOfTheRoot() throws Exception {
    Path outside = dir.resolve("outside");
    Path victim = Files.createDirectories(outside.resolve("sub"));
    Files.createDirectories(rootfs.resolve("p"));
    // as a step would that swaps the directory above its mount point for a link
    MountStubs stubs = MountStubs.note(rootfs, List.of("/p/sub"), false);
    Files.delete(rootfs.resolve("p"));
    Linux.symlink(outside.toString(), rootfs.resolve("p"));
    stubs.remove();
    assertThat(victim).exists();
  }

  @Test
  void workingDirectoryIsMadeAndOwned() throws Exception {
    assertThat(out(shell("pwd; stat -c %u:%g:%a /x/y").cwd("/x/y").user("5:6")))
        .isEqualTo("/x/y\n5:6:755\n");
    assertThat(Linux.lstat(rootfs.resolve("x")).uid()).isEqualTo(5);
  }

  @Test
  void workingDirectoryStaysBelowTheRoot() throws Exception {
    Path outside = Files.createDirectories(dir.resolve("outside"));
    Linux.symlink(outside.toString(), rootfs.resolve("esc"));
    shell("true").cwd("/esc/made").run(executor);
    assertThat(list(outside)).isEmpty();
    Linux.symlink("../../../../..", rootfs.resolve("up"));
    out(shell("true").cwd("/up/made-above"));
    assertThat(rootfs.resolve("made-above")).isDirectory();
    assertThat(Path.of("/made-above")).doesNotExist();
  }

  @Test
  void workingDirectoryIsNeverADescriptor() throws Exception {
    Linux.symlink("/proc/self/fd", rootfs.resolve("fds"));
    for (String cwd : List.of("/proc/self/fd/7", "/fds/7", "/proc/1/fd")) {
      assertThatThrownBy(() -> shell("true").cwd(cwd).run(executor))
          .hasMessageContaining("invalid working directory");
    }
  }

  @Test
  void workingDirectoryThatIsAFileFails() throws Exception {
    put("plain", "x");
    assertThatThrownBy(() -> shell("true").cwd("/plain/sub").run(executor))
        .hasMessageContaining("not a directory");
  }

  @Test
  void interruptKillsGrandchildrenWithinASecond() throws Exception {
    CountDownLatch ready = new CountDownLatch(1);
    OutputStream watch =
        new OutputStream() {
          @Override
          public void write(int b) {
            ready.countDown();
          }
        };
    AtomicReference<Throwable> failure = new AtomicReference<>(new AssertionError("none"));
    Thread thread =
        Threads.start(
            "step",
            () -> {
              try {
                executor.run(
                    shell("(trap '' TERM; sleep 987) & (sleep 987 & sleep 987) & echo up; wait")
                        .spec(),
                    new ProcessIo(watch, OutputStream.nullOutputStream()));
              } catch (Exception e) {
                failure.set(e);
              }
            });
    assertThat(ready.await(20, TimeUnit.SECONDS)).isTrue();
    long start = System.nanoTime();
    thread.interrupt();
    thread.join();
    assertThat(TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - start)).isLessThan(1000);
    assertThat(failure.get()).isInstanceOf(InterruptedException.class);
    assertThat(processes("sleep\000987")).isEmpty();
  }

  @Test
  void interruptAtAnyMomentLeavesNothing() throws Exception {
    for (int delay = 0; delay < 120; delay += 15) {
      Thread thread =
          Threads.start(
              "step",
              () -> {
                try {
                  shell("sleep 986").run(executor);
                } catch (Exception e) {
                  // the interrupt
                }
              });
      Thread.sleep(delay);
      thread.interrupt();
      thread.join();
      nothingIsLeft();
      assertThat(processes("sleep\000986")).isEmpty();
    }
  }

  // --- containers that live on ---

  /** What a process writes, for a test that waits for some of it. */
  private static final class Output extends ByteArrayOutputStream {
    @Override
    public synchronized void write(byte[] bytes, int offset, int length) {
      super.write(bytes, offset, length);
      notifyAll();
    }

    synchronized String text() {
      return toString(StandardCharsets.UTF_8);
    }

    synchronized void await(String wanted) throws InterruptedException {
      long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
      while (!text().contains(wanted)) {
        long left = TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime());
        assertThat(left).as("\"%s\" comes, after \"%s\"", wanted, text()).isPositive();
        wait(left);
      }
    }
  }

  private static ProcessIo to(Output out) {
    return new ProcessIo(out, out);
  }

  private static Container.Joining joining(String script) {
    return new Container.Joining(
        List.of("/bin/sh", "-c", script), List.of("PATH=/bin", "E=joined"), "/", "");
  }

  private Container startIdle() throws Exception {
    return executor.start(shell("echo first; sleep 984").spec(), to(new Output()));
  }

  @Test
  void aProcessReadsItsInputToTheEnd() throws Exception {
    byte[] much = new byte[300_000];
    Arrays.fill(much, (byte) 'x');
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    executor.run(
        shell("cat; echo end").spec(),
        new ProcessIo(new ByteArrayInputStream(much), out, OutputStream.nullOutputStream(), false));
    assertThat(out.toString(StandardCharsets.UTF_8)).hasSize(300_004).endsWith("xend\n");
  }

  @Test
  void inputThatNeverEndsDoesNotKeepAProcess() throws Exception {
    PipedOutputStream open = new PipedOutputStream();
    Output out = new Output();
    executor.run(
        shell("echo done").spec(), new ProcessIo(new PipedInputStream(open), out, out, false));
    assertThat(out.text()).isEqualTo("done\n");
  }

  @Test
  void furtherProcessesJoinTheContainer() throws Exception {
    Output out = new Output();
    try (Container container = startIdle()) {
      Output more = new Output();
      ContainerProcess writer = container.exec(joining("echo $E > /shared; echo $$"), to(out));
      assertThat(writer.await()).isZero();
      ContainerProcess reader = container.exec(joining("cat /shared; exit 3"), to(more));
      assertThat(reader.await()).isEqualTo(3);
      assertThat(more.text()).isEqualTo("joined\n");
      assertThat(container.exec(joining("cat /proc/1/cmdline"), to(more)).await()).isZero();
      assertThat(more.text()).contains("984");
    }
    assertThat(out.text()).isNotEqualTo("1\n");
    assertThat(processes("sleep\000984")).isEmpty();
  }

  @Test
  void aJoiningProcessReadsAndIsConfinedAsTheContainer() throws Exception {
    try (Container container = startIdle()) {
      Output out = new Output();
      ContainerProcess process =
          container.exec(
              new Container.Joining(
                  List.of("/bin/sh", "-c", "cat; id -u; grep CapBnd /proc/self/status"),
                  List.of("PATH=/bin"),
                  "/bin",
                  "7:8"),
              new ProcessIo(
                  new ByteArrayInputStream("given\n".getBytes(StandardCharsets.UTF_8)),
                  out,
                  out,
                  false));
      assertThat(process.await()).isZero();
      assertThat(out.text()).isEqualTo("given\n7\nCapBnd:\t00000000a80425fb\n");
      assertThatThrownBy(() ->
              container.exec(
                  new Container.Joining(List.of("/bin/true"), List.of(), "/proc/self/fd/7", ""),
                  to(out)))
          .hasMessageContaining("invalid working directory");
    }
  }

  @Test
  void withTheFirstProcessAllOthersEnd() throws Exception {
    Output out = new Output();
    Output first = new Output();
    PipedOutputStream input = new PipedOutputStream();
    try (Container container =
        executor.start(
            shell("echo up; read line; exit 7").spec(),
            new ProcessIo(new PipedInputStream(input), first, first, false))) {
      ContainerProcess other = container.exec(joining("echo up; sleep 983"), to(out));
      out.await("up");
      input.write("go\n".getBytes(StandardCharsets.UTF_8));
      input.flush();
      assertThat(container.first().await()).isEqualTo(7);
      assertThat(other.await()).isEqualTo(137);
      assertThatThrownBy(() -> container.exec(joining("true"), to(out)))
          .isInstanceOf(BuildException.class)
          .hasMessageContaining("is not running");
    }
  }

  @Test
  void signalsReachTheProcessTheyAreFor() throws Exception {
    try (Container container = startIdle()) {
      Output out = new Output();
      ContainerProcess trapping =
          container.exec(
              joining("trap 'echo hup; exit 9' HUP; echo up; while true; do sleep 0.1; done"),
              to(out));
      ContainerProcess plain = container.exec(joining("sleep 982"), to(out));
      out.await("up");
      trapping.signal(1);
      assertThat(trapping.await()).isEqualTo(9);
      assertThat(out.text()).contains("hup");
      plain.signal(15);
      assertThat(plain.await()).isEqualTo(143);
      plain.signal(15); // it has ended: nothing
      container.first().signal(9);
      assertThat(container.first().await()).isEqualTo(137);
    }
  }

  @Test
  void aTerminalHasTheSizeThatItIsGiven() throws Exception {
    Output out = new Output();
    PipedOutputStream input = new PipedOutputStream();
    try (Container container =
        executor.start(
            shell("tty; trap 'stty size' WINCH; echo up; while ! read l; do :; done; echo got $l")
                .spec(),
            new ProcessIo(
                new PipedInputStream(input), out, OutputStream.nullOutputStream(), true))) {
      out.await("up\n");
      assertThat(out.text()).contains("/dev/pts/0");
      container.first().resize(new Linux.WindowSize(33, 101));
      out.await("33 101\n");
      input.write("word\r".getBytes(StandardCharsets.UTF_8));
      input.flush();
      assertThat(container.first().await()).isZero();
      assertThat(out.text()).contains("got word\n");
      container.first().resize(new Linux.WindowSize(1, 1)); // it has ended: nothing
    }
  }

  @Test
  void aJoiningProcessMayHaveATerminalOfItsOwn() throws Exception {
    try (Container container = startIdle()) {
      Output out = new Output();
      PipedOutputStream input = new PipedOutputStream();
      ContainerProcess process =
          container.exec(
              joining(
                  "until test -n \"$s\"; do s=$(stty size 2>&-); done; echo $s; read l; exit 5"),
              new ProcessIo(new PipedInputStream(input), out, out, true));
      process.resize(new Linux.WindowSize(10, 20));
      input.write("go\r".getBytes(StandardCharsets.UTF_8));
      input.flush();
      assertThat(process.await()).isEqualTo(5);
      assertThat(out.text()).contains("10 20\n");
    }
  }

  @Test
  void closingKillsAllThatRuns() throws Exception {
    Output out = new Output();
    Container container = startIdle();
    ContainerProcess stubborn =
        container.exec(joining("trap '' TERM HUP INT; echo up; sleep 981; sleep 981"), to(out));
    out.await("up");
    container.close();
    container.close();
    assertThat(stubborn.await()).isEqualTo(137);
    assertThat(container.first().await()).isEqualTo(137);
    assertThat(processes("sleep\000981")).isEmpty();
    assertThatThrownBy(() -> container.exec(joining("true"), to(out)))
        .hasMessageContaining("is not running");
    nothingIsLeft();
  }

  @Test
  void closingAtAnyMomentLeavesNothing() throws Exception {
    for (int delay = 0; delay < 120; delay += 15) {
      Container container = executor.start(shell("sleep 980").spec(), to(new Output()));
      Thread joins =
          Threads.start(
              "joins",
              () -> {
                try {
                  container.exec(joining("sleep 979"), to(new Output())).await();
                } catch (Exception e) {
                  // it came too late
                }
              });
      Thread.sleep(delay);
      container.close();
      joins.join();
      nothingIsLeft();
      assertThat(processes("sleep\000980")).isEmpty();
      assertThat(processes("sleep\000979")).isEmpty();
    }
  }

  static List<String> processes(String commandPart) throws IOException {
    List<String> out = new ArrayList<>();
    try (Stream<Path> entries = Files.list(Path.of("/proc"))) {
      for (Path entry : entries.toList()) {
        try {
          String command =
              new String(Files.readAllBytes(entry.resolve("cmdline")), StandardCharsets.UTF_8);
          if (command.contains(commandPart)) {
            out.add(entry.toString());
          }
        } catch (IOException e) {
          // not a process, or one that has ended
        }
      }
    }
    return out;
  }

  @Test
  void twentyAtOnceLeaveNothing() throws Exception {
    // they share a root filesystem here, so none may take another's mount points away
    put("etc/resolv.conf", "kept");
    put("etc/hosts", "kept");
    try (Scope scope = Scope.open("twenty")) {
      for (int i = 0; i < 20; i++) {
        int number = i;
        scope.fork(
            "step " + i, () -> assertThat(out(shell("echo " + number))).isEqualTo(number + "\n"));
      }
      scope.join();
    }
  }
}
