/** Answers about a Dockerfile that are no builds (section 6). */
@NullMarked
package dev.buildd.frontend.dockerfile.subrequest;

import org.jspecify.annotations.NullMarked;
