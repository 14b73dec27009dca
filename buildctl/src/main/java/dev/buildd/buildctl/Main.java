package dev.buildd.buildctl;

import dev.buildd.base.linux.NativeImage;
import dev.buildd.buildctl.cli.Cli;
import dev.buildd.buildctl.cli.Flag;
import dev.buildd.gateway.SolveException;
import dev.buildd.session.rpc.EventLoops;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CountDownLatch;
import java.util.logging.LogManager;

/** The program {@code buildctl}. */
public final class Main {
  private static final String VERSION = "v0.32.2";

  private Main() {}

  public static void main(String[] args) {
    NativeImage.begin();
    System.setProperty("slf4j.internal.verbosity", "ERROR");
    if (!List.of(args).contains("--debug")) {
      LogManager.getLogManager().reset(); // what the network library has to say is of no use here
    }
    PrintStream out = stream(FileDescriptor.out);
    PrintStream err = stream(FileDescriptor.err);
    CountDownLatch over = new CountDownLatch(1);
    Runtime.getRuntime().addShutdownHook(new CancelHook(Thread.currentThread(), over));
    int status = run(List.of(args), out, err);
    out.flush();
    err.flush();
    over.countDown();
    try {
      EventLoops.endShared(Duration.ofMillis(100));
    } catch (InterruptedException e) {
      // then it ends with the process, as connections and other threads do
    }
    Runtime.getRuntime().halt(status);
  }

  private static PrintStream stream(FileDescriptor descriptor) {
    return new PrintStream(new FileOutputStream(descriptor), false, StandardCharsets.UTF_8);
  }

  /** Runs a command; what it prints goes to the streams. */
  public static int run(List<String> arguments, PrintStream out, PrintStream err) {
    boolean debug = arguments.contains("--debug");
    try {
      return cli(Connection.defaultAddress(), out, err).run(arguments);
    } catch (InterruptedException e) {
      err.println("error: failed to solve: Canceled: context canceled");
      return 1;
    } catch (Exception e) {
      if (e instanceof SolveException failure) {
        SourcePrinter.print(failure.places(), err);
      }
      err.println("error: " + Objects.requireNonNullElse(e.getMessage(), e.toString()));
      if (debug) {
        e.printStackTrace(err);
      }
      return 1;
    }
  }

  static Cli cli(String address, PrintStream out, PrintStream err) {
    return new Cli(
        "buildctl",
        "build utility",
        VERSION,
        "buildctl dev.buildd " + VERSION + " ",
        globalFlags(address),
        List.of(
            DiskUsageCommand.create(out),
            PruneCommand.create(out),
            HistoryCommands.prune(out),
            BuildCommand.create(out, err),
            DebugCommands.create(out),
            DialStdioCommand.create()),
        out,
        err);
  }

  private static List<Flag> globalFlags(String address) {
    return List.of(
        Flag.bool("debug", "enable debug output in logs"),
        Flag.string("addr", "buildkitd address", address),
        Flag.string("log-format", "log formatter: json or text", "text"),
        Flag.string("tlsservername", "buildkitd server name for certificate validation", ""),
        Flag.string("tlscacert", "CA certificate for validation", ""),
        Flag.string("tlscert", "client certificate", ""),
        Flag.string("tlskey", "client key", ""),
        Flag.string(
            "tlsdir",
            "directory containing CA certificate, client certificate, and client key. Supported"
                + " file names are (ca.pem, cert.pem, key.pem) or (ca.crt, tls.crt, tls.key)",
            ""),
        Flag.of(Flag.Kind.INT, "timeout", "timeout backend connection after value seconds", "5"),
        Flag.bool("wait", "block RPCs until the connection becomes available"));
  }
}
