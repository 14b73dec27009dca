package dev.buildd.daemon;

import static org.assertj.core.api.Assertions.assertThat;

import dev.buildd.client.BuildClient;
import dev.buildd.client.SolveOptions;
import dev.buildd.llb.Llb;
import dev.buildd.proto.control.BuildHistoryEvent;
import dev.buildd.proto.control.BuildHistoryRequest;
import dev.buildd.proto.control.ControlGrpc;
import dev.buildd.proto.control.StatusRequest;
import dev.buildd.proto.control.StatusResponse;
import io.grpc.CallOptions;
import io.grpc.ClientCall;
import io.grpc.Metadata;
import io.grpc.Status;
import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Clients that take all they can get of a daemon, while others build. */
@Tag("root")
@Timeout(120)
final class FloodTest {
  private static final int IDLE = 2000;
  private static final int STREAMS = 10_000;
  private static final int CLIENTS = 4;
  private static final int SLOW = 100;

  @TempDir Path directory;

  private static Duration build(Machine machine) throws Exception {
    long began = System.nanoTime();
    try (BuildClient client = machine.client()) {
      client.solve(
          Optional.of(Llb.scratch().file(Llb.mkfile("/f", 0644, "f" + began)).marshal()),
          SolveOptions.defaults(),
          status -> {});
    }
    return Duration.ofNanos(System.nanoTime() - began);
  }

  /** Waits for a build that nobody has begun, as the daemon does for some seconds. */
  private static void ask(BuildClient client, CountDownLatch ended) {
    ClientCall<StatusRequest, StatusResponse> call =
        client.channel().newCall(ControlGrpc.getStatusMethod(), CallOptions.DEFAULT);
    call.start(
        new ClientCall.Listener<>() {
          @Override
          public void onClose(Status status, Metadata trailers) {
            ended.countDown();
          }
        },
        new Metadata());
    call.request(1);
    call.sendMessage(StatusRequest.newBuilder().setRef("nobody's").build());
    call.halfClose();
  }

  /** Asks for all that is told and reads nothing of it. */
  private static void readNothing(BuildClient client) {
    ClientCall<BuildHistoryRequest, BuildHistoryEvent> call =
        client.channel().newCall(ControlGrpc.getListenBuildHistoryMethod(), CallOptions.DEFAULT);
    call.start(new ClientCall.Listener<>() {}, new Metadata());
    call.sendMessage(BuildHistoryRequest.getDefaultInstance());
    call.halfClose();
  }

  private SocketChannel connect() throws IOException {
    return SocketChannel.open(UnixDomainSocketAddress.of(directory.resolve("buildd.sock")));
  }

  @Test
  void othersBuildMeanwhile() throws Exception {
    List<AutoCloseable> open = new ArrayList<>();
    try (Machine machine = new Machine(directory)) {
      build(machine);
      long descriptors = machine.descriptors();
      for (int i = 0; i < IDLE; i++) {
        open.add(connect());
      }
      assertThat(build(machine)).as("idle connections").isLessThan(Duration.ofSeconds(10));
      CountDownLatch ended = new CountDownLatch(STREAMS);
      for (int i = 0; i < CLIENTS; i++) {
        BuildClient client = machine.client();
        open.add(client);
        for (int j = 0; j < SLOW / CLIENTS; j++) {
          readNothing(client);
        }
        for (int j = 0; j < STREAMS / CLIENTS; j++) {
          ask(client, ended);
        }
      }
      assertThat(build(machine)).as("many streams").isLessThan(Duration.ofSeconds(30));
      assertThat(ended.await(60, TimeUnit.SECONDS)).as("all are answered").isTrue();
      for (AutoCloseable one : open) {
        one.close();
      }
      long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
      while (machine.descriptors() > descriptors + 10) {
        assertThat(System.nanoTime()).as("descriptors are given back").isLessThan(deadline);
        Thread.sleep(100);
      }
      assertThat(machine.figures().get("sessions")).isEqualTo(0L);
      assertThat(machine.log()).doesNotContain("OutOfMemory", "level=error");
    }
  }

  @Test
  void whatIsNoHttpIsPutOut() throws Exception {
    Random random = new Random(1);
    try (Machine machine = new Machine(directory)) {
      for (int i = 0; i < 200; i++) {
        byte[] noise = new byte[random.nextInt(1, 3000)];
        random.nextBytes(noise);
        byte[] preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".getBytes(StandardCharsets.US_ASCII);
        try (SocketChannel channel = connect()) {
          if (i % 2 == 0) {
            channel.write(ByteBuffer.wrap(preface));
          }
          channel.write(ByteBuffer.wrap(noise));
        } catch (IOException e) {
          // it has hung up before all was written
        }
      }
      assertThat(build(machine)).isLessThan(Duration.ofSeconds(10));
      assertThat(machine.log()).doesNotContain("level=error", "OutOfMemory");
    }
  }
}
