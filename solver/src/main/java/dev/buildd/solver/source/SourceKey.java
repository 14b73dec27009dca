package dev.buildd.solver.source;

/**
 * What a source is at a moment (wire.md section 14.2).
 *
 * @param value equal for equal content; one that begins with {@code session:} means nothing beyond
 *     the client's session
 * @param last whether no further, costlier key follows
 * @param pin the digest or the commit by which the same can be had for ever; empty if there is none
 */
public record SourceKey(String value, boolean last, String pin) {}
