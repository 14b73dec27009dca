package dev.buildd.solver.llb;

import dev.buildd.base.content.Digest;
import dev.buildd.base.content.Platform;
import dev.buildd.base.error.BuildException;
import dev.buildd.proto.pb.Definition;
import dev.buildd.proto.pb.Op;
import dev.buildd.proto.pb.OpMetadata;
import dev.buildd.solver.graph.Edge;
import java.util.function.Function;

/** Makes the working operation of a validated message; the worker knows how. */
public interface OpFactory {
  /**
   * A message and what goes with it.
   *
   * @param digest names the vertex
   * @param name what users see
   * @param platform the message's, or the machine's where it names none, normalized
   * @param loader makes a graph of a nested definition under the same rules
   */
  record Request(
      Op message,
      OpMetadata metadata,
      Digest digest,
      String name,
      Platform platform,
      Function<Definition, Edge> loader) {

    /** A request that no nested definition may come from. */
    public static Request of(
        Op message, OpMetadata metadata, Digest digest, String name, Platform platform) {
      return new Request(
          message,
          metadata,
          digest,
          name,
          platform,
          definition -> {
            throw BuildException.invalid("nested definitions are not allowed here");
          });
    }

    Request withLoader(Function<Definition, Edge> other) {
      return new Request(message, metadata, digest, name, platform, other);
    }
  }

  /**
   * @throws BuildException if the operation is not to be had or not allowed
   */
  dev.buildd.solver.graph.Op create(Request request);
}
