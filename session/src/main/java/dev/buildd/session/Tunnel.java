package dev.buildd.session;

import com.google.protobuf.ByteString;
import com.google.protobuf.UnsafeByteOperations;
import dev.buildd.proto.control.BytesMessage;
import io.netty.buffer.ByteBuf;
import io.netty.channel.AbstractChannel;
import io.netty.channel.Channel;
import io.netty.channel.ChannelConfig;
import io.netty.channel.ChannelMetadata;
import io.netty.channel.ChannelOption;
import io.netty.channel.ChannelOutboundBuffer;
import io.netty.channel.ChannelPromise;
import io.netty.channel.DefaultChannelConfig;
import io.netty.channel.EventLoop;
import java.net.SocketAddress;
import java.util.ArrayDeque;
import java.util.Deque;
import org.jspecify.annotations.Nullable;

/**
 * A connection whose bytes travel as messages of another gRPC call. It writes only while that call
 * can take more and reads only what was asked for, so a slow end slows the other down.
 *
 * <p>All state belongs to the event loop.
 */
final class Tunnel extends AbstractChannel {
  /** The call that carries the bytes. */
  interface Wire {
    boolean isReady();

    void send(BytesMessage message);

    void request(int messages);

    /** The tunnel is closed on this side; called once. */
    void close();
  }

  private static final ChannelMetadata METADATA = new ChannelMetadata(false);
  private static final int CHUNK = 256 << 10;
  private static final int AHEAD = 8;

  static final SocketAddress ADDRESS = new Address();

  private static final class Address extends SocketAddress {
    private static final long serialVersionUID = 1L;

    @Override
    public String toString() {
      return "session";
    }
  }

  private final EventLoop loop;
  private final Wire wire;
  private final ChannelConfig config = new Config(this);
  private final Deque<ByteString> inbox = new ArrayDeque<>();
  private boolean open = true;
  private boolean active;
  private boolean started;
  private boolean readPending;
  private boolean eof;

  /**
   * @param serving whether this end is the HTTP/2 server's, connected from the beginning
   */
  Tunnel(@Nullable Channel parent, EventLoop loop, Wire wire, boolean serving) {
    super(parent);
    this.loop = loop;
    this.wire = wire;
    this.active = serving;
  }

  private static final class Config extends DefaultChannelConfig {
    Config(Channel channel) {
      super(channel);
    }

    @Override
    public <T> boolean setOption(ChannelOption<T> option, T value) {
      return ChannelOption.SO_KEEPALIVE.equals(option) || super.setOption(option, value);
    }
  }

  void inbound(ByteString bytes) {
    run(() -> {
      if (!open) {
        return;
      }
      inbox.add(bytes);
      if (readPending) {
        drain();
      }
    });
  }

  void inboundEnd() {
    run(() -> {
      eof = true;
      if (inbox.isEmpty()) {
        unsafe().close(voidPromise());
      }
    });
  }

  /**
   * Closes without ceremony. A close through the pipeline would send GOAWAY and PING and wait ten
   * seconds for an answer that Go's gRPC never gives.
   */
  void hangUp() {
    run(() -> unsafe().close(voidPromise()));
  }

  void writable() {
    run(() -> {
      if (isActive()) {
        unsafe().flush();
      }
    });
  }

  private void run(Runnable task) {
    if (loop.inEventLoop()) {
      task.run();
    } else {
      loop.execute(task);
    }
  }

  private void drain() {
    if (!open) {
      return;
    }
    readPending = false;
    int messages = 0;
    for (ByteString bytes = inbox.poll(); bytes != null; bytes = inbox.poll()) {
      messages++;
      if (!bytes.isEmpty()) {
        // a pooled copy: reading into the message itself gained a tenth and leaked
        ByteBuf buffer = alloc().heapBuffer(bytes.size());
        bytes.copyTo(buffer.array(), buffer.arrayOffset() + buffer.writerIndex());
        buffer.writerIndex(buffer.writerIndex() + bytes.size());
        pipeline().fireChannelRead(buffer);
      }
    }
    pipeline().fireChannelReadComplete();
    if (open && messages > 0) {
      wire.request(messages);
    }
    if (eof) {
      unsafe().close(voidPromise());
    }
  }

  @Override
  protected void doBeginRead() {
    if (!started) {
      started = true;
      wire.request(AHEAD);
    }
    if (inbox.isEmpty()) {
      readPending = true;
    } else {
      loop.execute(this::drain);
    }
  }

  @Override
  protected void doWrite(ChannelOutboundBuffer out) {
    while (wire.isReady()) {
      int size = 0;
      int count = 0;
      byte[] chunk = new byte[Math.min(CHUNK, pending(out))];
      for (Object current = out.current();
          current instanceof ByteBuf buffer;
          current = out.current()) {
        int readable = buffer.readableBytes();
        if (readable > chunk.length - size) {
          if (size > 0) {
            break;
          }
          readable = chunk.length;
        }
        buffer.readBytes(chunk, size, readable);
        size += readable;
        count++;
        if (buffer.isReadable()) {
          break;
        }
        out.remove();
      }
      if (count == 0) {
        return;
      }
      wire.send(
          BytesMessage.newBuilder()
              .setData(UnsafeByteOperations.unsafeWrap(chunk, 0, size))
              .build());
    }
  }

  private static int pending(ChannelOutboundBuffer out) {
    return (int) Math.min(Integer.MAX_VALUE, Math.max(1, out.totalPendingWriteBytes()));
  }

  @Override
  protected void doClose() {
    if (!open) {
      return;
    }
    open = false;
    active = false;
    inbox.clear();
    wire.close();
  }

  @Override
  protected AbstractUnsafe newUnsafe() {
    return new AbstractUnsafe() {
      @Override
      public void connect(SocketAddress remote, SocketAddress local, ChannelPromise promise) {
        if (!promise.setUncancellable()) {
          return;
        }
        active = true;
        promise.trySuccess();
        pipeline().fireChannelActive();
      }
    };
  }

  @Override
  protected boolean isCompatible(EventLoop candidate) {
    return true;
  }

  @Override
  protected SocketAddress localAddress0() {
    return ADDRESS;
  }

  @Override
  protected SocketAddress remoteAddress0() {
    return ADDRESS;
  }

  @Override
  protected void doBind(SocketAddress address) {
    throw new UnsupportedOperationException("a tunnel is not bound");
  }

  @Override
  protected void doDisconnect() {
    doClose();
  }

  @Override
  public ChannelConfig config() {
    return config;
  }

  @Override
  public boolean isOpen() {
    return open;
  }

  @Override
  public boolean isActive() {
    return active;
  }

  @Override
  public ChannelMetadata metadata() {
    return METADATA;
  }
}
