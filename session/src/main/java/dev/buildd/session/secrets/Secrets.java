package dev.buildd.session.secrets;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.proto.secrets.GetSecretRequest;
import dev.buildd.proto.secrets.SecretsGrpc;
import dev.buildd.session.Session;
import dev.buildd.session.SessionGroup;
import dev.buildd.session.rpc.Statuses;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.util.Optional;

/** Asks clients for secrets. */
public final class Secrets {
  private static final String METHOD = "/" + SecretsGrpc.getGetSecretMethod().getFullMethodName();

  private Secrets() {}

  /** A client is there and has no such secret: not the same as no client being there. */
  private static final class AbsentException extends BuildException {
    private static final long serialVersionUID = 1L;

    AbsentException(String id) {
      super(Category.NOT_FOUND, "secret " + id + ": not found");
    }
  }

  /** The secret with that id; empty if no client has it. */
  public static Optional<byte[]> get(SessionGroup group, String id) throws Exception {
    if (group.ids().isEmpty()) {
      return Optional.empty();
    }
    try {
      // one client after the other: of those who share a step, only some may have the secret
      return Optional.of(
          group.any(session -> get(session, id).orElseThrow(() -> new AbsentException(id))));
    } catch (AbsentException e) {
      return Optional.empty();
    }
  }

  /** The secret with that id; empty if the client has none such, or none at all. */
  public static Optional<byte[]> get(Session session, String id) {
    if (!session.supports(METHOD)) {
      return Optional.empty();
    }
    try {
      return Optional.of(
          SecretsGrpc.newBlockingStub(session.channel())
              .getSecret(GetSecretRequest.newBuilder().setID(id).build())
              .getData()
              .toByteArray());
    } catch (StatusRuntimeException e) {
      Status.Code code = e.getStatus().getCode();
      if (code == Status.Code.NOT_FOUND || code == Status.Code.UNIMPLEMENTED) {
        return Optional.empty();
      }
      throw Statuses.toBuildException("secret " + id, e);
    }
  }
}
