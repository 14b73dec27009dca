/** Instructions and stages as they are written (dockerfile.md section 3). */
@NullMarked
package dev.buildd.frontend.dockerfile.instruction;

import org.jspecify.annotations.NullMarked;
