/** The protocol by which a file tree goes over a connection, both ends (wire.md section 5.1). */
@NullMarked
package dev.buildd.session.filesync.transfer;

import org.jspecify.annotations.NullMarked;
