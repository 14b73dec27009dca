/** The frontend as a whole, compared with what the reference did. */
@NullMarked
package dev.buildd.frontend.dockerfile.golden;

import org.jspecify.annotations.NullMarked;
