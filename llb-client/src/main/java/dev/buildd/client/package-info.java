/** Asks a daemon for builds. */
@NullMarked
package dev.buildd.client;

import org.jspecify.annotations.NullMarked;
