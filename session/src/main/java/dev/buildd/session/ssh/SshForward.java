package dev.buildd.session.ssh;

import dev.buildd.proto.sshforward.CheckAgentRequest;
import dev.buildd.proto.sshforward.SSHGrpc;
import dev.buildd.session.Session;
import dev.buildd.session.rpc.Statuses;
import io.grpc.StatusRuntimeException;

/** Reaches a client's SSH agent. */
public final class SshForward {
  private static final String METHOD = "/" + SSHGrpc.getCheckAgentMethod().getFullMethodName();

  private SshForward() {}

  /** Whether the client offers an agent under that id; a failure says why it cannot be used. */
  public static boolean checkAgent(Session session, String id) {
    if (!session.supports(METHOD)) {
      return false;
    }
    try {
      SSHGrpc.newBlockingStub(session.channel())
          .checkAgent(CheckAgentRequest.newBuilder().setID(id).build());
      return true;
    } catch (StatusRuntimeException e) {
      throw Statuses.toBuildException("ssh agent " + id, e);
    }
  }
}
