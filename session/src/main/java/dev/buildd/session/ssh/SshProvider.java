package dev.buildd.session.ssh;

import dev.buildd.base.error.BuildException;
import dev.buildd.proto.sshforward.BytesMessage;
import dev.buildd.proto.sshforward.CheckAgentResponse;
import dev.buildd.proto.sshforward.SSHGrpc;
import dev.buildd.session.Attachable;
import dev.buildd.session.rpc.Handlers;
import dev.buildd.session.rpc.MessageStream;
import io.grpc.Metadata;
import io.grpc.ServerServiceDefinition;
import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** Offers SSH agents, sockets and keys of this machine to the daemon, by id. */
public final class SshProvider implements Attachable {
  private static final String DEFAULT = "default";

  private final Map<String, SshAgent> agents;

  /**
   * @param agents by id; that of an agent without one is {@code default}
   */
  public SshProvider(Map<String, SshAgent> agents) {
    this.agents = Map.copyOf(agents);
  }

  @Override
  public List<ServerServiceDefinition> services() {
    return List.of(
        ServerServiceDefinition.builder(SSHGrpc.SERVICE_NAME)
            .addMethod(
                SSHGrpc.getCheckAgentMethod(),
                Handlers.unary((request, headers) -> {
                  agent(request.getID());
                  return CheckAgentResponse.getDefaultInstance();
                }))
            .addMethod(SSHGrpc.getForwardAgentMethod(), Handlers.streaming(this::forward))
            .build());
  }

  private SshAgent agent(String id) {
    String name = id.isEmpty() ? DEFAULT : id;
    SshAgent agent = agents.get(name);
    if (agent == null) {
      throw BuildException.notFound("unset ssh forward key " + name);
    }
    return agent;
  }

  private void forward(MessageStream<BytesMessage, BytesMessage> call, Metadata headers)
      throws Exception {
    String id = headers.get(SshForward.ID);
    switch (agent(id == null ? "" : id)) {
      case SshAgent.Raw(Path socket) -> {
        try (SocketChannel peer = connect(socket)) {
          SshPump.run(call, peer);
        }
      }
      case SshAgent.Socket(Path socket) -> {
        try (SocketChannel agent = connect(socket)) {
          AgentDialogue.run(call, AgentDialogue.of(agent));
        }
      }
      case SshAgent.Keys(List<SshKey> keys) -> AgentDialogue.run(call, AgentDialogue.of(keys));
    }
  }

  private static SocketChannel connect(Path socket) {
    try {
      return SocketChannel.open(UnixDomainSocketAddress.of(socket));
    } catch (IOException e) {
      throw BuildException.unknown("failed to connect to " + socket + ": " + e.getMessage(), e);
    }
  }
}
