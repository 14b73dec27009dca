/** The gateway over gRPC: what a frontend asks of a daemon through a connection. */
@NullMarked
package dev.buildd.gateway.grpc;

import org.jspecify.annotations.NullMarked;
