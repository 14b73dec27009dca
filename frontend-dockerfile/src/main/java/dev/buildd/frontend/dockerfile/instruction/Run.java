package dev.buildd.frontend.dockerfile.instruction;

import dev.buildd.frontend.dockerfile.expand.Words;
import java.util.List;

/**
 * A command that runs in the build.
 *
 * @param mountTexts what {@code --mount} says, each
 * @param mounts the same as mounts: before expansion only their {@code from} is known
 *     (dockerfile.md section 3.4)
 * @param network what {@code --network} says, else {@code default}
 * @param security what {@code --security} says, else {@code sandbox}
 */
public record Run(
    Origin origin,
    CommandLine command,
    List<String> mountTexts,
    List<Mount> mounts,
    String network,
    String security,
    List<Device> devices)
    implements Instruction {
  public Run {
    mountTexts = List.copyOf(mountTexts);
    mounts = List.copyOf(mounts);
    devices = List.copyOf(devices);
  }

  /**
   * A device of the host.
   *
   * @param required whether the build fails without it
   */
  public record Device(String name, boolean required) {}

  @Override
  public Run expanded(Words words) {
    List<Mount> read = mountTexts.stream().map(text -> Mounts.parse(text, words)).toList();
    return new Run(origin, command, mountTexts, read, network, security, devices);
  }
}
