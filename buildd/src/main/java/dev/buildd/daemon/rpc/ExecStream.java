package dev.buildd.daemon.rpc;

import com.google.protobuf.ByteString;
import dev.buildd.base.concurrent.Scope;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.io.BytePipe;
import dev.buildd.daemon.wire.WireErrors;
import dev.buildd.gateway.GatewayContainer;
import dev.buildd.gateway.GatewayProcess;
import dev.buildd.gateway.ProcessRequest;
import dev.buildd.gateway.SolveException;
import dev.buildd.gateway.grpc.ContainerMessages;
import dev.buildd.proto.gateway.DoneMessage;
import dev.buildd.proto.gateway.ExecMessage;
import dev.buildd.proto.gateway.ExitMessage;
import dev.buildd.proto.gateway.FdMessage;
import dev.buildd.proto.gateway.InitMessage;
import dev.buildd.proto.gateway.StartedMessage;
import dev.buildd.session.rpc.MessageStream;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.io.OutputStream;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;

/**
 * One call in which a frontend runs processes in its containers (wire.md section 6.1): each message
 * says which process it is of. A message that makes no sense ends the call.
 */
final class ExecStream {
  private static final int STDIN = 0;
  private static final int STDOUT = 1;
  private static final int STDERR = 2;
  private static final int CHUNK = 32 << 10;
  private static final int INPUT_HELD = 1 << 20;
  private static final int UNKNOWN_EXIT = 255;

  private final BuildGateway gateway;
  private final MessageStream<ExecMessage, ExecMessage> stream;
  private final Map<String, Connected> processes = new HashMap<>(); // of the reading thread

  ExecStream(BuildGateway gateway, MessageStream<ExecMessage, ExecMessage> stream) {
    this.gateway = gateway;
    this.stream = stream;
  }

  /** Serves until the frontend has no more to say and all processes have ended. */
  void serve() throws Exception {
    try (Scope scope = Scope.open("processes of a frontend")) {
      for (ExecMessage message = stream.read(); message != null; message = stream.read()) {
        receive(message, scope);
      }
      scope.join();
    } finally {
      processes.values().forEach(process -> process.input.end());
    }
  }

  private void receive(ExecMessage message, Scope scope) throws Exception {
    String id = message.getProcessID();
    if (id.isEmpty()) {
      throw BuildException.invalid("ProcessID required");
    }
    switch (message.getInputCase()) {
      case INIT -> start(id, message.getInit(), scope);
      case FILE -> find(id).write(message.getFile());
      case RESIZE ->
          find(id).process().resize(message.getResize().getRows(), message.getResize().getCols());
      case SIGNAL -> find(id).process().signal(message.getSignal().getName());
      case STARTED, EXIT, DONE, INPUT_NOT_SET -> {} // not for us
    }
  }

  private Connected find(String id) {
    Connected process = processes.get(id);
    if (process == null) {
      throw BuildException.notFound("IO for process \"" + id + "\" not found");
    }
    return process;
  }

  private void start(String id, InitMessage init, Scope scope) throws Exception {
    if (processes.containsKey(id)) {
      throw new BuildException(Category.ALREADY_EXISTS, "Process " + id + " already exists");
    }
    BuildGateway.HeldContainer container = gateway.container(init.getContainerID());
    Connected connected = new Connected(id, init.getFdsList());
    processes.put(id, connected);
    connected.process = begin(container.container(), init, connected.streams(init.getTty()));
    send(connected.message().setStarted(StartedMessage.getDefaultInstance()));
    connected.open.countDown();
    scope.fork("process " + id, () -> connected.finish(container));
  }

  private static GatewayProcess begin(
      GatewayContainer container, InitMessage init, ProcessRequest.Streams streams)
      throws Exception {
    ProcessRequest request;
    try {
      request = ContainerMessages.of(init, streams);
    } catch (BuildException e) {
      return new Refused(e);
    }
    return container.start(request);
  }

  /**
   * A process that cannot be. It fails as one that could not be run: the others go on, and
   * BuildKit's client, which does not notice the end of the stream while it waits for a start,
   * learns of it.
   */
  private record Refused(BuildException cause) implements GatewayProcess {
    @Override
    public int await() {
      throw cause;
    }

    @Override
    public void signal(String name) {}

    @Override
    public void resize(int rows, int columns) {}
  }

  private void send(ExecMessage.Builder message) throws InterruptedException {
    stream.write(message.build());
  }

  /** A process and what connects it with the frontend. */
  private final class Connected {
    private final String id;
    private final List<Integer> descriptors;
    private final BytePipe input = new BytePipe(INPUT_HELD);
    private final CountDownLatch open = new CountDownLatch(1); // once the frontend knows it runs
    private @Nullable GatewayProcess process;

    Connected(String id, List<Integer> descriptors) {
      this.id = id;
      this.descriptors = List.copyOf(descriptors);
    }

    GatewayProcess process() {
      GatewayProcess started = process;
      if (started == null) {
        throw new IllegalStateException("not started: " + id);
      }
      return started;
    }

    ExecMessage.Builder message() {
      return ExecMessage.newBuilder().setProcessID(id);
    }

    ProcessRequest.Streams streams(boolean terminal) {
      return new ProcessRequest.Streams(
          descriptors.contains(STDIN) ? input.input() : ProcessRequest.Streams.NO_INPUT,
          output(STDOUT),
          output(STDERR),
          terminal);
    }

    private OutputStream output(int descriptor) {
      return descriptors.contains(descriptor)
          ? new Output(this, descriptor)
          : OutputStream.nullOutputStream();
    }

    void write(FdMessage data) throws IOException {
      if (data.getFd() != STDIN || !descriptors.contains(STDIN) || input.hasEnded()) {
        throw Status.OUT_OF_RANGE
            .withDescription(
                "fd " + Integer.toUnsignedString(data.getFd()) + " unavailable to write")
            .asRuntimeException();
      }
      if (data.getEOF()) {
        input.end();
      } else {
        input.output().write(data.getData().toByteArray());
      }
    }

    /** Waits for its end and tells the frontend, last of all that nothing more comes. */
    void finish(BuildGateway.HeldContainer container) throws Exception {
      ExitMessage exit = exit();
      input.input().close(); // nobody reads it any more
      if (exit.hasError()) {
        container.failed(exit.getError());
      }
      for (int descriptor : List.of(STDOUT, STDERR)) {
        if (descriptors.contains(descriptor)) {
          send(message().setFile(FdMessage.newBuilder().setFd(descriptor).setEOF(true)));
        }
      }
      send(message().setExit(exit));
      send(message().setDone(DoneMessage.getDefaultInstance()));
    }

    private ExitMessage exit() throws InterruptedException {
      try {
        int code = process().await();
        return code == 0
            ? ExitMessage.getDefaultInstance()
            : exit(
                code,
                new SolveException(
                    Category.UNKNOWN,
                    "exit code: " + code,
                    new SolveException.Where(List.of(), Optional.empty(), OptionalInt.of(code)),
                    null));
      } catch (SolveException e) {
        return exit(e.exitCode().orElse(UNKNOWN_EXIT), e);
      } catch (RuntimeException e) {
        FailureLog.called("process of a frontend", e);
        return exit(UNKNOWN_EXIT, e);
      }
    }

    private static ExitMessage exit(int code, Exception failure) {
      return ExitMessage.newBuilder().setCode(code).setError(WireErrors.statusOf(failure)).build();
    }
  }

  /** What a process writes to one of its descriptors. */
  private final class Output extends OutputStream {
    private final Connected process;
    private final int descriptor;

    Output(Connected process, int descriptor) {
      this.process = process;
      this.descriptor = descriptor;
    }

    @Override
    public void write(int b) throws IOException {
      write(new byte[] {(byte) b}, 0, 1);
    }

    @Override
    public void write(byte[] data, int offset, int length) throws IOException {
      try {
        process.open.await();
        for (int at = 0; at < length; at += CHUNK) {
          ByteString chunk = ByteString.copyFrom(data, offset + at, Math.min(CHUNK, length - at));
          send(process.message().setFile(FdMessage.newBuilder().setFd(descriptor).setData(chunk)));
        }
      } catch (StatusRuntimeException e) {
        throw new IOException("the frontend is gone", e);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new InterruptedIOException("interrupted");
      }
    }
  }
}
