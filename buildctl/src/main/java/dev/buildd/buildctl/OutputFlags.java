package dev.buildd.buildctl;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.text.Csv;
import dev.buildd.buildctl.cli.Invocation;
import dev.buildd.client.SolveOptions;
import dev.buildd.gateway.CacheEntry;
import dev.buildd.session.filesync.FileSendTarget;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** What the flags say of results and cache, in today's spelling and the first one. */
final class OutputFlags {
  private OutputFlags() {}

  static List<SolveOptions.Export> parse(Invocation flags) throws IOException {
    List<SolveOptions.Export> out = new ArrayList<>();
    for (String output : flags.list("output")) {
      Map<String, String> attrs = Csv.attributes(output);
      String type = Optional.ofNullable(attrs.remove("type")).orElse("");
      if (type.isEmpty()) {
        throw BuildException.invalid("--output requires type=<type>");
      }
      if (attrs.containsKey("output")) {
        String value = attrs.get("output");
        throw BuildException.invalid(
            "output=" + value + " not supported for --output, you meant dest=" + value + "?");
      }
      out.add(export(type, attrs));
    }
    Optional<String> exporter = flags.given("exporter");
    if (exporter.isEmpty()) {
      if (!flags.list("exporter-opt").isEmpty()) {
        throw BuildException.invalid("--exporter-opt requires --exporter");
      }
      return out;
    }
    if (!out.isEmpty()) {
      throw BuildException.invalid("--exporter cannot be used with --output");
    }
    Map<String, String> attrs = new LinkedHashMap<>();
    for (String option : flags.list("exporter-opt")) {
      int equals = option.indexOf('=');
      if (equals < 0) {
        throw BuildException.invalid("invalid exporter-opt: invalid value " + option);
      }
      attrs.put(option.substring(0, equals), option.substring(equals + 1));
    }
    if (attrs.containsKey("dest")) {
      throw BuildException.invalid(
          "dest=" + attrs.get("dest") + " not supported for --exporter-opt, use output=");
    }
    if (attrs.containsKey("output")) {
      attrs.put("dest", String.valueOf(attrs.remove("output")));
    }
    out.add(export(exporter.get(), attrs));
    return out;
  }

  private static SolveOptions.Export export(String type, Map<String, String> attrs)
      throws IOException {
    String destination = Optional.ofNullable(attrs.get("dest")).orElse("");
    Optional<FileSendTarget.Target> target = target(type, destination, attrs);
    if (target.isPresent()) {
      attrs.remove("dest");
    }
    return new SolveOptions.Export(type, attrs, target);
  }

  private static Optional<FileSendTarget.Target> target(
      String type, String destination, Map<String, String> attrs) throws IOException {
    boolean tar = !"false".equals(attrs.get("tar")) && !"0".equals(attrs.get("tar"));
    return switch (type) {
      case "local" -> {
        if (destination.isEmpty()) {
          throw BuildException.invalid(
              "invalid output option: output directory is required for local exporter");
        }
        yield Optional.of(
            new FileSendTarget.Target.Directory(
                Path.of(destination), "delete".equals(attrs.get("mode"))));
      }
      case "tar", "oci", "docker" -> {
        if (!tar && !type.equals("tar")) {
          if (destination.isEmpty()) {
            throw BuildException.invalid(
                "invalid output option: output directory is required for " + type + " exporter");
          }
          yield Optional.of(new FileSendTarget.Target.Layout(Path.of(destination)));
        }
        yield Optional.of(new FileSendTarget.Target.Stream(file(type, destination)));
      }
      default -> {
        if (!destination.isEmpty()) {
          throw BuildException.invalid(
              "invalid output option: output "
                  + destination
                  + " is not supported by "
                  + type
                  + " exporter");
        }
        yield Optional.empty();
      }
    };
  }

  private static FileSendTarget.Opener file(String type, String destination) throws IOException {
    if (destination.isEmpty() || destination.equals("-")) {
      if (isTerminal()) {
        throw BuildException.invalid(
            "invalid output option: output file is required for "
                + type
                + " exporter. refusing to write to console");
      }
      return metadata -> Optional.of(new FileOutputStream(FileDescriptor.out));
    }
    Path path = Path.of(destination);
    if (Files.isDirectory(path)) {
      throw BuildException.invalid("invalid output option: destination file is a directory");
    }
    var opened = Files.newOutputStream(path);
    return metadata -> Optional.of(opened);
  }

  private static boolean isTerminal() {
    try {
      String target = Files.readSymbolicLink(Path.of("/proc/self/fd/1")).toString();
      return target.startsWith("/dev/pts/") || target.startsWith("/dev/tty");
    } catch (IOException e) {
      return false;
    }
  }

  static List<CacheEntry> cacheExports(Invocation flags) {
    List<CacheEntry> out = new ArrayList<>();
    for (String flag : flags.list("export-cache")) {
      Map<String, String> attrs = new LinkedHashMap<>();
      String type = cache(flag, "--export-cache", attrs);
      attrs.putIfAbsent("mode", "min");
      out.add(new CacheEntry(type, attrs));
    }
    return out;
  }

  static List<CacheEntry> cacheImports(Invocation flags) {
    List<CacheEntry> out = new ArrayList<>();
    for (String flag : flags.list("import-cache")) {
      Map<String, String> attrs = new LinkedHashMap<>();
      String type = cache(flag, "--import-cache", attrs);
      out.add(new CacheEntry(type, attrs));
    }
    return out;
  }

  /** A value without a type is a registry's reference, as it was in the beginning. */
  private static String cache(String value, String flag, Map<String, String> attrs) {
    if (!value.contains("type=")) {
      attrs.put("ref", value);
      return "registry";
    }
    attrs.putAll(Csv.attributes(value));
    String type = Optional.ofNullable(attrs.remove("type")).orElse("");
    if (type.isEmpty()) {
      throw BuildException.invalid(flag + " requires type=<type>");
    }
    if (type.equals("registry") && !attrs.containsKey("ref")) {
      throw BuildException.invalid(
          "registry cache "
              + (flag.startsWith("--export") ? "exporter" : "importer")
              + " requires ref");
    }
    return type;
  }
}
