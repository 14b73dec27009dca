package dev.buildd.frontend.dockerfile.instruction;

import dev.buildd.frontend.dockerfile.expand.Words;
import dev.buildd.frontend.dockerfile.source.DockerfileException;
import java.util.List;

/** Directories whose content is no part of the image. */
public record Volume(Origin origin, List<String> paths) implements Instruction {
  public Volume {
    paths = List.copyOf(paths);
  }

  @Override
  public Volume expanded(Words words) {
    return new Volume(origin, checked(paths.stream().map(words::word).toList()));
  }

  /** An empty path names nothing, be it written or come to. */
  static List<String> checked(List<String> paths) {
    if (paths.contains("")) {
      throw new DockerfileException("VOLUME specified can not be an empty string");
    }
    return paths;
  }
}
