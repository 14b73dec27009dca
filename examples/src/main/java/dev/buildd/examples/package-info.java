/**
 * Programs that describe builds; each writes LLB to its standard output, to be piped into {@code
 * buildctl build}.
 */
@NullMarked
package dev.buildd.examples;

import org.jspecify.annotations.NullMarked;
