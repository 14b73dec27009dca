package dev.buildd.worker.runc;

import static org.assertj.core.api.Assertions.assertThat;

import dev.buildd.base.json.Json;
import dev.buildd.solver.executor.ProcessSpec.Network;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** What a stock daemon of v0.32.2 writes, as facts. */
final class RuntimeSpecTest {
  private static final RuntimeSpec.Machine V1 =
      new RuntimeSpec.Machine(
          "amd64", new Seccomp.Kernel(6, 1), true, false, List.of("CAP_SYS_ADMIN"), 0);
  private static final RuntimeSpec.Machine V2 =
      new RuntimeSpec.Machine(
          "amd64", new Seccomp.Kernel(6, 1), true, true, List.of("CAP_SYS_ADMIN"), 2);

  private static Map<String, Object> spec(Step step, Network network, RuntimeSpec.Machine machine) {
    return spec(step, network, machine, Optional.empty());
  }

  private static Map<String, Object> spec(
      Step step, Network network, RuntimeSpec.Machine machine, Optional<Path> traceSocket) {
    return Json.parseObject(
        RuntimeSpec.json(
            step.spec(),
            new RuntimeSpec.Container(
                "theid",
                new ContainerUser(1, 2, List.of(2L)),
                Path.of("/s/resolv.conf"),
                Path.of("/s/hosts"),
                network,
                "",
                "buildkit-default",
                traceSocket,
                false),
            machine),
        "config.json");
  }

  private static Step step() {
    return Step.of(Path.of("/step/rootfs"), "/bin/true");
  }

  private static List<String> mounts(Map<String, Object> spec) {
    List<String> out = new ArrayList<>();
    for (Map<String, Object> mount : Json.objects(spec, "mounts")) {
      out.add(
          Json.text(mount, "destination")
              + " "
              + Json.text(mount, "type")
              + " "
              + Json.text(mount, "source")
              + " "
              + String.join(",", Json.texts(mount, "options")));
    }
    return out;
  }

  @Test
  void sandboxedStep() {
    Map<String, Object> spec =
        spec(
            step().bind(Path.of("/m/1"), "/in", true).tmpfs("/t", 10).tmpfs("/dev/shm", 5),
            Network.HOST,
            V1);
    assertThat(Json.object(spec, "process").toString())
        .isEqualTo(
            "{user={uid=1, gid=2, additionalGids=[2]}, args=[/bin/true], env=[PATH=/bin], cwd=/, "
                + "capabilities={bounding=C, effective=C, permitted=C}, "
                    .replace("C", LinuxCapabilities.DEFAULT.toString())
                + "apparmorProfile=buildkit-default}");
    assertThat(spec.get("root")).isEqualTo(Map.of("path", "/step/rootfs"));
    assertThat(spec.get("hostname")).isEqualTo("buildkitsandbox");
    assertThat(mounts(spec))
        .containsExactly(
            "/proc proc proc nosuid,noexec,nodev",
            "/dev tmpfs tmpfs nosuid,strictatime,mode=755,size=65536k",
            "/dev/pts devpts devpts nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5",
            "/dev/shm tmpfs tmpfs nosuid,size=5",
            "/dev/mqueue mqueue mqueue nosuid,noexec,nodev",
            "/sys sysfs sysfs nosuid,noexec,nodev,ro",
            "/etc/resolv.conf bind /s/resolv.conf nosuid,noexec,nodev,rbind,ro",
            "/etc/hosts bind /s/hosts nosuid,noexec,nodev,rbind,ro",
            "/sys/fs/cgroup cgroup cgroup ro,nosuid,noexec,nodev",
            "/in bind /m/1 rbind,ro",
            "/t tmpfs tmpfs nosuid,size=10");
    Map<String, Object> linux = Json.object(spec, "linux");
    assertThat(linux.get("cgroupsPath")).isEqualTo("/buildkit/theid");
    assertThat(String.valueOf(linux.get("resources")))
        .isEqualTo("{devices=[{allow=false, access=rwm}]}");
    assertThat(String.valueOf(linux.get("namespaces")))
        .isEqualTo("[{type=pid}, {type=ipc}, {type=uts}, {type=mount}]");
    assertThat(Json.texts(linux, "maskedPaths")).hasSize(11).contains("/proc/kcore");
    assertThat(Json.texts(linux, "readonlyPaths")).hasSize(5).contains("/proc/sys");
    Map<String, Object> seccomp = Json.object(linux, "seccomp");
    assertThat(seccomp.get("defaultAction")).isEqualTo("SCMP_ACT_ERRNO");
    assertThat(Json.texts(seccomp, "architectures"))
        .containsExactly("SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32");
    // every plain call, ptrace, three socket and five personality rules, arch_prctl, modify_ldt,
    // clone without namespaces, clone3 refused, chroot
    assertThat(Json.objects(seccomp, "syscalls")).hasSize(15);
    assertThat(Json.texts(Json.objects(seccomp, "syscalls").getFirst(), "names"))
        .hasSize(361)
        .doesNotContain(
            "mount", "unshare", "setns", "bpf", "keyctl", "kexec_load", "io_uring_setup");
  }

  private static List<String> environment(Map<String, Object> spec) {
    return Json.texts(Json.object(spec, "process"), "env");
  }

  @Test
  void aStepIsToldWhereItsTraceGoes() {
    Optional<Path> socket = Optional.of(Path.of("/run/t.sock"));
    Map<String, Object> spec = spec(step().traceparent("00-a-b-01"), Network.HOST, V1, socket);
    assertThat(mounts(spec)).endsWith("/dev/otel-grpc.sock bind /run/t.sock ro,rbind");
    assertThat(environment(spec))
        .containsExactly(
            "PATH=/bin",
            "OTEL_TRACES_EXPORTER=otlp",
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=unix:///dev/otel-grpc.sock",
            "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=grpc",
            "TRACEPARENT=00-a-b-01");
    Step own =
        step()
            .env("OTEL_TRACES_EXPORTER=none", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=", "A=b")
            .bind(Path.of("/m/1"), "/dev", false);
    spec = spec(own, Network.HOST, V1, socket);
    assertThat(environment(spec))
        .as("what the step says itself stands")
        .containsExactly(
            "OTEL_TRACES_EXPORTER=none",
            "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=",
            "A=b",
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=unix:///dev/otel-grpc.sock");
    assertThat(mounts(spec).toString())
        .as("nothing is made in a mount of the step's")
        .contains("/dev bind /m/1 rbind,rw")
        .doesNotContain("otel");
    assertThat(spec(step().traceparent("00-a-b-01"), Network.HOST, V1).toString())
        .as("without a socket")
        .doesNotContain("otel", "OTEL", "TRACEPARENT");
  }

  private static String namespaces(Map<String, Object> spec) {
    return String.valueOf(Json.object(spec, "linux").get("namespaces"));
  }

  @Test
  void newNamespacesWithoutHostNetworkAndOnCgroups2() {
    String always = "{type=pid}, {type=ipc}, {type=uts}, {type=mount}";
    assertThat(namespaces(spec(step(), Network.NONE, V1)))
        .isEqualTo("[" + always + ", {type=network}]");
    assertThat(namespaces(spec(step(), Network.HOST, V2)))
        .isEqualTo("[" + always + ", {type=cgroup}]");
    assertThat(namespaces(spec(step(), Network.NONE, V2)))
        .isEqualTo("[" + always + ", {type=network}, {type=cgroup}]");
    assertThat(namespaces(spec(step().insecure(), Network.HOST, V2)))
        .isEqualTo("[" + always + ", {type=cgroup}]");
  }

  /** Stock mounts "cgroup" in both worlds: runc mounts what the machine has. */
  @Test
  void nothingButANamespaceTellsCgroups2FromCgroups1() {
    RuntimeSpec.Machine sameOnV2 =
        new RuntimeSpec.Machine(
            V1.arch(), V1.kernel(), V1.seccomp(), true, V1.capabilities(), V1.freeLoopDevice());
    for (Network network : List.of(Network.HOST, Network.NONE)) {
      for (Step step : List.of(step(), step().insecure(), step().cgroupParent("/own"))) {
        Map<String, Object> v1 = spec(step, network, V1);
        Map<String, Object> v2 = spec(step, network, sameOnV2);
        assertThat(Json.objects(Json.object(v2, "linux"), "namespaces"))
            .contains(Map.of("type", "cgroup"));
        assertThat(withoutNamespaces(v2)).isEqualTo(withoutNamespaces(v1));
      }
    }
  }

  private static Map<String, Object> withoutNamespaces(Map<String, Object> spec) {
    Map<String, Object> linux = new HashMap<>(Json.object(spec, "linux"));
    linux.remove("namespaces");
    Map<String, Object> out = new HashMap<>(spec);
    out.put("linux", linux);
    return out;
  }

  @Test
  void insecureStep() {
    Map<String, Object> spec = spec(step().insecure().readOnlyRoot(), Network.HOST, V2);
    Map<String, Object> linux = Json.object(spec, "linux");
    assertThat(linux).doesNotContainKeys("seccomp", "maskedPaths", "readonlyPaths");
    assertThat(String.valueOf(linux.get("resources")))
        .isEqualTo(
            "{devices=[{allow=true, type=c, access=rwm}, {allow=true, type=b, access=rwm}]}");
    assertThat(Json.objects(linux, "devices")).hasSize(6 + 10);
    assertThat(Json.object(spec, "process")).doesNotContainKey("apparmorProfile");
    Map<String, Object> capabilities = Json.object(Json.object(spec, "process"), "capabilities");
    assertThat(Json.texts(capabilities, "ambient")).containsExactly("CAP_SYS_ADMIN");
    assertThat(Json.texts(capabilities, "bounding")).contains("CAP_SYS_ADMIN", "CAP_CHOWN");
    assertThat(mounts(spec))
        .contains(
            "/sys sysfs sysfs nosuid,noexec,nodev,rw",
            "/sys/fs/cgroup cgroup cgroup rw,nosuid,noexec,nodev");
    assertThat(String.valueOf(spec.get("root"))).contains("readonly=true");
  }

  @Test
  void cgroupParentOfTheStepWins() {
    assertThat(RuntimeSpec.cgroupPath(step().spec(), "def", "x")).isEqualTo("/def/buildkit/x");
    assertThat(RuntimeSpec.cgroupPath(step().cgroupParent("/own").spec(), "def", "x"))
        .isEqualTo("/own/buildkit/x");
    assertThat(RuntimeSpec.cgroupPath(step().cgroupParent("a.slice:b:").spec(), "", "x"))
        .isEqualTo("a.slice:b:x");
  }

  @Test
  void resolvConfIsMadeFitForAContainer() {
    RuncSettings.Dns host = RuncSettings.Dns.OF_HOST;
    List<String> lines =
        List.of("# c", "nameserver 127.0.0.1", "nameserver 10.0.0.1", "search a b", "options x");
    assertThat(NetworkFiles.resolvConf(lines, host, false))
        .isEqualTo("nameserver 10.0.0.1\nsearch a b\noptions x\n");
    assertThat(NetworkFiles.resolvConf(lines, host, true)).contains("127.0.0.1");
    assertThat(NetworkFiles.resolvConf(List.of(), host, true)).contains("8.8.8.8");
    assertThat(
            NetworkFiles.resolvConf(
                lines, new RuncSettings.Dns(List.of("9.9.9.9"), List.of("o"), List.of("s")), false))
        .isEqualTo("nameserver 9.9.9.9\nsearch s\noptions o\n");
  }
}
