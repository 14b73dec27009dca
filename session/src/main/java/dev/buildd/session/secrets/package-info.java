/** Secrets that the client holds. */
@NullMarked
package dev.buildd.session.secrets;

import org.jspecify.annotations.NullMarked;
