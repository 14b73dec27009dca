/** Tests of upload. */
@NullMarked
package dev.buildd.session.upload;

import org.jspecify.annotations.NullMarked;
