/** What a frontend asks of the daemon that runs it. */
@NullMarked
package dev.buildd.gateway;

import org.jspecify.annotations.NullMarked;
