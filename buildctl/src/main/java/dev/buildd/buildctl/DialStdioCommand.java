package dev.buildd.buildctl;

import dev.buildd.base.concurrent.Threads;
import dev.buildd.base.error.BuildException;
import dev.buildd.buildctl.cli.Command;
import dev.buildd.buildctl.cli.Invocation;
import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.util.List;

/** {@code buildctl dial-stdio}: standard input and output become a connection to the daemon. */
final class DialStdioCommand {
  private static final int BUFFER = 64 << 10;

  private DialStdioCommand() {}

  static Command create() {
    return Command.of(
            "dial-stdio",
            "Proxy the stdio stream to the daemon connection. Should not be invoked manually.",
            List.of(),
            DialStdioCommand::run)
        .asHidden();
  }

  private static void run(Invocation flags) throws Exception {
    String address = flags.text("addr");
    if (!address.startsWith("unix://")) {
      throw BuildException.invalid("invalid address " + address + " (expected unix://)");
    }
    try (SocketChannel socket =
        SocketChannel.open(UnixDomainSocketAddress.of(address.substring("unix://".length())))) {
      // the daemon's end decides: input that is a terminal never ends
      Threads.startPlatform(
          "stdin to daemon",
          () -> {
            try {
              pump(new FileInputStream(FileDescriptor.in), socket);
              socket.shutdownOutput();
            } catch (IOException e) {
              // told by the other direction
            }
          });
      try (OutputStream out = new FileOutputStream(FileDescriptor.out)) {
        ByteBuffer buffer = ByteBuffer.allocate(BUFFER);
        while (socket.read(buffer) >= 0) {
          out.write(buffer.array(), 0, buffer.position());
          buffer.clear();
        }
      }
    }
  }

  private static void pump(InputStream from, SocketChannel to) throws IOException {
    byte[] buffer = new byte[BUFFER];
    for (int n = from.read(buffer); n >= 0; n = from.read(buffer)) {
      ByteBuffer chunk = ByteBuffer.wrap(buffer, 0, n);
      while (chunk.hasRemaining()) {
        to.write(chunk);
      }
    }
  }
}
