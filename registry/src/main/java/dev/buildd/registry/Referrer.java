package dev.buildd.registry;

import dev.buildd.base.content.Descriptor;

/**
 * A manifest that says of itself what it is about: a signature, an attestation (distribution-spec
 * 1.1, referrers).
 *
 * @param artifactType what it is
 */
public record Referrer(Descriptor descriptor, String artifactType) {}
