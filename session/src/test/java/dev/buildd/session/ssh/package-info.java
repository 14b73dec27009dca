/** Tests of agent forwarding. */
@NullMarked
package dev.buildd.session.ssh;

import org.jspecify.annotations.NullMarked;
