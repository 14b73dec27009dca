package dev.buildd.gateway.grpc;

import com.google.protobuf.ByteString;
import dev.buildd.base.concurrent.Threads;
import dev.buildd.base.error.Category;
import dev.buildd.base.text.Ids;
import dev.buildd.gateway.GatewayContainer;
import dev.buildd.gateway.GatewayProcess;
import dev.buildd.gateway.ProcessRequest;
import dev.buildd.gateway.SolveException;
import dev.buildd.proto.gateway.ExecMessage;
import dev.buildd.proto.gateway.ExitMessage;
import dev.buildd.proto.gateway.FdMessage;
import dev.buildd.proto.gateway.LLBBridgeGrpc;
import dev.buildd.proto.gateway.ReadDirRequest;
import dev.buildd.proto.gateway.ReadFileRequest;
import dev.buildd.proto.gateway.ReleaseContainerRequest;
import dev.buildd.proto.gateway.ResizeMessage;
import dev.buildd.proto.gateway.SignalMessage;
import dev.buildd.proto.gateway.StatFileRequest;
import dev.buildd.session.filesync.source.FileStat;
import dev.buildd.session.filesync.transfer.StatMessages;
import dev.buildd.session.rpc.MessageStream;
import io.grpc.StatusRuntimeException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A container in a daemon, over a connection. Each of its processes has a call of its own. */
final class GrpcContainer implements GatewayContainer {
  private static final Logger log = LoggerFactory.getLogger(GrpcContainer.class);
  private static final int BUFFER = 32 << 10;

  private final GrpcGateway gateway;
  private final String id;

  GrpcContainer(GrpcGateway gateway, String id) {
    this.gateway = gateway;
    this.id = id;
  }

  @Override
  public GatewayProcess start(ProcessRequest request) throws InterruptedException {
    Remote process = new Remote(request.streams());
    process.start(request);
    return process;
  }

  @Override
  public byte[] readFile(int mount, String path) throws InterruptedException {
    return gateway
        .call(
            LLBBridgeGrpc.getReadFileContainerMethod(),
            ReadFileRequest.newBuilder().setRef(id).setMountIndex(mount).setFilePath(path).build())
        .getData()
        .toByteArray();
  }

  @Override
  public List<FileStat> readDir(int mount, String path) throws InterruptedException {
    return gateway
        .call(
            LLBBridgeGrpc.getReadDirContainerMethod(),
            ReadDirRequest.newBuilder().setRef(id).setMountIndex(mount).setDirPath(path).build())
        .getEntriesList()
        .stream()
        .map(StatMessages::fromProto)
        .toList();
  }

  @Override
  public FileStat statFile(int mount, String path) throws InterruptedException {
    return StatMessages.fromProto(
        gateway
            .call(
                LLBBridgeGrpc.getStatFileContainerMethod(),
                StatFileRequest.newBuilder().setRef(id).setMountIndex(mount).setPath(path).build())
            .getStat());
  }

  @Override
  public void close() {
    boolean interrupted = Thread.interrupted();
    try {
      gateway.call(
          LLBBridgeGrpc.getReleaseContainerMethod(),
          ReleaseContainerRequest.newBuilder().setContainerID(id).build());
    } catch (SolveException e) {
      log.debug("container not released id={} reason=\"{}\"", id, e.getMessage());
    } catch (InterruptedException e) {
      interrupted = true;
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  /** A process in the daemon's container. */
  private final class Remote implements GatewayProcess {
    private final String process = id + ":" + Ids.random();
    private final ProcessRequest.Streams streams;
    private final MessageStream<ExecMessage, ExecMessage> call;
    private final CountDownLatch started = new CountDownLatch(1);
    private final CountDownLatch done = new CountDownLatch(1);
    private @Nullable ExitMessage exit; // guarded by this
    private @Nullable SolveException failure; // guarded by this
    private @Nullable Thread feeder; // guarded by this

    Remote(ProcessRequest.Streams streams) {
      this.streams = streams;
      this.call = gateway.stream(LLBBridgeGrpc.getExecProcessMethod());
    }

    void start(ProcessRequest request) throws InterruptedException {
      Threads.start("process " + process, this::receive);
      boolean runs = false;
      try {
        send(message().setInit(ContainerMessages.toProto(id, request)));
        started.await();
        runs = true;
      } finally {
        if (!runs) {
          call.cancel();
        }
      }
      synchronized (this) {
        if (exit == null && failure != null) {
          throw failure;
        }
        if (streams.hasInput() && done.getCount() > 0) {
          feeder = Threads.start("stdin " + process, this::feed);
        }
      }
    }

    private ExecMessage.Builder message() {
      return ExecMessage.newBuilder().setProcessID(process);
    }

    private void send(ExecMessage.Builder message) throws InterruptedException {
      try {
        call.write(message.build());
      } catch (StatusRuntimeException e) {
        if (done.getCount() > 0) {
          log.debug("process not reached id={} reason=\"{}\"", process, e.getMessage());
        }
      }
    }

    private void feed() {
      byte[] buffer = new byte[BUFFER];
      try {
        InputStream in = streams.stdin();
        for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
          ByteString data = ByteString.copyFrom(buffer, 0, n);
          send(
              message()
                  .setFile(FdMessage.newBuilder().setFd(ContainerMessages.STDIN).setData(data)));
        }
        send(message().setFile(FdMessage.newBuilder().setFd(ContainerMessages.STDIN).setEOF(true)));
      } catch (IOException e) {
        log.debug("input of a process ended id={} reason=\"{}\"", process, e.getMessage());
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt(); // the process has ended
      }
    }

    private void receive() {
      try {
        ExecMessage message = call.read();
        while (message != null && !message.hasDone()) {
          receive(message);
          message = call.read();
        }
      } catch (StatusRuntimeException e) {
        fail(FailureCodec.of(e));
      } catch (IOException e) {
        fail(
            new SolveException(
                Category.UNKNOWN, "output of a process: " + e, SolveException.Where.UNKNOWN, e));
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      } finally {
        end();
      }
    }

    private void receive(ExecMessage message) throws IOException {
      switch (message.getInputCase()) {
        case STARTED -> started.countDown();
        case FILE -> {
          FdMessage file = message.getFile();
          OutputStream out =
              file.getFd() == ContainerMessages.STDERR ? streams.stderr() : streams.stdout();
          if (file.getEOF()) {
            out.flush();
          } else {
            out.write(file.getData().toByteArray());
          }
        }
        case EXIT -> {
          synchronized (this) {
            exit = message.getExit();
          }
        }
        case INIT, RESIZE, SIGNAL, DONE, INPUT_NOT_SET -> {} // not for us
      }
    }

    private synchronized void fail(SolveException e) {
      failure = e;
    }

    private void end() {
      call.cancel();
      synchronized (this) {
        done.countDown();
        if (feeder != null) {
          feeder.interrupt();
        }
      }
      started.countDown();
    }

    @Override
    public int await() throws InterruptedException {
      done.await();
      synchronized (this) {
        if (exit == null) {
          throw failure != null
              ? failure
              : new SolveException(
                  Category.UNKNOWN, "the process was lost", SolveException.Where.UNKNOWN, null);
        }
        if (failure != null && exit.getCode() == 0) {
          throw failure;
        }
        if (exit.hasError()) {
          SolveException error = FailureCodec.of(exit.getError());
          // so is told of a process that ended by itself
          if (!("exit code: " + exit.getCode()).equals(error.getMessage())) {
            throw error;
          }
        }
        return exit.getCode();
      }
    }

    @Override
    public void signal(String name) throws InterruptedException {
      send(message().setSignal(SignalMessage.newBuilder().setName(name)));
    }

    @Override
    public void resize(int rows, int columns) throws InterruptedException {
      send(message().setResize(ResizeMessage.newBuilder().setRows(rows).setCols(columns)));
    }
  }
}
