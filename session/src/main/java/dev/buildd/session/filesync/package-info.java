/** Transfer of file trees between client and daemon (wire.md section 5). */
@NullMarked
package dev.buildd.session.filesync;

import org.jspecify.annotations.NullMarked;
