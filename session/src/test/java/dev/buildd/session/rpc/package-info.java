/** Tests of rpc. */
@NullMarked
package dev.buildd.session.rpc;

import org.jspecify.annotations.NullMarked;
