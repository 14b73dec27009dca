package dev.buildd.daemon;

import dev.buildd.base.linux.Linux;
import dev.buildd.base.linux.LinuxException;
import io.netty.channel.ChannelConfig;
import io.netty.channel.ChannelMetadata;
import io.netty.channel.ChannelOption;
import io.netty.channel.ChannelOutboundBuffer;
import io.netty.channel.DefaultChannelConfig;
import io.netty.channel.ServerChannel;
import io.netty.channel.nio.AbstractNioMessageChannel;
import io.netty.channel.socket.nio.NioDomainSocketChannel;
import io.netty.channel.socket.nio.NioSocketChannel;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.SelectionKey;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;

/**
 * A server's end that accepts from a socket which the process was given. The JDK makes channels of
 * its own sockets only, so one is made and what its descriptor leads to is exchanged (adr/0010).
 */
final class PassedChannel extends AbstractNioMessageChannel implements ServerChannel {
  private static final ChannelMetadata METADATA = new ChannelMetadata(false, 16);

  private final boolean isUnix;
  private final ChannelConfig config =
      new DefaultChannelConfig(this) {
        @Override
        public <T> boolean setOption(ChannelOption<T> option, T value) {
          return ChannelOption.SO_BACKLOG.equals(option) || super.setOption(option, value);
        }
      };

  private PassedChannel(ServerSocketChannel channel, boolean isUnix) {
    super(null, channel, SelectionKey.OP_ACCEPT);
    this.isUnix = isUnix;
  }

  /**
   * Accepts from the descriptor's socket.
   *
   * @param descriptor of a listening stream socket; it stays open
   */
  static PassedChannel of(int descriptor) throws IOException {
    boolean isUnix = isUnix(descriptor);
    ServerSocketChannel channel =
        ServerSocketChannel.open(
            isUnix ? StandardProtocolFamily.UNIX : StandardProtocolFamily.INET);
    boolean done = false;
    try {
      // a channel that is not bound accepts nothing; the socket it is bound to goes at once
      channel.bind(isUnix ? null : new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 1);
      Linux.duplicate(descriptor, find(channel));
      PassedChannel made = new PassedChannel(channel, isUnix);
      done = true;
      return made;
    } finally {
      if (isUnix && channel.getLocalAddress() instanceof UnixDomainSocketAddress stand) {
        Files.deleteIfExists(stand.getPath());
      }
      if (!done) {
        channel.close();
      }
    }
  }

  /** Whether a descriptor's socket has a place in the file system. */
  static boolean isUnix(int descriptor) throws LinuxException {
    return Linux.socketKind(descriptor).family() == Linux.AF_UNIX;
  }

  /** The descriptor of a channel that is bound: the listening socket with the channel's address. */
  private static int find(ServerSocketChannel channel) throws IOException {
    SocketAddress address = channel.getLocalAddress();
    try (DirectoryStream<Path> descriptors = Files.newDirectoryStream(Path.of("/proc/self/fd"))) {
      for (Path one : descriptors) {
        int descriptor = Integer.parseInt(String.valueOf(one.getFileName()));
        if (leadsTo(descriptor, address)) {
          return descriptor;
        }
      }
    }
    throw new IOException("no descriptor leads to " + address);
  }

  private static boolean leadsTo(int descriptor, SocketAddress address) {
    try {
      if (!Linux.socketKind(descriptor).isListening()) {
        return false;
      }
      byte[] name = Linux.socketName(descriptor);
      return switch (address) {
        case UnixDomainSocketAddress unix -> isNamed(name, unix.getPath());
        case InetSocketAddress inet ->
            name[0] == Linux.AF_INET
                && Arrays.equals(name, 4, 8, inet.getAddress().getAddress(), 0, 4)
                && ((name[2] & 0xff) << 8 | (name[3] & 0xff)) == inet.getPort();
        default -> false;
      };
    } catch (LinuxException e) {
      return false; // no socket, or closed meanwhile
    }
  }

  private static boolean isNamed(byte[] name, Path path) {
    byte[] wanted = path.toString().getBytes(StandardCharsets.UTF_8);
    int end = 2 + wanted.length;
    return name[0] == Linux.AF_UNIX
        && name.length >= end
        && Arrays.equals(name, 2, end, wanted, 0, wanted.length)
        && (name.length == end || name[end] == 0);
  }

  @Override
  protected ServerSocketChannel javaChannel() {
    return (ServerSocketChannel) super.javaChannel();
  }

  @Override
  protected int doReadMessages(List<Object> accepted) throws Exception {
    SocketChannel one = javaChannel().accept();
    if (one == null) {
      return 0;
    }
    accepted.add(isUnix ? new NioDomainSocketChannel(this, one) : new NioSocketChannel(this, one));
    return 1;
  }

  @Override
  protected void doBind(SocketAddress address) {
    // it was when it was passed on
  }

  @Override
  public boolean isActive() {
    return isOpen();
  }

  @Override
  protected void doClose() throws Exception {
    javaChannel().close();
  }

  @Override
  public ChannelConfig config() {
    return config;
  }

  @Override
  public ChannelMetadata metadata() {
    return METADATA;
  }

  @Override
  protected SocketAddress localAddress0() {
    return new InetSocketAddress(0);
  }

  @Override
  protected SocketAddress remoteAddress0() {
    throw new UnsupportedOperationException();
  }

  @Override
  protected boolean doWriteMessage(Object message, ChannelOutboundBuffer to) {
    throw new UnsupportedOperationException();
  }

  @Override
  protected boolean doConnect(SocketAddress remote, SocketAddress local) {
    throw new UnsupportedOperationException();
  }

  @Override
  protected void doFinishConnect() {
    throw new UnsupportedOperationException();
  }

  @Override
  protected void doDisconnect() {
    throw new UnsupportedOperationException();
  }
}
