package dev.buildd.gateway;

import dev.buildd.llb.Definition;
import java.util.Optional;

/**
 * A text that steps were made from.
 *
 * @param language as GitHub's linguist names it; empty if nobody says
 * @param definition of the filesystem in which the file is, if it is in one
 */
public record SourceInfo(
    String filename, String language, byte[] data, Optional<Definition> definition) {}
