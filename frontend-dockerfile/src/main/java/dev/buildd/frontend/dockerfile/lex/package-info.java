/** From bytes to lines that are instructions (dockerfile.md section 1). */
@NullMarked
package dev.buildd.frontend.dockerfile.lex;

import org.jspecify.annotations.NullMarked;
