/** Streams of bytes. */
@NullMarked
package dev.buildd.base.io;

import org.jspecify.annotations.NullMarked;
