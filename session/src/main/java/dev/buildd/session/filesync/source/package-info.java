/** File trees that are sent: directories, parts of them by patterns, several of them as one. */
@NullMarked
package dev.buildd.session.filesync.source;

import org.jspecify.annotations.NullMarked;
