/** Definitions into vertices, and the bridge that frontends build through. */
@NullMarked
package dev.buildd.solver.llb;

import org.jspecify.annotations.NullMarked;
