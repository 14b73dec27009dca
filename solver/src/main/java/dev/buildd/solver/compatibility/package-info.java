/** How builds of earlier BuildKits are repeated. */
@NullMarked
package dev.buildd.solver.compatibility;

import org.jspecify.annotations.NullMarked;
