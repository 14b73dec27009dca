package dev.buildd.client;

import dev.buildd.base.concurrent.Threads;
import dev.buildd.base.linux.ProgramPath;
import io.grpc.Status;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelOutboundHandlerAdapter;
import io.netty.channel.ChannelPromise;
import io.netty.channel.socket.nio.NioDomainSocketChannel;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.SocketAddress;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * Connects by a command: what goes to its standard input and comes from its standard output is the
 * connection. Each attempt to connect starts it anew. Netty wants a socket: the command is at the
 * other end of one that only this user can reach and whose name is gone once it is connected.
 *
 * <p>Thread-safe.
 */
final class CommandDialer {
  private static final int BUFFER = 64 << 10;
  private static final int MAX_ERRORS = 4 << 10;
  private static final long GRACE_SECONDS = 3;

  private final List<String> command;
  private final AtomicInteger running = new AtomicInteger();
  private volatile @Nullable String failure;

  /**
   * @param command a program's name, which is looked for in {@code PATH}, and its arguments
   */
  CommandDialer(List<String> command) {
    this.command = List.copyOf(command);
  }

  /** Why the last attempt to connect, or the last connection, came to its end by itself. */
  Optional<String> failure() {
    return Optional.ofNullable(failure);
  }

  /** Whether the command runs now. */
  boolean isRunning() {
    return running.get() > 0;
  }

  /** A channel that starts the command when it is to connect, wherever it is told to. */
  NioDomainSocketChannel newChannel() {
    NioDomainSocketChannel channel = new NioDomainSocketChannel();
    channel.pipeline().addFirst(new Dial());
    return channel;
  }

  private final class Dial extends ChannelOutboundHandlerAdapter {
    @Override
    public void connect(
        ChannelHandlerContext context,
        SocketAddress remote,
        @Nullable SocketAddress local,
        ChannelPromise promise) {
      // to start a program takes longer than an event loop may
      Threads.startPlatform(
          "connect by " + command.getFirst(),
          () -> {
            try {
              run(context, promise);
            } catch (IOException e) {
              failure = e.getMessage();
              promise.tryFailure(e);
              context.close();
            }
          });
    }
  }

  private void run(ChannelHandlerContext context, ChannelPromise promise) throws IOException {
    List<String> started = program();
    Path directory = Files.createTempDirectory("buildctl-"); // nobody else's: mode 0700
    Path name = directory.resolve("socket");
    try (ServerSocketChannel listener = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      UnixDomainSocketAddress address = UnixDomainSocketAddress.of(name);
      Process process;
      try {
        listener.bind(address, 1);
        context.channel().closeFuture().addListener(closed -> stop(listener));
        process = new ProcessBuilder(started).start();
      } catch (IOException e) {
        Files.deleteIfExists(name);
        Files.delete(directory);
        throw e;
      }
      running.incrementAndGet();
      SocketChannel peer;
      try {
        context.executor().execute(() -> context.connect(address, null, promise));
        peer = listener.accept();
      } catch (IOException e) { // nobody wants the connection any more
        process.destroy();
        running.decrementAndGet();
        throw e;
      } finally {
        Files.deleteIfExists(name);
        Files.delete(directory);
      }
      try (peer) {
        carry(process, peer, context);
      } finally {
        running.decrementAndGet();
      }
    }
  }

  private static void stop(ServerSocketChannel listener) throws IOException {
    listener.close();
  }

  /**
   * A signal of the terminal, as of Ctrl-C, is for the client: the command of a session of its own
   * stays connected until the client has told the daemon.
   */
  private List<String> program() throws IOException {
    Map<String, String> environment = System.getenv();
    String name = command.getFirst();
    Path program =
        ProgramPath.find(name, environment)
            .orElseThrow(
                () -> new IOException("the program " + name + " is not in PATH: install it"));
    List<String> out = new ArrayList<>();
    ProgramPath.find("setsid", environment).ifPresent(setsid -> out.add(setsid.toString()));
    out.add(program.toString());
    out.addAll(command.subList(1, command.size()));
    return out;
  }

  private void carry(Process process, SocketChannel peer, ChannelHandlerContext context) {
    Errors said = new Errors();
    Threads.startPlatform(
        command.getFirst() + "'s errors", () -> said.readAll(process.getErrorStream()));
    Threads.startPlatform(
        "to " + command.getFirst(),
        () -> {
          send(peer, process.getOutputStream());
          end(process);
        });
    receive(process.getInputStream(), peer);
    end(process);
    if (context.channel().isOpen()) { // its end is not our doing
      String told = said.await().strip();
      String reason =
          "command `%s` has ended with exit status %d%s"
              .formatted(
                  String.join(" ", command),
                  process.exitValue(),
                  told.isEmpty() ? "" : ": " + told);
      failure = reason;
      context
          .executor()
          .execute(() -> {
            context.fireExceptionCaught(
                Status.UNAVAILABLE
                    .withDescription(reason)
                    .asRuntimeException()); // as gRPC tells it
            context.close();
          });
    }
  }

  /** What is sent, to the end of either side; then the command's input ends. */
  private static void send(SocketChannel from, OutputStream to) {
    ByteBuffer buffer = ByteBuffer.allocate(BUFFER);
    try (to) {
      while (from.read(buffer) >= 0) {
        to.write(buffer.array(), 0, buffer.position());
        to.flush();
        buffer.clear();
      }
    } catch (IOException e) {
      // the command has ended, which its output tells too
    }
  }

  private static void receive(InputStream from, SocketChannel to) {
    byte[] buffer = new byte[BUFFER];
    try {
      for (int n = from.read(buffer); n >= 0; n = from.read(buffer)) {
        ByteBuffer chunk = ByteBuffer.wrap(buffer, 0, n);
        while (chunk.hasRemaining()) {
          to.write(chunk);
        }
      }
    } catch (IOException e) {
      // the connection has been closed
    }
  }

  /** Gives the command time to end by itself: both callers come here when its work is over. */
  private static void end(Process process) {
    try {
      if (!process.waitFor(GRACE_SECONDS, TimeUnit.SECONDS)) {
        process.destroy();
        if (!process.waitFor(GRACE_SECONDS, TimeUnit.SECONDS)) {
          process.destroyForcibly().waitFor();
        }
      }
    } catch (InterruptedException e) {
      process.destroyForcibly();
      Thread.currentThread().interrupt();
    }
  }

  /** The end of what a command says. */
  private static final class Errors {
    private final ByteArrayOutputStream out = new ByteArrayOutputStream(); // guarded by this
    private final CountDownLatch over = new CountDownLatch(1);

    void readAll(InputStream from) {
      byte[] buffer = new byte[MAX_ERRORS];
      try {
        for (int n = from.read(buffer); n >= 0; n = from.read(buffer)) {
          add(buffer, n);
        }
      } catch (IOException e) {
        // it has ended
      }
      over.countDown();
    }

    private synchronized void add(byte[] buffer, int length) {
      out.write(buffer, 0, length);
      if (out.size() > 2 * MAX_ERRORS) {
        byte[] all = out.toByteArray();
        out.reset();
        out.write(all, all.length - MAX_ERRORS, MAX_ERRORS);
      }
    }

    /** All of it, or what there is if a child of the command holds its error output open. */
    String await() {
      try {
        var _ = over.await(GRACE_SECONDS, TimeUnit.SECONDS);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
      synchronized (this) {
        String text = out.toString(StandardCharsets.UTF_8);
        return text.substring(Math.max(0, text.length() - MAX_ERRORS));
      }
    }
  }
}
