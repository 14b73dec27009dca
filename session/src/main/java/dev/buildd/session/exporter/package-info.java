/** Exports that a client chooses once it knows what was built. */
@NullMarked
package dev.buildd.session.exporter;

import org.jspecify.annotations.NullMarked;
