/** Tests of exports that clients choose. */
@NullMarked
package dev.buildd.session.exporter;

import org.jspecify.annotations.NullMarked;
