package dev.buildd.cache;

import dev.buildd.base.pattern.FieldFilter;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;

/**
 * What one ref holds on disk and how it is used.
 *
 * @param size allocated bytes that are not its parents': its files, and archives of them that are
 *     here and no other record's
 * @param shared whether its content is also kept for somebody else
 */
public record UsageRecord(
    String id,
    boolean mutable,
    boolean inUse,
    long size,
    List<String> parents,
    Instant createdAt,
    String description,
    int usageCount,
    Optional<Instant> lastUsedAt,
    String recordType,
    boolean shared) {
  public UsageRecord {
    parents = List.copyOf(parents);
  }

  UsageRecord withSize(long bytes) {
    return new UsageRecord(
        id,
        mutable,
        inUse,
        bytes,
        parents,
        createdAt,
        description,
        usageCount,
        lastUsedAt,
        recordType,
        shared);
  }

  /**
   * Reads filters by BuildKit's names of fields: id, parents, description, inuse, mutable,
   * immutable, type, shared, private.
   *
   * @throws dev.buildd.base.error.BuildException {@code INVALID_ARGUMENT} if one is malformed
   */
  public static Predicate<UsageRecord> matching(List<String> filters) {
    FieldFilter filter = FieldFilter.parse(filters);
    return record -> filter.matches(path -> record.field(path.getFirst()));
  }

  private Optional<String> field(String name) {
    return switch (name) {
      case "id" -> Optional.of(id);
      case "parents" ->
          parents.isEmpty() ? Optional.empty() : Optional.of(String.join(";", parents));
      case "description" -> Optional.of(description).filter(text -> !text.isEmpty());
      case "inuse" -> present(inUse);
      case "mutable" -> present(mutable);
      case "immutable" -> present(!mutable);
      case "type" -> Optional.of(recordType);
      case "shared" -> present(shared);
      case "private" -> present(!shared);
      default -> Optional.empty();
    };
  }

  private static Optional<String> present(boolean holds) {
    return holds ? Optional.of("") : Optional.empty();
  }
}
