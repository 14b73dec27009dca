/** Rules of what should not be written although it can be (dockerfile.md section 7). */
@NullMarked
package dev.buildd.frontend.dockerfile.lint;

import org.jspecify.annotations.NullMarked;
