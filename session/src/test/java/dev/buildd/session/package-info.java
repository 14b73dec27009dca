/** Tests of the tunnel. */
@NullMarked
package dev.buildd.session;

import org.jspecify.annotations.NullMarked;
