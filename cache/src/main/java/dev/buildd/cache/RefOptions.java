package dev.buildd.cache;

import java.time.Instant;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/**
 * What is noted with a new ref.
 *
 * @param description what users read in {@code du}
 * @param recordType one of the names of wire.md section 12.2
 * @param retain whether a mutable ref stays when it is released
 * @param createdAt when it is said to have been made; now, if empty
 * @param indexes names and values by which {@link CacheManager#search} finds it
 */
public record RefOptions(
    String description,
    String recordType,
    boolean retain,
    Optional<Instant> createdAt,
    Map<String, String> indexes) {
  public static final String REGULAR = "regular";
  public static final String INTERNAL = "internal";
  public static final String FRONTEND = "frontend";
  public static final String SOURCE_LOCAL = "source.local";
  public static final String SOURCE_GIT_CHECKOUT = "source.git.checkout";
  public static final String EXEC_CACHE_MOUNT = "exec.cachemount";

  public RefOptions {
    indexes = Map.copyOf(indexes);
  }

  public static RefOptions of(String description) {
    return new RefOptions(description, REGULAR, false, Optional.empty(), Map.of());
  }

  public RefOptions withRecordType(String type) {
    return new RefOptions(description, type, retain, createdAt, indexes);
  }

  public RefOptions withCreatedAt(Instant time) {
    return new RefOptions(description, recordType, retain, Optional.of(time), indexes);
  }

  public RefOptions withRetain() {
    return new RefOptions(description, recordType, true, createdAt, indexes);
  }

  public RefOptions withIndex(String name, String value) {
    Map<String, String> all = new HashMap<>(indexes);
    all.put(name, value);
    return new RefOptions(description, recordType, retain, createdAt, all);
  }
}
