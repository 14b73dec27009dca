/** A daemon under load and faults for a long time, watched from outside. */
@NullMarked
package dev.buildd.examples.soak;

import org.jspecify.annotations.NullMarked;
