package dev.buildd.gateway;

import java.io.InputStream;
import java.io.OutputStream;
import java.util.List;

/**
 * A process that a frontend wants in a container. The configuration of the image is not consulted:
 * what is not said here is not there, but for a default {@code PATH} and, with a terminal, {@code
 * TERM}.
 *
 * @param env {@code NAME=value}
 * @param cwd empty for {@code /}
 * @param user {@code user[:group]} by name or number, empty for root
 * @param removeMountStubs whether directories made above mount points go with the container; of the
 *     first process only
 */
public record ProcessRequest(
    List<String> args,
    List<String> env,
    List<SecretVariable> secretEnv,
    String cwd,
    String user,
    Security security,
    boolean removeMountStubs,
    Streams streams) {
  public ProcessRequest {
    args = List.copyOf(args);
    env = List.copyOf(env);
    secretEnv = List.copyOf(secretEnv);
  }

  /** Without input, confined as steps are, as root. */
  public static ProcessRequest of(OutputStream out, String... args) {
    return new ProcessRequest(
        List.of(args), List.of(), List.of(), "", "", Security.SANDBOX, false, Streams.of(out, out));
  }

  public ProcessRequest withStreams(Streams other) {
    return new ProcessRequest(args, env, secretEnv, cwd, user, security, removeMountStubs, other);
  }

  public ProcessRequest withSecurity(Security other) {
    return new ProcessRequest(args, env, secretEnv, cwd, user, other, removeMountStubs, streams);
  }

  public ProcessRequest withEnv(List<String> entries, List<SecretVariable> secrets) {
    return new ProcessRequest(
        args, entries, secrets, cwd, user, security, removeMountStubs, streams);
  }

  /** How the process is confined. */
  public enum Security {
    SANDBOX,
    /** Needs the entitlement {@code security.insecure}. */
    INSECURE
  }

  /**
   * A variable whose value is a secret of the client's.
   *
   * @param optional whether it is empty, instead of a failure, where the client has none such
   */
  public record SecretVariable(String name, String id, boolean optional) {}

  /**
   * What the process reads and where it writes.
   *
   * @param stdin read by one thread, which is interrupted when the process has ended: a read must
   *     then end; not closed
   * @param stderr gets nothing if there is a terminal: all of that goes to {@code stdout}
   * @param terminal whether the three are a terminal for the process
   */
  public record Streams(
      InputStream stdin, OutputStream stdout, OutputStream stderr, boolean terminal) {
    /** Where there is nothing to read. */
    public static final InputStream NO_INPUT = InputStream.nullInputStream();

    /** Whether there is anything to read, if only an end. */
    @SuppressWarnings("ReferenceEquality") // which stream it is, not what it holds
    public boolean hasInput() {
      return stdin != NO_INPUT;
    }

    public static Streams of(OutputStream stdout, OutputStream stderr) {
      return new Streams(NO_INPUT, stdout, stderr, false);
    }
  }
}
