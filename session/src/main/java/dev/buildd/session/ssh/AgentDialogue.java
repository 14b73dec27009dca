package dev.buildd.session.ssh;

import com.google.protobuf.ByteString;
import dev.buildd.base.error.BuildException;
import dev.buildd.proto.sshforward.BytesMessage;
import dev.buildd.session.rpc.MessageStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.util.Arrays;
import java.util.List;
import org.bouncycastle.crypto.CryptoException;

/**
 * What a build may say to an agent (draft-ietf-sshm-ssh-agent): it lists keys and has them sign.
 * Whatever else it asks for is refused, so that no build adds a key to the user's agent, removes
 * one or locks it.
 */
final class AgentDialogue {
  private static final int FAILURE = 5;
  private static final int REQUEST_IDENTITIES = 11;
  private static final int IDENTITIES_ANSWER = 12;
  private static final int SIGN_REQUEST = 13;
  private static final int SIGN_RESPONSE = 14;
  private static final int MAX_MESSAGE = 256 << 10; // as OpenSSH has it

  private static final byte[] REFUSED = {FAILURE};

  private AgentDialogue() {}

  /** Answers a message, which begins with its type. */
  @FunctionalInterface
  interface Answers {
    byte[] to(byte[] request) throws IOException;
  }

  /** Answers until the build has nothing more to ask. */
  static void run(MessageStream<BytesMessage, BytesMessage> call, Answers answers)
      throws IOException, InterruptedException {
    ByteString pending = ByteString.EMPTY;
    for (BytesMessage message = call.read(); message != null; message = call.read()) {
      pending = pending.concat(message.getData());
      while (pending.size() >= Integer.BYTES) {
        int length = checked(pending.substring(0, Integer.BYTES).asReadOnlyByteBuffer().getInt());
        int end = Integer.BYTES + length;
        if (pending.size() < end) {
          break;
        }
        byte[] request = pending.substring(Integer.BYTES, end).toByteArray();
        pending = pending.substring(end);
        byte[] answer = isPermitted(request[0]) ? answers.to(request) : REFUSED;
        byte[] framed = new WireWriter().string(answer).bytes();
        call.write(BytesMessage.newBuilder().setData(ByteString.copyFrom(framed)).build());
      }
    }
  }

  private static boolean isPermitted(byte type) {
    return type == REQUEST_IDENTITIES || type == SIGN_REQUEST;
  }

  private static int checked(int length) {
    if (length < 1 || length > MAX_MESSAGE) {
      throw BuildException.invalid("ssh agent message of " + length + " bytes");
    }
    return length;
  }

  /** The answers of an agent at a socket. */
  static Answers of(SocketChannel agent) {
    return request -> {
      ByteBuffer out = ByteBuffer.wrap(new WireWriter().string(request).bytes());
      while (out.hasRemaining()) {
        agent.write(out);
      }
      return read(agent, checked(ByteBuffer.wrap(read(agent, Integer.BYTES)).getInt()));
    };
  }

  private static byte[] read(SocketChannel agent, int length) throws IOException {
    ByteBuffer in = ByteBuffer.allocate(length);
    while (in.hasRemaining()) {
      if (agent.read(in) < 0) {
        throw new IOException("the agent has gone");
      }
    }
    return in.array();
  }

  /** The answers of keys. */
  static Answers of(List<SshKey> keys) {
    return request ->
        request[0] == REQUEST_IDENTITIES ? identities(keys) : signature(keys, request);
  }

  private static byte[] identities(List<SshKey> keys) {
    WireWriter out = new WireWriter().octet(IDENTITIES_ANSWER).number(keys.size());
    // the comments stay empty: a build need not know where its user keeps keys
    keys.forEach(key -> out.string(key.publicBlob()).string(new byte[0]));
    return out.bytes();
  }

  private static byte[] signature(List<SshKey> keys, byte[] request) {
    try {
      WireReader in = new WireReader(Arrays.copyOfRange(request, 1, request.length));
      byte[] wanted = in.string();
      byte[] data = in.string();
      int flags = in.number();
      for (SshKey key : keys) {
        if (Arrays.equals(key.publicBlob(), wanted)) {
          return new WireWriter().octet(SIGN_RESPONSE).string(key.sign(data, flags)).bytes();
        }
      }
    } catch (IOException | CryptoException e) {
      // the protocol has one answer for all that goes wrong
    }
    return REFUSED;
  }
}
