package dev.buildd.solver.source;

/**
 * What a source is at a moment (wire.md section 14.2).
 *
 * @param value equal for equal content; one that begins with {@code session:} means nothing beyond
 *     the client's session
 * @param last whether no further, costlier key follows
 */
public record SourceKey(String value, boolean last) {}
