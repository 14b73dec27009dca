/** What frontends that run inside the daemon build through. */
@NullMarked
package dev.buildd.solver.gateway;

import org.jspecify.annotations.NullMarked;
