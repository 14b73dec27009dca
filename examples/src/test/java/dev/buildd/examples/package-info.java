/** Tests of the examples. */
@NullMarked
package dev.buildd.examples;

import org.jspecify.annotations.NullMarked;
