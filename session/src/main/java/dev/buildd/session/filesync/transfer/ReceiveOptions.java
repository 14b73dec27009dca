package dev.buildd.session.filesync.transfer;

import dev.buildd.session.filesync.source.FileStat;
import dev.buildd.session.filesync.source.StatMapper;
import java.util.Optional;
import java.util.function.LongConsumer;
import java.util.function.Predicate;

/**
 * How a tree is received.
 *
 * @param listener learns of changes
 * @param filter changes what is written of the files' metadata, or leaves files out
 * @param differ which files are asked for again
 * @param merge whether what the destination has beyond the sender's tree stays
 * @param metadataOnly if given, only the files for which it is true are transferred; of the others
 *     the metadata alone is kept, in the file {@link #METADATA_FILE}
 * @param progress is told of bytes received, now and then and at the end
 */
public record ReceiveOptions(
    Optional<ChangeListener> listener,
    StatMapper filter,
    Differ differ,
    boolean merge,
    Optional<Predicate<FileStat>> metadataOnly,
    Progress progress) {
  /** Where the metadata of a metadata-only transfer is kept: u32 length (LE) and Stat, repeated. */
  public static final String METADATA_FILE = ".fsutil-metadata";

  /** Which files are asked for again. */
  public enum Differ {
    /** All of them. */
    NONE,
    /** Those whose mode, size, time, owner, device or link differ from the destination's. */
    METADATA
  }

  /** Told of the bytes transferred so far. */
  @FunctionalInterface
  public interface Progress {
    void at(long bytes, boolean done);

    /** Tells nobody. */
    static Progress none() {
      return (bytes, done) -> {};
    }

    /** Tells of bytes only. */
    static Progress of(LongConsumer bytes) {
      return (current, done) -> bytes.accept(current);
    }
  }

  public static ReceiveOptions defaults() {
    return new ReceiveOptions(
        Optional.empty(),
        StatMapper.IDENTITY,
        Differ.METADATA,
        false,
        Optional.empty(),
        Progress.none());
  }

  public ReceiveOptions withListener(ChangeListener other) {
    return new ReceiveOptions(Optional.of(other), filter, differ, merge, metadataOnly, progress);
  }

  public ReceiveOptions withFilter(StatMapper other) {
    return new ReceiveOptions(listener, other, differ, merge, metadataOnly, progress);
  }

  public ReceiveOptions withDiffer(Differ other) {
    return new ReceiveOptions(listener, filter, other, merge, metadataOnly, progress);
  }

  public ReceiveOptions withMerge(boolean other) {
    return new ReceiveOptions(listener, filter, differ, other, metadataOnly, progress);
  }

  public ReceiveOptions withMetadataOnly(Predicate<FileStat> exceptions) {
    return new ReceiveOptions(listener, filter, differ, merge, Optional.of(exceptions), progress);
  }

  public ReceiveOptions withProgress(Progress other) {
    return new ReceiveOptions(listener, filter, differ, merge, metadataOnly, other);
  }
}
