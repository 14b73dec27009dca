package dev.buildd.daemon;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.http.TlsSettings;
import dev.buildd.registry.RegistrySettings;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/** The sections {@code [registry."HOST"]} as the registry client wants them. */
final class RegistryHosts {
  private RegistryHosts() {}

  static RegistrySettings settings(BuilddConfig config) {
    Map<String, RegistrySettings.Host> hosts = new HashMap<>();
    config.registries().forEach((name, registry) -> hosts.put(name, host(registry)));
    return new RegistrySettings(hosts, RegistrySettings.defaults().firstPause())
        .withMaxConcurrency(config.system().maxRegistryConcurrency());
  }

  private static RegistrySettings.Host host(BuilddConfig.Registry registry) {
    List<Path> authorities = new ArrayList<>();
    registry.ca().forEach(file -> authorities.add(Path.of(file)));
    List<TlsSettings.KeyPair> keys = new ArrayList<>();
    for (BuilddConfig.KeyPair pair : registry.keyPairs()) {
      keys.add(new TlsSettings.KeyPair(Path.of(pair.key()), Path.of(pair.certificate())));
    }
    for (String directory : registry.tlsConfigDirectories()) {
      for (Path file : files(Path.of(directory))) {
        String name = String.valueOf(file.getFileName());
        if (name.endsWith(".crt")) {
          authorities.add(file);
        } else if (name.endsWith(".cert")) {
          String key = name.substring(0, name.length() - ".cert".length()) + ".key";
          keys.add(new TlsSettings.KeyPair(file.resolveSibling(key), file));
        }
      }
    }
    return new RegistrySettings.Host(
        registry.plainHttp(), registry.insecure(), registry.mirrors(), authorities, keys);
  }

  /** Laid out as Docker's {@code /etc/docker/certs.d/HOST}; one that is not there is empty. */
  private static List<Path> files(Path directory) {
    try (Stream<Path> all = Files.list(directory)) {
      return all.sorted().toList();
    } catch (NoSuchFileException | AccessDeniedException e) {
      return List.of();
    } catch (IOException e) {
      throw new BuildException(
          Category.FAILED_PRECONDITION, "cannot read tlsconfigdir " + directory, e);
    }
  }
}
