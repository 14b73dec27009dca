package dev.buildd.worker.runc;

import dev.buildd.base.content.Platform;
import dev.buildd.base.json.Json;
import dev.buildd.base.linux.Linux;
import dev.buildd.base.linux.RootedPath;
import dev.buildd.solver.executor.ProcessMount;
import dev.buildd.solver.executor.ProcessSpec;
import dev.buildd.solver.executor.ProcessSpec.Network;
import dev.buildd.solver.executor.ProcessSpec.Resources;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.Set;

/**
 * The {@code config.json} of a container (OCI runtime-spec), with the values that BuildKit's OCI
 * worker gives.
 */
final class RuntimeSpec {
  static final String DEFAULT_HOSTNAME = "buildkitsandbox";

  private static final String OCI_VERSION = "1.3.0";
  private static final int SPARE_LOOP_DEVICES = 7;
  private static final String TRACE_SOCKET = "/dev/otel-grpc.sock";
  private static final List<String> TRACE_VARIABLES =
      List.of(
          "OTEL_TRACES_EXPORTER=otlp",
          "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=unix://" + TRACE_SOCKET,
          "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=grpc");

  /**
   * What the executor adds to the process's own description.
   *
   * @param traceSocket of the machine, where the process may send spans to
   * @param terminal whether the first process has one
   */
  record Container(
      String id,
      ContainerUser user,
      Path resolvConf,
      Path hosts,
      Network network,
      String cgroupParent,
      String apparmorProfile,
      Optional<Path> traceSocket,
      boolean terminal) {}

  /** What the machine offers. */
  record Machine(
      String arch,
      Seccomp.Kernel kernel,
      boolean seccomp,
      boolean cgroupNamespaces,
      List<String> capabilities,
      int freeLoopDevice) {

    static Machine detect() throws IOException {
      return new Machine(
          Platform.host().architecture(),
          Seccomp.Kernel.running(),
          Seccomp.isSupported(),
          // with cgroups v1 a cgroup namespace fails where the hierarchy is not the usual one
          // (moby/buildkit#4108)
          Linux.exists(Path.of("/proc/self/ns/cgroup"))
              && Linux.exists(Path.of("/sys/fs/cgroup/cgroup.subtree_control")),
          LinuxCapabilities.available(),
          firstFreeLoopDevice());
    }

    private static int firstFreeLoopDevice() throws IOException {
      int number = 0;
      while (Linux.exists(Path.of("/sys/block/loop" + number + "/loop/backing_file"))) {
        number++;
      }
      return number;
    }
  }

  private final ProcessSpec process;
  private final Container container;
  private final Machine machine;
  private final boolean insecure;

  private RuntimeSpec(ProcessSpec process, Container container, Machine machine) {
    this.process = process;
    this.container = container;
    this.machine = machine;
    this.insecure =
        switch (process.security()) {
          case SANDBOX -> false;
          case INSECURE -> true;
        };
  }

  static byte[] json(ProcessSpec process, Container container, Machine machine) {
    return Json.bytes(new RuntimeSpec(process, container, machine).build());
  }

  /**
   * The {@code process.json} of a process that joins a container: what it is allowed is what the
   * container's first process is.
   *
   * @param container with the joining process's user and terminal
   */
  static byte[] json(
      dev.buildd.solver.executor.Container.Joining joining,
      ProcessSpec first,
      Container container,
      Machine machine) {
    return Json.bytes(
        new RuntimeSpec(first, container, machine)
            .process(joining.args(), joining.env(), joining.cwd()));
  }

  /** Below the mount point of each cgroup hierarchy. */
  static String cgroupPath(ProcessSpec process, String defaultParent, String id) {
    String parent = process.cgroupParent().isEmpty() ? defaultParent : process.cgroupParent();
    if (parent.contains(".slice") && parent.endsWith(":")) {
      return parent + id; // systemd's form: slice:prefix:name
    }
    return RootedPath.clean(parent + "/buildkit/" + id);
  }

  private Map<String, Object> build() {
    Map<String, Object> out = new LinkedHashMap<>();
    out.put("ociVersion", OCI_VERSION);
    out.put("process", process(process.args(), environment(), process.cwd()));
    Map<String, Object> root = new LinkedHashMap<>();
    root.put("path", process.root().toString());
    if (process.readOnlyRoot()) {
      root.put("readonly", true);
    }
    out.put("root", root);
    out.put("hostname", process.hostname().isEmpty() ? DEFAULT_HOSTNAME : process.hostname());
    out.put("mounts", mounts());
    out.put("linux", linux());
    return out;
  }

  /** The process's own, with what tells it where spans go unless it says so itself. */
  private List<String> environment() {
    if (container.traceSocket().isEmpty()) {
      return process.env();
    }
    List<String> out = new ArrayList<>(process.env());
    for (String variable : TRACE_VARIABLES) {
      String name = variable.substring(0, variable.indexOf('=') + 1);
      if (out.stream().noneMatch(entry -> entry.startsWith(name))) {
        out.add(variable);
      }
    }
    process.traceparent().ifPresent(value -> out.add("TRACEPARENT=" + value));
    return out;
  }

  private Map<String, Object> process(List<String> args, List<String> env, String cwd) {
    Map<String, Object> out = new LinkedHashMap<>();
    if (container.terminal()) {
      out.put("terminal", true);
    }
    Map<String, Object> user = new LinkedHashMap<>();
    user.put("uid", container.user().uid());
    user.put("gid", container.user().gid());
    user.put("additionalGids", container.user().additionalGids());
    out.put("user", user);
    out.put("args", args);
    // an entry without a value sets nothing; of two with the same name the runtime takes the later
    out.put("env", env.stream().filter(entry -> entry.contains("=")).toList());
    out.put("cwd", cwd);
    out.put("capabilities", capabilities());
    if (!process.ulimits().isEmpty()) {
      out.put("rlimits", process.ulimits().stream().map(RuntimeSpec::rlimit).toList());
    }
    if (!insecure && !container.apparmorProfile().isEmpty()) {
      out.put("apparmorProfile", container.apparmorProfile());
    }
    return out;
  }

  private Map<String, Object> capabilities() {
    Map<String, Object> out = new LinkedHashMap<>();
    List<String> all = List.copyOf(grantedCapabilities());
    out.put("bounding", all);
    out.put("effective", all);
    if (insecure) {
      out.put("inheritable", machine.capabilities());
    }
    out.put("permitted", all);
    if (insecure) {
      out.put("ambient", machine.capabilities());
    }
    return out;
  }

  private Set<String> grantedCapabilities() {
    Set<String> all = new LinkedHashSet<>(LinuxCapabilities.DEFAULT);
    if (insecure) {
      all.addAll(machine.capabilities());
    }
    return all;
  }

  private static Map<String, Object> rlimit(ProcessSpec.Ulimit limit) {
    Map<String, Object> out = new LinkedHashMap<>();
    out.put("type", "RLIMIT_" + limit.name().toUpperCase(Locale.ROOT));
    out.put("hard", unsigned(limit.hard()));
    out.put("soft", unsigned(limit.soft()));
    return out;
  }

  // -1 is RLIM_INFINITY
  private static BigInteger unsigned(long value) {
    return new BigInteger(Long.toUnsignedString(value));
  }

  private List<Map<String, Object>> mounts() {
    String sysMode = insecure ? "rw" : "ro";
    SequencedMap<String, Map<String, Object>> out = new LinkedHashMap<>();
    add(out, "/proc", "proc", "proc", "nosuid", "noexec", "nodev");
    add(out, "/dev", "tmpfs", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k");
    add(
        out,
        "/dev/pts",
        "devpts",
        "devpts",
        "nosuid",
        "noexec",
        "newinstance",
        "ptmxmode=0666",
        "mode=0620",
        "gid=5");
    add(out, "/dev/shm", "tmpfs", "shm", "nosuid", "noexec", "nodev", "mode=1777", "size=65536k");
    add(out, "/dev/mqueue", "mqueue", "mqueue", "nosuid", "noexec", "nodev");
    add(out, "/sys", "sysfs", "sysfs", "nosuid", "noexec", "nodev", sysMode);
    addFile(out, "/etc/resolv.conf", container.resolvConf());
    addFile(out, "/etc/hosts", container.hosts());
    add(out, "/sys/fs/cgroup", "cgroup", "cgroup", sysMode, "nosuid", "noexec", "nodev");
    for (ProcessMount mount : process.mounts()) {
      switch (mount) {
        case ProcessMount.Bind(Path source, String at, boolean readOnly) ->
            add(out, at, "bind", source.toString(), "rbind", readOnly ? "ro" : "rw");
        case ProcessMount.Secret(Path source, String at, boolean executable) ->
            add(
                out,
                at,
                "bind",
                source.toString(),
                "nosuid",
                "nodev",
                executable ? "exec" : "noexec",
                "rbind",
                "ro");
        case ProcessMount.Tmpfs(String at, long size) -> {
          if (size > 0) {
            add(out, at, "tmpfs", "tmpfs", "nosuid", "size=" + size);
          } else {
            add(out, at, "tmpfs", "tmpfs", "nosuid");
          }
        }
      }
    }
    if (process.mounts().stream().noneMatch(mount -> mount.destination().equals("/dev"))) {
      container
          .traceSocket()
          .ifPresent(socket -> add(out, TRACE_SOCKET, "bind", socket.toString(), "ro", "rbind"));
    }
    return List.copyOf(out.values());
  }

  private static void addFile(
      SequencedMap<String, Map<String, Object>> to, String destination, Path source) {
    add(to, destination, "bind", source.toString(), "nosuid", "noexec", "nodev", "rbind", "ro");
  }

  /** A later mount at the same place stands where the earlier one stood. */
  private static void add(
      SequencedMap<String, Map<String, Object>> to,
      String destination,
      String type,
      String source,
      String... options) {
    Map<String, Object> mount = new LinkedHashMap<>();
    mount.put("destination", destination);
    mount.put("type", type);
    mount.put("source", source);
    mount.put("options", List.of(options));
    to.put(destination, mount);
  }

  private Map<String, Object> linux() {
    Map<String, Object> out = new LinkedHashMap<>();
    out.put("resources", resources());
    out.put("cgroupsPath", cgroupPath(process, container.cgroupParent(), container.id()));
    out.put("namespaces", namespaces());
    if (insecure) {
      out.put("devices", devices());
      return out;
    }
    if (machine.seccomp()) {
      out.put("seccomp", Seccomp.profile(machine.arch(), grantedCapabilities(), machine.kernel()));
    }
    out.put(
        "maskedPaths",
        List.of(
            "/proc/acpi",
            "/proc/asound",
            "/proc/kcore",
            "/proc/keys",
            "/proc/latency_stats",
            "/proc/timer_list",
            "/proc/timer_stats",
            "/proc/sched_debug",
            "/sys/firmware",
            "/sys/devices/virtual/powercap",
            "/proc/scsi"));
    out.put(
        "readonlyPaths",
        List.of("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"));
    return out;
  }

  private List<Map<String, Object>> namespaces() {
    List<String> types = new ArrayList<>(List.of("pid", "ipc", "uts", "mount"));
    switch (container.network()) {
      case HOST -> {}
      case NONE -> types.add("network");
      case DEFAULT -> throw new IllegalStateException("the network is not decided");
    }
    if (machine.cgroupNamespaces()) {
      types.add("cgroup");
    }
    return types.stream().map(type -> Map.<String, Object>of("type", type)).toList();
  }

  private Map<String, Object> resources() {
    Map<String, Object> out = new LinkedHashMap<>();
    out.put(
        "devices",
        insecure
            ? List.of(deviceRule(true, "c"), deviceRule(true, "b"))
            : List.of(deviceRule(false, "")));
    process.resources().ifPresent(limits -> addLimits(out, limits));
    return out;
  }

  private static Map<String, Object> deviceRule(boolean allow, String type) {
    Map<String, Object> out = new LinkedHashMap<>();
    out.put("allow", allow);
    if (!type.isEmpty()) {
      out.put("type", type);
    }
    out.put("access", "rwm");
    return out;
  }

  private static void addLimits(Map<String, Object> resources, Resources limits) {
    Map<String, Object> memory = new LinkedHashMap<>();
    if (limits.memory() != 0) {
      memory.put("limit", limits.memory());
    }
    if (limits.memorySwap() != 0) {
      memory.put("swap", limits.memorySwap());
    }
    Map<String, Object> cpu = new LinkedHashMap<>();
    if (limits.cpuShares() != 0) {
      cpu.put("shares", unsigned(limits.cpuShares()));
    }
    if (limits.cpuQuota() != 0 || limits.cpuPeriod() != 0) {
      cpu.put("quota", limits.cpuQuota());
      cpu.put("period", unsigned(limits.cpuPeriod()));
    }
    if (!limits.cpusetCpus().isEmpty()) {
      cpu.put("cpus", limits.cpusetCpus());
    }
    if (!limits.cpusetMems().isEmpty()) {
      cpu.put("mems", limits.cpusetMems());
    }
    if (!memory.isEmpty()) {
      resources.put("memory", memory);
    }
    if (!cpu.isEmpty()) {
      resources.put("cpu", cpu);
    }
  }

  /** What an insecure step finds in /dev besides what every container has. */
  private List<Map<String, Object>> devices() {
    List<Map<String, Object>> out = new ArrayList<>();
    out.add(device("/dev/kmsg", "c", 1, 11));
    out.add(device("/dev/cuse", "c", 10, 203));
    out.add(device("/dev/fuse", "c", 10, 229));
    out.add(device("/dev/kvm", "c", 10, 232));
    out.add(device("/dev/net/tun", "c", 10, 200));
    out.add(device("/dev/loop-control", "c", 10, 237));
    for (int i = 0; i <= machine.freeLoopDevice() + SPARE_LOOP_DEVICES; i++) {
      out.add(device("/dev/loop" + i, "b", 7, i));
    }
    return out;
  }

  private static Map<String, Object> device(String path, String type, long major, long minor) {
    Map<String, Object> out = new LinkedHashMap<>();
    out.put("path", path);
    out.put("type", type);
    out.put("major", major);
    out.put("minor", minor);
    return out;
  }
}
