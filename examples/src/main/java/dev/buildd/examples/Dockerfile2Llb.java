package dev.buildd.examples;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.json.Json;
import dev.buildd.frontend.dockerfile.DockerfileFrontend;
import dev.buildd.gateway.Reference;
import dev.buildd.gateway.Result;
import dev.buildd.llb.Definition;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * A Dockerfile as a definition, without a daemon: {@code dockerfile2llb < Dockerfile | buildctl
 * build --local context=.}. What a definition does not say, such as the entrypoint of the image, is
 * lost on the way.
 *
 * <p>{@code -f FILE} reads another file than standard input; {@code --target STAGE}, {@code
 * --build-arg NAME=VALUE} and {@code --platform OS/ARCH} are as in {@code docker build}. A step
 * starts with the environment of its image, so somebody has to tell it: {@code --image-configs
 * FILE} holds JSON, by reference a digest and a config. A {@code # syntax} line is not followed.
 */
public final class Dockerfile2Llb {
  static final Map<String, String> FLAGS =
      Map.of("f", "", "target", "", "build-arg", "", "platform", "", "image-configs", "");

  private Dockerfile2Llb() {}

  public static void main(String[] args) throws Exception {
    Example.start(
        args,
        FLAGS,
        flags -> {
          String file = flags.get("f");
          byte[] dockerfile =
              file.isEmpty() ? System.in.readAllBytes() : Files.readAllBytes(Path.of(file));
          Example.write(convert(dockerfile, flags));
        });
  }

  static Definition convert(byte[] dockerfile, Example flags) throws Exception {
    String configs = flags.get("image-configs");
    Map<String, Object> images =
        configs.isEmpty()
            ? Map.of()
            : Json.parseObject(Files.readAllBytes(Path.of(configs)), configs);
    Result result =
        new DockerfileFrontend()
            .build(new OfflineGateway(dockerfile, options(flags), new ImageConfigs(images)));
    if (!result.byName().isEmpty()) {
      throw BuildException.invalid("a definition is for one platform: give --platform only one");
    }
    return result.single().flatMap(Reference::definition).orElseGet(Definition::empty);
  }

  /** The flags as frontends know them. */
  private static Map<String, String> options(Example flags) {
    Map<String, String> out = new LinkedHashMap<>();
    for (String name : new String[] {"target", "platform"}) {
      if (!flags.get(name).isEmpty()) {
        out.put(name, flags.get(name));
      }
    }
    for (String argument : flags.all("build-arg")) {
      int equals = argument.indexOf('=');
      if (equals > 0) {
        out.put("build-arg:" + argument.substring(0, equals), argument.substring(equals + 1));
      } else if (!argument.isEmpty()) {
        throw new IllegalArgumentException("--build-arg wants NAME=VALUE, not " + argument);
      }
    }
    out.put("cmdline", "dockerfile2llb"); // it was handed on to us: a # syntax line is obeyed
    return out;
  }
}
