/** Running steps in containers through runc. */
@NullMarked
package dev.buildd.worker.runc;

import org.jspecify.annotations.NullMarked;
