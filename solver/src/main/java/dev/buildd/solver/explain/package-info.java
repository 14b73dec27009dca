/** Why steps run: what differs from earlier runs, of which enough is kept to tell. */
@NullMarked
package dev.buildd.solver.explain;

import org.jspecify.annotations.NullMarked;
