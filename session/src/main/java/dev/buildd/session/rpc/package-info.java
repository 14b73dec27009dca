/** gRPC calls in blocking style, on both ends. */
@NullMarked
package dev.buildd.session.rpc;

import org.jspecify.annotations.NullMarked;
