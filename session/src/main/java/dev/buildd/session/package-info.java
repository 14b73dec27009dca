/** The client's tunnel, both ends: gRPC calls from the daemon to whoever asked for the build. */
@NullMarked
package dev.buildd.session;

import org.jspecify.annotations.NullMarked;
