/** The services that clients and frontends call. */
@NullMarked
package dev.buildd.daemon.rpc;

import org.jspecify.annotations.NullMarked;
