package dev.buildd.solver.graph;

import dev.buildd.cache.key.CacheKeyId;

/**
 * An edge with its value.
 *
 * @param result belongs to the solver: share it to keep it
 * @param canonical the one name that depends only on what the value is made of
 */
public record SolvedEdge(SharedResult result, CacheKeyId canonical) {}
