package dev.buildd.snapshot;

/**
 * What a snapshot itself holds on disk, its parents not counted.
 *
 * @param bytes allocated bytes
 * @param inodes files and directories
 */
public record Usage(long bytes, long inodes) {
  public static final Usage NONE = new Usage(0, 0);

  public Usage plus(Usage other) {
    return new Usage(bytes + other.bytes, inodes + other.inodes);
  }
}
