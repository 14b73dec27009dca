package dev.buildd.session;

import io.grpc.ServerServiceDefinition;
import java.util.List;
import java.util.function.Consumer;

/** Something of this machine that a build may use: files, secrets, credentials. */
public interface Attachable {
  /** The gRPC services that offer it to the daemon. */
  List<ServerServiceDefinition> services();

  /**
   * The same, for one build.
   *
   * @param user is told, by any thread, what is given away that users should see, a line each
   */
  default Attachable reportingTo(Consumer<String> user) {
    return this;
  }
}
