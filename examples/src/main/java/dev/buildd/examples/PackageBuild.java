package dev.buildd.examples;

import dev.buildd.base.content.DefaultPath;
import dev.buildd.llb.Definition;
import dev.buildd.llb.ExecState;
import dev.buildd.llb.FileAction;
import dev.buildd.llb.Llb;
import dev.buildd.llb.MarshalOptions;
import dev.buildd.llb.State;
import java.io.BufferedOutputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * Builds packages as Go's tool does, one step each, by a definition that is made from the packages
 * and built within the build. A package's step sees its own sources and what its imports' steps
 * left, so it runs again when one of these is another and at no other time: another comment
 * concerns its own package alone, for compiling leaves comments out. The result has the compiled
 * code of each package.
 *
 * <p>The client's directory {@code src} holds the packages (see {@link PackageGraph}), {@code
 * rootfs} has {@code bin/busybox}. The packages are read here, in {@code --src DIR}; with {@code
 * --jdk IMAGE} a step of the build reads them, and finds this program in the client's directory
 * {@code lib}, which is {@code dist/lib}. With {@code --plan FILE} it is that step.
 */
public final class PackageBuild {
  static final Map<String, String> FLAGS =
      Map.of("main", "main", "src", "src", "jdk", "", "plan", "");

  private static final String DEFINITION = "buildkit.llb.definition";
  private static final String COMPILE =
      """
      for import in /imports/*; do [ ! -d "$import" ] || cp -r "$import/." /out/; done
      for source in /src/*; do
        [ -d "$source" ] || [ "${source##*/}" = pkg ] || cat "$source"
      done | grep -v '^#' > "/out/$PACKAGE.o" || true
      """;

  private PackageBuild() {}

  public static void main(String[] args) throws Exception {
    Example.start(
        args,
        FLAGS,
        flags -> {
          String plan = flags.get("plan");
          if (plan.isEmpty()) {
            Example.write(build(flags).marshal(flags.marshalOptions()));
            return;
          }
          try (OutputStream out = new BufferedOutputStream(Files.newOutputStream(Path.of(plan)))) {
            plan(flags).writeTo(out);
          }
        });
  }

  /** The build that the build of the packages is a step of. */
  static State build(Example flags) throws Exception {
    State planned = flags.get("jdk").isEmpty() ? plannedHere(flags) : plannedThere(flags);
    // clients offer only those of their directories that the outer definition names
    return planned
        .requires("sources", packageFiles(), Llb.local("rootfs"))
        .build("", Llb.customName("build packages"));
  }

  private static State packageFiles() {
    return Llb.local(
        "src",
        Llb.includePatterns(List.of("**/" + PackageGraph.FILE)),
        Llb.sharedKeyHint("packages"),
        Llb.customName("load package files"));
  }

  private static State plannedHere(Example flags) throws Exception {
    return Llb.scratch()
        .file(
            Llb.mkfile("/" + DEFINITION, 0644, plan(flags).encoded(), FileAction.Make.DEFAULT),
            Llb.customName("plan packages"));
  }

  /** Planned anew only if a package imports something else. */
  private static State plannedThere(Example flags) {
    ExecState plan =
        Llb.image(flags.get("jdk"))
            .addEnv("PATH", "/opt/java/openjdk/bin:" + DefaultPath.UNIX)
            .run(
                Llb.args(
                    "java",
                    "-cp",
                    "/gobuild/*",
                    PackageBuild.class.getName(),
                    "--src=/src",
                    "--main=" + flags.get("main"),
                    "--plan=/out/" + DEFINITION),
                Llb.addMount("/src", packageFiles(), Llb.readonly()),
                Llb.addMount("/gobuild", Llb.local("lib"), Llb.readonly()),
                Llb.customName("plan packages"));
    return plan.addMount("/out", Llb.scratch());
  }

  /** The build of the packages. Equal packages give equal bytes, wherever it is planned. */
  static Definition plan(Example flags) throws Exception {
    PackageGraph graph = PackageGraph.read(Path.of(flags.get("src")));
    State toolchain = BusyboxLocal.rootfs();
    Map<String, State> built = new HashMap<>();
    for (String name : graph.closure(flags.get("main"))) {
      built.put(name, compile(toolchain, name, imports(graph, name, built)));
    }
    MarshalOptions options = flags.marshalOptions().withLocalUniqueId("gobuild");
    return Objects.requireNonNull(built.get(flags.get("main"))).marshal(options);
  }

  private static Map<String, State> imports(
      PackageGraph graph, String name, Map<String, State> built) {
    Map<String, State> out = new HashMap<>(built);
    out.keySet().retainAll(List.copyOf(Objects.requireNonNull(graph.imports().get(name))));
    return out;
  }

  private static State compile(State toolchain, String name, Map<String, State> imports) {
    ExecState step =
        toolchain.run(
            Llb.shell(COMPILE),
            Llb.addMount("/src", sources(name), Llb.sourcePath("/" + name), Llb.readonly()),
            Llb.addEnv("PACKAGE", flat(name)),
            Llb.customName("compile " + name));
    imports.entrySet().stream()
        .sorted(Map.Entry.comparingByKey())
        .forEach(each ->
            step.addMount("/imports/" + flat(each.getKey()), each.getValue(), Llb.readonly()));
    return step.addMount("/out", Llb.scratch());
  }

  private static String flat(String name) {
    return name.replace('/', '.');
  }

  /** The files of a package, without those of the packages below it. */
  private static State sources(String name) {
    return Llb.local(
        "src",
        Llb.includePatterns(List.of(name + "/*")),
        Llb.excludePatterns(List.of(name + "/*/*")),
        Llb.sharedKeyHint(name),
        Llb.customName("load " + name));
  }
}
