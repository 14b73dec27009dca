/** Quotes and variables in words (dockerfile.md section 2). */
@NullMarked
package dev.buildd.frontend.dockerfile.expand;

import org.jspecify.annotations.NullMarked;
