package dev.buildd.frontend.dockerfile.instruction;

import dev.buildd.frontend.dockerfile.lint.Linter;
import dev.buildd.frontend.dockerfile.source.Location;
import java.util.List;

/**
 * A Dockerfile that has been read: its instructions are well formed, whatever they ask for.
 *
 * @param arguments the ARGs before the first stage
 * @param stages at least one
 * @param escape the escape character, for expansion
 */
public record Dockerfile(List<Arg> arguments, List<Stage> stages, int escape) {
  public Dockerfile {
    arguments = List.copyOf(arguments);
    stages = List.copyOf(stages);
  }

  /**
   * Reads a Dockerfile. Rules that are broken before the first fault are reported (dockerfile.md
   * section 4.1, steps 2 to 6).
   *
   * @throws dev.buildd.frontend.dockerfile.source.DockerfileException if it is malformed
   */
  public static Dockerfile parse(byte[] text, Linter linter) {
    return new DockerfileParser(linter).parse(text);
  }

  /**
   * Reads an instruction that another image or stage asks for (dockerfile.md section 4.5).
   *
   * @param from the FROM at which it stands now, and at which its faults are
   * @throws dev.buildd.frontend.dockerfile.source.DockerfileException located there
   */
  public static Instruction parseTrigger(String text, Location from) {
    return Triggers.parse(text, from);
  }
}
