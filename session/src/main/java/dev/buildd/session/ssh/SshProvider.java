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

/** Offers SSH agents of this machine to the daemon, by id. */
public final class SshProvider implements Attachable {
  private static final String DEFAULT = "default";

  private final Map<String, Path> sockets;

  /**
   * @param sockets of the agents, by id
   */
  public SshProvider(Map<String, Path> sockets) {
    this.sockets = Map.copyOf(sockets);
  }

  @Override
  public List<ServerServiceDefinition> services() {
    return List.of(
        ServerServiceDefinition.builder(SSHGrpc.SERVICE_NAME)
            .addMethod(
                SSHGrpc.getCheckAgentMethod(),
                Handlers.unary((request, headers) -> {
                  socket(request.getID());
                  return CheckAgentResponse.getDefaultInstance();
                }))
            .addMethod(SSHGrpc.getForwardAgentMethod(), Handlers.streaming(this::forward))
            .build());
  }

  private Path socket(String id) {
    String name = id.isEmpty() ? DEFAULT : id;
    Path socket = sockets.get(name);
    if (socket == null) {
      throw BuildException.notFound("unset ssh forward key " + name);
    }
    return socket;
  }

  private void forward(MessageStream<BytesMessage, BytesMessage> call, Metadata headers)
      throws Exception {
    String id = headers.get(SshForward.ID);
    try (SocketChannel agent =
        SocketChannel.open(UnixDomainSocketAddress.of(socket(id == null ? "" : id)))) {
      SshPump.run(call, agent);
    } catch (IOException e) {
      throw BuildException.unknown("ssh agent: " + e.getMessage(), e);
    }
  }
}
