package dev.buildd.solver.graph;

import dev.buildd.cache.key.CacheKeyId;
import java.util.Optional;

/**
 * An output with its value.
 *
 * @param execution has the value, and lasts as long as somebody shares it
 * @param canonical the one name that depends only on what the value is made of
 * @param probeable whether its names may lead to older records; false of a value that was forced
 *     fresh
 * @param record where the value was loaded from; empty if it was made
 */
record Solved(
    Execution execution,
    SharedResult value,
    CacheKeyId canonical,
    KeySet names,
    boolean probeable,
    Optional<FoundRecord> record) {}
