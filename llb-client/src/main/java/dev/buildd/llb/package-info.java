/** Describes builds: states, and the steps that make them, as a graph (wire.md section 7). */
@NullMarked
package dev.buildd.llb;

import org.jspecify.annotations.NullMarked;
