/** The client's SSH agent, forwarded to build steps. */
@NullMarked
package dev.buildd.session.ssh;

import org.jspecify.annotations.NullMarked;
