/** The Dockerfile frontend (dockerfile.md): from a Dockerfile and options to definitions. */
@NullMarked
package dev.buildd.frontend.dockerfile;

import org.jspecify.annotations.NullMarked;
