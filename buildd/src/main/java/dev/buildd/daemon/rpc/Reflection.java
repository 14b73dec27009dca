package dev.buildd.daemon.rpc;

import io.grpc.ServerServiceDefinition;
import io.grpc.protobuf.services.ProtoReflectionService;
import io.grpc.protobuf.services.ProtoReflectionServiceV1;
import java.util.List;

/** Tells programs such as {@code grpcurl} which services and messages there are. */
public final class Reflection {
  private Reflection() {}

  /** The service of today, and that which older programs know. */
  @SuppressWarnings("deprecation") // they are who it is for
  public static List<ServerServiceDefinition> services() {
    return List.of(
        ProtoReflectionServiceV1.newInstance().bindService(),
        ProtoReflectionService.newInstance().bindService());
  }
}
