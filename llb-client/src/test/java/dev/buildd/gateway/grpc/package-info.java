@NullMarked
package dev.buildd.gateway.grpc;

import org.jspecify.annotations.NullMarked;
