package dev.buildd.session.secrets;

import com.google.protobuf.ByteString;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.proto.secrets.GetSecretRequest;
import dev.buildd.proto.secrets.GetSecretResponse;
import dev.buildd.proto.secrets.SecretsGrpc;
import dev.buildd.session.Attachable;
import dev.buildd.session.rpc.Handlers;
import io.grpc.ServerServiceDefinition;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Offers secrets to the daemon. */
public final class SecretsProvider implements Attachable {
  /** Longer secrets are not given away. */
  public static final int MAX_SIZE = 500 << 10;

  /** Reads secrets. */
  @FunctionalInterface
  public interface Store {
    Optional<byte[]> read(String id) throws IOException;

    /** Secrets held in memory. */
    static Store of(Map<String, byte[]> secrets) {
      Map<String, byte[]> copy = Map.copyOf(secrets);
      return id -> Optional.ofNullable(copy.get(id));
    }
  }

  private final Store store;

  public SecretsProvider(Store store) {
    this.store = store;
  }

  @Override
  public List<ServerServiceDefinition> services() {
    return List.of(
        ServerServiceDefinition.builder(SecretsGrpc.SERVICE_NAME)
            .addMethod(
                SecretsGrpc.getGetSecretMethod(),
                Handlers.unary((request, headers) -> get(request)))
            .build());
  }

  private GetSecretResponse get(GetSecretRequest request) throws IOException {
    byte[] secret =
        store
            .read(request.getID())
            .orElseThrow(() -> BuildException.notFound("secret " + request.getID() + " not found"));
    if (secret.length > MAX_SIZE) {
      throw new BuildException(
          Category.UNKNOWN, "invalid secret size " + secret.length + " for id " + request.getID());
    }
    return GetSecretResponse.newBuilder().setData(ByteString.copyFrom(secret)).build();
  }
}
