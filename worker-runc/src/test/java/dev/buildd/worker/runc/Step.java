package dev.buildd.worker.runc;

import dev.buildd.solver.executor.Executor;
import dev.buildd.solver.executor.ExitException;
import dev.buildd.solver.executor.ProcessIo;
import dev.buildd.solver.executor.ProcessMount;
import dev.buildd.solver.executor.ProcessSpec;
import dev.buildd.solver.executor.ProcessSpec.ExtraHost;
import dev.buildd.solver.executor.ProcessSpec.Network;
import dev.buildd.solver.executor.ProcessSpec.Resources;
import dev.buildd.solver.executor.ProcessSpec.Security;
import dev.buildd.solver.executor.ProcessSpec.Ulimit;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** A process to run, described with as little as a test needs. */
final class Step {
  record Outcome(int code, String out, String err) {}

  private final Path root;
  private final List<String> args;
  private final List<ProcessMount> mounts = new ArrayList<>();
  private List<String> env = List.of("PATH=/bin");
  private boolean readOnlyRoot;
  private String cwd = "/";
  private String user = "";
  private String hostname = "";
  private List<ExtraHost> extraHosts = List.of();
  private Network network = Network.DEFAULT;
  private Security security = Security.SANDBOX;
  private List<Ulimit> ulimits = List.of();
  private String cgroupParent = "";
  private Optional<Resources> resources = Optional.empty();
  private boolean recursiveStubs;
  private Optional<String> traceparent = Optional.empty();

  private Step(Path root, List<String> args) {
    this.root = root;
    this.args = args;
  }

  static Step shell(Path root, String script) {
    return new Step(root, List.of("/bin/sh", "-c", script));
  }

  static Step of(Path root, String... args) {
    return new Step(root, List.of(args));
  }

  Step env(String... entries) {
    env = List.of(entries);
    return this;
  }

  Step readOnlyRoot() {
    readOnlyRoot = true;
    return this;
  }

  Step bind(Path source, String at, boolean readOnly) {
    mounts.add(new ProcessMount.Bind(source, at, readOnly));
    return this;
  }

  Step tmpfs(String at, long size) {
    mounts.add(new ProcessMount.Tmpfs(at, size));
    return this;
  }

  Step cwd(String path) {
    cwd = path;
    return this;
  }

  Step user(String name) {
    user = name;
    return this;
  }

  Step hostname(String name) {
    hostname = name;
    return this;
  }

  Step host(String name, String address) {
    extraHosts = List.of(new ExtraHost(name, address));
    return this;
  }

  Step network(Network kind) {
    network = kind;
    return this;
  }

  Step insecure() {
    security = Security.INSECURE;
    return this;
  }

  Step ulimit(String name, long soft, long hard) {
    ulimits = List.of(new Ulimit(name, soft, hard));
    return this;
  }

  Step cgroupParent(String path) {
    cgroupParent = path;
    return this;
  }

  Step resources(Resources limits) {
    resources = Optional.of(limits);
    return this;
  }

  Step traceparent(String value) {
    traceparent = Optional.of(value);
    return this;
  }

  Step recursiveStubs() {
    recursiveStubs = true;
    return this;
  }

  ProcessSpec spec() {
    return new ProcessSpec(
        root,
        readOnlyRoot,
        mounts,
        args,
        env,
        cwd,
        user,
        hostname,
        extraHosts,
        network,
        security,
        ulimits,
        cgroupParent,
        resources,
        recursiveStubs,
        traceparent);
  }

  Outcome run(Executor executor) throws Exception {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    int code = 0;
    try {
      executor.run(spec(), new ProcessIo(out, err));
    } catch (ExitException e) {
      code = e.code();
    }
    return new Outcome(
        code, out.toString(StandardCharsets.UTF_8), err.toString(StandardCharsets.UTF_8));
  }
}
