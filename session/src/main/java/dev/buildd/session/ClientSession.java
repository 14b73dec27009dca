package dev.buildd.session;

import dev.buildd.base.text.Ids;
import dev.buildd.proto.control.BytesMessage;
import dev.buildd.proto.control.ControlGrpc;
import dev.buildd.session.rpc.EventLoops;
import dev.buildd.session.rpc.Handlers;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.Metadata;
import io.grpc.Server;
import io.grpc.ServerMethodDefinition;
import io.grpc.ServerServiceDefinition;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.health.v1.HealthCheckResponse;
import io.grpc.health.v1.HealthGrpc;
import io.grpc.netty.NettyServerBuilder;
import io.netty.channel.EventLoop;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A client's end of a session: a gRPC server inside a call to the daemon, through which the daemon
 * asks for what the client offers.
 */
public final class ClientSession implements AutoCloseable {
  private static final int MAX_MESSAGE = 16 << 20;
  private static final int READY_THRESHOLD = 512 << 10;
  private static final int GRACE_SECONDS = 2;

  private final String id;
  private final Server server;
  private final Tunnel tunnel;
  private final ClientCall<BytesMessage, BytesMessage> call;
  private final CountDownLatch ended = new CountDownLatch(1);
  private final List<Runnable> onEnd = new ArrayList<>();
  private boolean closing;
  private @Nullable StatusRuntimeException failure;

  private ClientSession(Channel outer, String id, List<Attachable> attachables, Metadata headers)
      throws IOException {
    this.id = id;
    EventLoop loop = EventLoops.shared().next();
    Acceptor acceptor = new Acceptor();
    NettyServerBuilder builder =
        NettyServerBuilder.forAddress(Tunnel.ADDRESS)
            .channelFactory(() -> acceptor)
            .bossEventLoopGroup(loop)
            .workerEventLoopGroup(loop)
            .directExecutor() // our handlers only start a virtual thread
            .maxInboundMessageSize(MAX_MESSAGE)
            .maxInboundMetadataSize(MAX_MESSAGE);
    List<ServerServiceDefinition> services = new ArrayList<>();
    services.add(health());
    attachables.forEach(attachable -> services.addAll(attachable.services()));
    for (ServerServiceDefinition service : services) {
      builder.addService(service);
      for (ServerMethodDefinition<?, ?> method : service.getMethods()) {
        headers.put(SessionHeaders.METHOD, "/" + method.getMethodDescriptor().getFullMethodName());
      }
    }
    server = builder.build().start();
    call =
        outer.newCall(
            ControlGrpc.getSessionMethod(),
            CallOptions.DEFAULT.withExecutor(Runnable::run).withOnReadyThreshold(READY_THRESHOLD));
    tunnel = new Tunnel(acceptor, loop, wire(), true);
    call.start(
        new ClientCall.Listener<>() {
          @Override
          public void onMessage(BytesMessage message) {
            tunnel.inbound(message.getData());
          }

          @Override
          public void onReady() {
            tunnel.writable();
          }

          @Override
          public void onClose(Status status, Metadata trailers) {
            tunnel.inboundEnd();
            finish(status, trailers);
          }
        },
        headers);
    acceptor.accept(tunnel);
  }

  /**
   * Opens a session; it is there for the daemon soon after.
   *
   * @param outer the connection to the daemon
   * @param sharedKey names this client's state across sessions, so that files sent before need not
   *     be sent again; may be empty
   */
  public static ClientSession open(
      Channel outer, String id, String sharedKey, List<Attachable> attachables) throws IOException {
    return open(outer, id, sharedKey, attachables, new Metadata());
  }

  /**
   * As the other.
   *
   * @param headers what else the daemon is told with the call; it is added to
   */
  public static ClientSession open(
      Channel outer, String id, String sharedKey, List<Attachable> attachables, Metadata headers)
      throws IOException {
    headers.put(SessionHeaders.ID, id);
    headers.put(SessionHeaders.SHARED_KEY, sharedKey);
    return new ClientSession(outer, id, attachables, headers);
  }

  /** An id such as BuildKit makes them: 25 letters and digits. */
  public static String newId() {
    return Ids.random();
  }

  private Tunnel.Wire wire() {
    return new Tunnel.Wire() {
      @Override
      public boolean isReady() {
        return call.isReady();
      }

      @Override
      public void send(BytesMessage message) {
        call.sendMessage(message);
      }

      @Override
      public void request(int messages) {
        call.request(messages);
      }

      @Override
      public void close() {
        call.halfClose();
      }
    };
  }

  /** Tells whoever asks that it is well. */
  static ServerServiceDefinition health() {
    HealthCheckResponse serving =
        HealthCheckResponse.newBuilder()
            .setStatus(HealthCheckResponse.ServingStatus.SERVING)
            .build();
    return ServerServiceDefinition.builder(HealthGrpc.SERVICE_NAME)
        .addMethod(HealthGrpc.getCheckMethod(), Handlers.unary((request, headers) -> serving))
        .addMethod(
            HealthGrpc.getWatchMethod(),
            Handlers.streaming((stream, headers) -> {
              stream.read();
              stream.write(serving);
              Thread.sleep(Long.MAX_VALUE); // until the caller goes
            }))
        .build();
  }

  private void finish(Status status, Metadata trailers) {
    List<Runnable> tasks;
    synchronized (this) {
      if (!status.isOk() && !closing) {
        failure = status.asRuntimeException(trailers);
      }
      tasks = List.copyOf(onEnd);
      onEnd.clear();
      ended.countDown();
    }
    tasks.forEach(Runnable::run);
  }

  public String id() {
    return id;
  }

  public boolean isOpen() {
    return ended.getCount() > 0;
  }

  /** Why the session ended, unless it was closed from here or in order. */
  public synchronized Optional<StatusRuntimeException> failure() {
    return Optional.ofNullable(failure);
  }

  /** Runs the task when the session ends, at once if it has; it must not block. */
  public void whenEnded(Runnable task) {
    synchronized (this) {
      if (ended.getCount() > 0) {
        onEnd.add(task);
        return;
      }
    }
    task.run();
  }

  /** Hangs up and waits until the daemon has taken note. */
  @Override
  public void close() {
    synchronized (this) {
      closing = true;
    }
    tunnel.hangUp();
    boolean interrupted = false;
    try {
      if (!ended.await(GRACE_SECONDS, TimeUnit.SECONDS)) {
        call.cancel("the session did not end in time", null);
      }
    } catch (InterruptedException e) {
      interrupted = true;
      call.cancel("closed", null);
    }
    server.shutdownNow();
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
