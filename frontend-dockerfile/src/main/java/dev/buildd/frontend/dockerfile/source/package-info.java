/** The text of a Dockerfile: places in it, faults of it, its bytes and characters. */
@NullMarked
package dev.buildd.frontend.dockerfile.source;

import org.jspecify.annotations.NullMarked;
