package dev.buildd.examples;

import dev.buildd.base.error.BuildException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * Packages and what they import. A package is a directory with a file {@code pkg}, each line of
 * which says {@code import DIRECTORY}, taken from the root of all packages.
 *
 * @param imports by the package's directory
 */
record PackageGraph(Map<String, List<String>> imports) {
  static final String FILE = "pkg";
  private static final String IMPORT = "import ";

  PackageGraph {
    imports = Map.copyOf(imports);
  }

  static PackageGraph read(Path root) throws IOException {
    List<Path> files;
    try (Stream<Path> all = Files.walk(root)) {
      files = all.filter(path -> path.endsWith(FILE)).sorted().toList();
    }
    Map<String, List<String>> imports = new TreeMap<>();
    for (Path file : files) {
      Path directory = root.relativize(file).getParent();
      if (directory == null) {
        throw BuildException.invalid("the root of all packages is no package itself");
      }
      imports.put(directory.toString(), imports(file));
    }
    return new PackageGraph(imports);
  }

  private static List<String> imports(Path file) throws IOException {
    List<String> out = new ArrayList<>();
    for (String line : Files.readAllLines(file)) {
      if (line.startsWith(IMPORT)) {
        out.add(line.substring(IMPORT.length()).strip());
      } else if (!line.isBlank()) {
        throw BuildException.invalid(file + ": neither empty nor an import: " + line);
      }
    }
    return out;
  }

  /** What a package needs, imports first and itself last. */
  List<String> closure(String main) {
    Set<String> done = new LinkedHashSet<>();
    visit(main, new LinkedHashSet<>(), done);
    return List.copyOf(done);
  }

  private void visit(String name, Set<String> path, Set<String> done) {
    if (done.contains(name)) {
      return;
    }
    List<String> wanted = imports.get(name);
    if (wanted == null) {
      throw BuildException.invalid("no package " + name + within(path));
    }
    if (!path.add(name)) {
      throw BuildException.invalid("import cycle: " + String.join(" -> ", path) + " -> " + name);
    }
    wanted.forEach(each -> visit(each, path, done));
    path.remove(name);
    done.add(name);
  }

  private static String within(Set<String> path) {
    return path.isEmpty() ? "" : ", imported by " + List.copyOf(path).getLast();
  }
}
