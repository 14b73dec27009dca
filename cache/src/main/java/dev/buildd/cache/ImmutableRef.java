package dev.buildd.cache;

import dev.buildd.base.content.Digest;
import dev.buildd.cache.contenthash.ChecksumOptions;
import dev.buildd.cache.contenthash.ListedFile;
import dev.buildd.snapshot.Mount;
import java.io.IOException;
import java.io.OutputStream;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/**
 * A hold on a result that never changes. Every hold is closed once; the record stays until it is
 * pruned, which a hold prevents.
 */
public interface ImmutableRef extends AutoCloseable {
  String id();

  /** Another hold on the same. */
  ImmutableRef share();

  /** Whether the files are known by where they come from, but not here. Whoever uses them waits. */
  boolean isLazy();

  /** Brings the files here, unless they are. */
  void prepare() throws Exception;

  /**
   * Finds out, without bringing them, whether the files are here or can be had.
   *
   * @throws dev.buildd.base.error.BuildException {@code NOT_FOUND} if they cannot
   */
  void checkAvailable() throws Exception;

  /** Brings the blob of a lazy layer, and keeps it until that is closed. */
  AutoCloseable fetchBlob() throws Exception;

  /**
   * The files, read-only. Only for a lone layer is the path writable in fact: never write to it.
   */
  Mounted mount();

  /** How to mount read-only. */
  List<Mount> mounts();

  /** Bytes of its own, measured at the first call. */
  long size();

  String description();

  Instant createdAt();

  /**
   * Writes what this adds to what it was built upon, as a layer's archive. For refs of a {@link
   * #layerChain} only. Burns processor time.
   */
  void archive(OutputStream out) throws IOException, InterruptedException;

  /** The digest of what is at a path (wire.md section 14.4); remembered for the next time. */
  Digest checksum(String path, ChecksumOptions options);

  /** Hands over the files that {@link #checksum} looked at. Off virtual threads. */
  void files(String path, ChecksumOptions options, ListedFile.Reader reader);

  /** The digest that the file at an absolute path would have, were its mode and owner others. */
  Digest digestAs(String path, int mode, int uid, int gid);

  /**
   * The layers that make it up, lowest first: one ref for each layer that an exported image would
   * have. The caller closes them.
   */
  List<ImmutableRef> layerChain();

  /** Notes a small value with the record. It may become durable a moment later. */
  void put(String key, byte[] value);

  Optional<byte[]> get(String key);

  /** Makes the record findable by {@link CacheManager#search}. */
  void index(String name, String value);

  @Override
  void close();
}
