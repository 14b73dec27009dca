package dev.buildd.examples;

import dev.buildd.base.content.Digest;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.json.Json;
import dev.buildd.frontend.dockerfile.DockerfileFrontend;
import dev.buildd.gateway.Reference;
import dev.buildd.gateway.Result;
import dev.buildd.llb.Definition;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * A Dockerfile as a definition, without a daemon: {@code dockerfile2llb < Dockerfile | buildctl
 * build --local context=.}. What a definition does not say, such as the entrypoint of the image, is
 * lost on the way.
 *
 * <p>{@code -f FILE} reads another file than standard input; {@code --target STAGE}, {@code
 * --build-arg NAME=VALUE} and {@code --platform OS/ARCH} are as in {@code docker build}, {@code
 * --opt NAME=VALUE} is any option of the frontend's. A step starts with the environment of its
 * image, so somebody has to tell it: {@code --image-configs FILE} holds JSON, by reference a digest
 * and a config. A {@code # syntax} line is not followed.
 *
 * <p>{@code --print digests} writes, instead of the definition, what two converters can be compared
 * by: the digest of each operation, in order, and that of the image's config, for each platform.
 * {@code --session ID} binds local sources to a client; unbound ones are different each time.
 */
public final class Dockerfile2Llb {
  static final Map<String, String> FLAGS =
      Map.of(
          "f", "",
          "target", "",
          "build-arg", "",
          "platform", "",
          "opt", "",
          "image-configs", "",
          "session", "",
          "print", "definition");

  private Dockerfile2Llb() {}

  public static void main(String[] args) throws Exception {
    Example.start(
        args,
        FLAGS,
        flags -> {
          String file = flags.get("f");
          byte[] dockerfile =
              file.isEmpty() ? System.in.readAllBytes() : Files.readAllBytes(Path.of(file));
          switch (flags.get("print")) {
            case "definition" -> Example.write(convert(dockerfile, flags));
            case "digests" -> digests(build(dockerfile, flags)).forEach(System.out::println);
            default -> throw new IllegalArgumentException("--print wants definition or digests");
          }
        });
  }

  static Definition convert(byte[] dockerfile, Example flags) throws Exception {
    Result result = build(dockerfile, flags);
    if (!result.byName().isEmpty()) {
      throw BuildException.invalid("a definition is for one platform: give --platform only one");
    }
    return result.single().flatMap(Reference::definition).orElseGet(Definition::empty);
  }

  static Result build(byte[] dockerfile, Example flags) throws Exception {
    String configs = flags.get("image-configs");
    Map<String, Object> images =
        configs.isEmpty()
            ? Map.of()
            : Json.parseObject(Files.readAllBytes(Path.of(configs)), configs);
    return new DockerfileFrontend()
        .build(
            new OfflineGateway(
                dockerfile, options(flags), flags.get("session"), new ImageConfigs(images)));
  }

  /** A line for each operation and each config; with several platforms, it starts with its name. */
  static List<String> digests(Result result) {
    SortedMap<String, Optional<Reference>> references = new TreeMap<>(result.byName());
    if (references.isEmpty()) {
      references.put("", result.single());
    }
    List<String> out = new ArrayList<>();
    references.forEach((platform, reference) -> {
      String start = platform.isEmpty() ? "" : platform + " ";
      reference
          .flatMap(Reference::definition)
          .orElseGet(Definition::empty)
          .ops()
          .forEach(op -> out.add(start + "op " + Digest.of(op.toByteArray())));
      byte[] config =
          result
              .metadata()
              .get("containerimage.config" + (platform.isEmpty() ? "" : "/" + platform));
      if (config != null) {
        out.add(start + "config " + Digest.of(config));
      }
    });
    return out;
  }

  /** The flags as frontends know them. */
  private static Map<String, String> options(Example flags) {
    Map<String, String> out = new LinkedHashMap<>();
    for (String name : new String[] {"target", "platform"}) {
      if (!flags.get(name).isEmpty()) {
        out.put(name, flags.get(name));
      }
    }
    pairs(flags, "build-arg").forEach((name, value) -> out.put("build-arg:" + name, value));
    out.putAll(pairs(flags, "opt"));
    out.put("cmdline", "dockerfile2llb"); // it was handed on to us: a # syntax line is obeyed
    return out;
  }

  private static Map<String, String> pairs(Example flags, String flag) {
    Map<String, String> out = new LinkedHashMap<>();
    for (String pair : flags.all(flag)) {
      int equals = pair.indexOf('=');
      if (equals > 0) {
        out.put(pair.substring(0, equals), pair.substring(equals + 1));
      } else if (!pair.isEmpty()) {
        throw new IllegalArgumentException("--" + flag + " wants NAME=VALUE, not " + pair);
      }
    }
    return out;
  }
}
