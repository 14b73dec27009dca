/** Streams that the client uploads, such as a build context on its standard input. */
@NullMarked
package dev.buildd.session.upload;

import org.jspecify.annotations.NullMarked;
