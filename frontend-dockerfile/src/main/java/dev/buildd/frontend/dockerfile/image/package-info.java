/** Configurations of images: what base images say and what is said of results (section 4.7). */
@NullMarked
package dev.buildd.frontend.dockerfile.image;

import org.jspecify.annotations.NullMarked;
