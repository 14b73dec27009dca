/** Tests of file transfer. */
@NullMarked
package dev.buildd.session.filesync;

import org.jspecify.annotations.NullMarked;
