/** Tests of the client against a daemon that only pretends. */
@NullMarked
package dev.buildd.client;

import org.jspecify.annotations.NullMarked;
