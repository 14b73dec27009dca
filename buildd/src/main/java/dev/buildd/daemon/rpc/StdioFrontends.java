package dev.buildd.daemon.rpc;

import dev.buildd.gateway.GatewayClient;
import dev.buildd.gateway.Result;
import dev.buildd.session.StreamConnection;
import dev.buildd.solver.gateway.FrontendServer;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.List;
import java.util.Optional;

/** Serves the gateway to frontends that are processes, each on a connection of its own. */
public final class StdioFrontends implements FrontendServer {
  @Override
  public Served serve(GatewayClient client, InputStream from, OutputStream to) throws IOException {
    BuildGateway gateway = new BuildGateway(client, _ -> {});
    StreamConnection connection =
        StreamConnection.serve(
            "frontend", from, to, List.of(new GatewayService(gateway).definition()));
    return new Served() {
      @Override
      public Optional<Result> returned() throws Exception {
        return gateway.peek();
      }

      @Override
      public void whenHungUp(Runnable task) {
        connection.whenEnded(task);
      }

      @Override
      public void close() {
        connection.close();
        gateway.close();
      }
    };
  }
}
