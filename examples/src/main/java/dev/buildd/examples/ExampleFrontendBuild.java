package dev.buildd.examples;

import dev.buildd.client.SolveOptions;
import java.nio.file.Path;
import java.util.Map;

/**
 * Builds what a {@code Buildfile} says, with {@link ExampleFrontend} running in this program:
 * {@code example-frontend --dir DIR --out OUT}. The daemon need not know the language.
 */
public final class ExampleFrontendBuild {
  static final Map<String, String> FLAGS =
      ClientBuild.flags(Map.of("dir", ".", "filename", "Buildfile"));

  private ExampleFrontendBuild() {}

  public static void main(String[] args) throws Exception {
    Example.start(
        args,
        FLAGS,
        flags ->
            ClientBuild.run(
                new ExampleFrontend(),
                flags,
                SolveOptions.defaults()
                    .withFrontend("", Map.of("filename", flags.get("filename")))
                    .withLocalDir("dockerfile", Path.of(flags.get("dir")))));
  }
}
