package dev.buildd.solver.graph;

import dev.buildd.base.content.Digest;
import dev.buildd.base.metrics.ResourceUsage;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** What a build tells those who watch it. */
public sealed interface ProgressEvent {
  Digest vertex();

  /** The same event, told of another vertex that shares the work. */
  ProgressEvent relabel(VertexState other);

  /** A vertex as it stands: known, started or completed. */
  record VertexState(
      Digest vertex,
      List<Digest> inputs,
      String name,
      Optional<Vertex.ProgressGroup> group,
      Optional<Instant> started,
      Optional<Instant> completed,
      boolean cached,
      String error)
      implements ProgressEvent {
    @Override
    public ProgressEvent relabel(VertexState other) {
      return new VertexState(
          other.vertex, other.inputs, other.name, other.group, started, completed, cached, error);
    }

    VertexState with(
        Optional<Instant> newStarted,
        Optional<Instant> newCompleted,
        boolean isCached,
        String text) {
      return new VertexState(vertex, inputs, name, group, newStarted, newCompleted, isCached, text);
    }
  }

  /**
   * A part of a vertex's work.
   *
   * @param id the line that users see
   * @param current units done, bytes where bytes are moved
   */
  record Status(
      Digest vertex,
      String id,
      String name,
      long current,
      long total,
      Instant timestamp,
      Optional<Instant> started,
      Optional<Instant> completed)
      implements ProgressEvent {
    @Override
    public ProgressEvent relabel(VertexState other) {
      return new Status(other.vertex, id, name, current, total, timestamp, started, completed);
    }
  }

  /**
   * Output of a step; stream 1 is stdout, 2 is stderr.
   *
   * @param watchersOnly for those who watch only: that output was clipped, or its end once more; a
   *     record of the build has all of it in {@link Clipped}
   */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  record Log(Digest vertex, int stream, byte[] data, Instant timestamp, boolean watchersOnly)
      implements ProgressEvent {
    @Override
    public ProgressEvent relabel(VertexState other) {
      return new Log(other.vertex, stream, data, timestamp, watchersOnly);
    }
  }

  /** Output of a step that those who watch are not told, for it was beyond the limits. */
  record Clipped(
      Digest vertex, int stream, KeptOutput file, long offset, int length, Instant timestamp)
      implements ProgressEvent {
    @Override
    public ProgressEvent relabel(VertexState other) {
      return new Clipped(other.vertex, stream, file, offset, length, timestamp);
    }
  }

  /** Something users should look at. */
  record Warning(
      Digest vertex,
      int level,
      byte[] summary,
      List<byte[]> detail,
      String url,
      Optional<SourceInfo> source,
      List<SourceRange> ranges)
      implements ProgressEvent {
    @Override
    public ProgressEvent relabel(VertexState other) {
      return new Warning(other.vertex, level, summary, detail, url, source, ranges);
    }
  }

  /**
   * What a source turned out to be; said of the vertex that brings it, or of the work that looks it
   * up.
   *
   * @param identifier as the build names it, with its scheme
   * @param pin what that name stands for now and can be found by for ever: the digest of an image
   *     or a file, a commit; empty if there is nothing such
   */
  record SourceResolved(
      Digest vertex, String identifier, Map<String, String> attributes, String pin)
      implements ProgressEvent {
    public SourceResolved {
      attributes = Map.copyOf(attributes);
    }

    @Override
    public ProgressEvent relabel(VertexState other) {
      return new SourceResolved(other.vertex, identifier, attributes, pin);
    }
  }

  /** What the processes of a step took of the machine. */
  record Used(Digest vertex, ResourceUsage usage, Instant timestamp) implements ProgressEvent {
    @Override
    public ProgressEvent relabel(VertexState other) {
      return new Used(other.vertex, usage, timestamp);
    }
  }

  /** Why a vertex was worked on, or was not. */
  record Explained(Digest vertex, Reason reason, Instant timestamp) implements ProgressEvent {
    @Override
    public ProgressEvent relabel(VertexState other) {
      return new Explained(other.vertex, reason, timestamp);
    }

    /** The same as a part of the work, for those who know no reasons. */
    Status asStatus() {
      return new Status(
          vertex,
          "why: " + reason.summary,
          "",
          0,
          0,
          timestamp,
          Optional.of(timestamp),
          Optional.of(timestamp));
    }
  }

  /**
   * Why a vertex was worked on, or was not.
   *
   * @param summary one line
   * @param details more of it, a line each
   * @param build the build that it is compared with, or from which its result is; empty if unknown
   */
  record Reason(Kind kind, String summary, List<String> details, String build) {
    /** What kind of reason it is. */
    public enum Kind {
      /** A recorded result was used. */
      HIT,
      /** Nothing like it is known to have run. */
      FIRST,
      /** Recorded results were not to be used. */
      FORCED,
      /** Something differs from the run that is most like it. */
      CHANGED,
      /** It ran before, and its result has been removed. */
      REMOVED,
      /** A recorded result was found and could not be had. */
      LOST
    }

    public Reason {
      details = List.copyOf(details);
    }
  }

  /** A file from which definitions were made. */
  record SourceInfo(String filename, byte[] data, String language, byte[] definition) {}

  /** Lines from 1, characters from 0. */
  record SourceRange(int startLine, int startCharacter, int endLine, int endCharacter) {}
}
