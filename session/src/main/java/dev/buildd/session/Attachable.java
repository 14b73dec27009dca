package dev.buildd.session;

import io.grpc.ServerServiceDefinition;
import java.util.List;

/** Something of this machine that a build may use: files, secrets, credentials. */
public interface Attachable {
  /** The gRPC services that offer it to the daemon. */
  List<ServerServiceDefinition> services();
}
