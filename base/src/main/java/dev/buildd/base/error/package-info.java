/** The few categories of failure. */
@NullMarked
package dev.buildd.base.error;

import org.jspecify.annotations.NullMarked;
