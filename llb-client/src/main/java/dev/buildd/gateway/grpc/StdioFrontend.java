package dev.buildd.gateway.grpc;

import dev.buildd.gateway.Frontend;
import dev.buildd.gateway.Result;
import dev.buildd.session.StreamConnection;
import io.grpc.ManagedChannel;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/**
 * Runs a frontend in a program of its own that a daemon has started, which talks with it through
 * standard input and output (wire.md section 18).
 *
 * <pre>{@code
 * public static void main(String[] args) throws Exception {
 *   System.exit(StdioFrontend.run(new MyFrontend()));
 * }
 * }</pre>
 */
public final class StdioFrontend {
  private static final String OPTION = "BUILDKIT_FRONTEND_OPT_";

  private StdioFrontend() {}

  /**
   * Runs the frontend for the daemon that has started this program; what the frontend prints goes
   * to standard error from now on. To be followed by the program's end: that is what hangs up.
   *
   * @return what the program is to exit with
   */
  public static int run(Frontend frontend) throws InterruptedException {
    OutputStream out = System.out;
    System.setOut(System.err);
    return run(frontend, System.getenv(), System.in, out);
  }

  static int run(
      Frontend frontend, Map<String, String> environment, InputStream in, OutputStream out)
      throws InterruptedException {
    ManagedChannel channel = StreamConnection.connect("daemon", in, out);
    GrpcGateway gateway =
        GrpcGateway.connect(
            channel,
            Optional.empty(),
            environment.getOrDefault("BUILDKIT_SESSION_ID", ""),
            environment.getOrDefault("BUILDKIT_EXPORTEDPRODUCT", ""),
            options(environment));
    Result result;
    try {
      result = frontend.build(gateway);
    } catch (InterruptedException e) {
      throw e;
    } catch (Exception e) {
      gateway.returnError(e);
      return 1;
    }
    gateway.returnResult(result);
    return 0;
  }

  /** What whoever asked for the build has said: each is a variable of its own. */
  static Map<String, String> options(Map<String, String> environment) {
    Map<String, String> out = new HashMap<>();
    environment.forEach((name, value) -> {
      int equals = value.indexOf('=');
      if (name.startsWith(OPTION) && equals >= 0) {
        out.put(value.substring(0, equals), value.substring(equals + 1));
      }
    });
    return out;
  }
}
