package dev.buildd.worker.runc;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.solver.executor.ProcessSpec.Network;
import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * How an executor runs its containers.
 *
 * @param root directory of the executor's own: bundles, runc's state, generated files
 * @param runc absolute path of the runtime
 * @param defaultNetwork what a step gets that asks for {@code DEFAULT}; itself not {@code DEFAULT}
 * @param cgroupParent below which the containers' cgroups are made; empty for the top
 * @param apparmorProfile of sandboxed steps; empty for none
 * @param traceSocket where steps may send spans to, by OTLP over gRPC; none if they go nowhere
 */
public record RuncSettings(
    Path root,
    Path runc,
    Network defaultNetwork,
    String cgroupParent,
    String apparmorProfile,
    Dns dns,
    Optional<Path> traceSocket) {

  /** What replaces parts of the host's resolv.conf; empty lists replace nothing. */
  public record Dns(List<String> nameservers, List<String> options, List<String> searchDomains) {
    public static final Dns OF_HOST = new Dns(List.of(), List.of(), List.of());

    public Dns {
      nameservers = List.copyOf(nameservers);
      options = List.copyOf(options);
      searchDomains = List.copyOf(searchDomains);
    }
  }

  public RuncSettings {
    if (defaultNetwork == Network.DEFAULT) {
      throw new IllegalArgumentException("the default network must be a real one");
    }
  }

  /** The defaults, with the runtime found on this machine. */
  public static RuncSettings of(Path root) {
    return new RuncSettings(
        root,
        findRunc(List.of("buildkit-runc", "runc"), System.getenv().getOrDefault("PATH", "")),
        Network.HOST,
        "",
        "",
        Dns.OF_HOST,
        Optional.empty());
  }

  /**
   * The first of the candidates that is an executable of the search path.
   *
   * @throws BuildException {@code FAILED_PRECONDITION} if there is none
   */
  public static Path findRunc(List<String> candidates, String searchPath) {
    for (String candidate : candidates) {
      for (String directory : searchPath.split(File.pathSeparator)) {
        Path path = Path.of(directory.isEmpty() ? "." : directory, candidate).toAbsolutePath();
        if (Files.isRegularFile(path) && Files.isExecutable(path)) {
          return path;
        }
      }
    }
    throw new BuildException(
        Category.FAILED_PRECONDITION, "failed to find " + candidates.getLast() + " binary");
  }
}
