/** Tests of secrets. */
@NullMarked
package dev.buildd.session.secrets;

import org.jspecify.annotations.NullMarked;
