/** What whoever asks for a build says besides the Dockerfile (section 5.1). */
@NullMarked
package dev.buildd.frontend.dockerfile.options;

import org.jspecify.annotations.NullMarked;
